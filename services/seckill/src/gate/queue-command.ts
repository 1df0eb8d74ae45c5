import { createClient } from '@spate/http/client'
import { command, type Command, type CommandContext } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { text, url, type TableOf } from '@spate/runtime/settings'
import { drawFaults, type DrawnPlace } from './domain/draw.ts'

interface VerifyQueueSettings {
  readonly url: string
  readonly commitment: string | undefined
}

const settings: TableOf<VerifyQueueSettings> = {
  url: url('http://127.0.0.1:8081', 'Where the flash-sale engine answers.'),
  commitment: text(undefined, 'The commitment you saw before the start.', {
    pattern: /^[\da-f]{64}$/,
    expected: '64 hex digits',
  }),
}

/** `spate audit verify-queue`: was a waiting room's draw the one that was promised? */
export const verifyQueueCommand: Command = command({
  name: 'audit verify-queue',
  summary:
    "Make a waiting room's draw again from its published seed, and check places you were told.",
  usage: 'PRODUCT [ARRIVAL:PLACE ...]',
  examples: [
    ['spate audit verify-queue tea-01', 'does the seed fit the commitment?'],
    ['spate audit verify-queue tea-01 17:204', 'arrival 17 was told place 204: is that true?'],
    ['spate audit verify-queue tea-01 --commitment 9f2c...', 'against what you noted before'],
  ],
  settings,
  run,
})

async function run(context: CommandContext<TableOf<VerifyQueueSettings>>): Promise<number> {
  const { host, words, json, settings: given } = context
  const [productId, ...places] = words
  if (productId === undefined) throw new Fault('invalid_request', 'name the product')
  const told = places.map(readPlace)
  const published = await readDraw(context, productId)
  const { arrivals, commitment } = published
  const seen = given.commitment ?? commitment
  const seed = Buffer.from(published.seed, 'hex')
  const faults = drawFaults({ commitment: seen, seed, arrivals }, told)
  const result = { productId, ...published, commitment: seen, placesChecked: told.length, faults }
  host.write(
    json
      ? `${JSON.stringify(result)}\n`
      : [
          `arrivals    ${arrivals}`,
          `commitment  ${seen}`,
          `seed        ${published.seed}`,
          `checked     ${told.length} places`,
          ...faults.map((fault) => `WRONG       ${fault}`),
          faults.length === 0
            ? 'the draw is the one that was promised\n'
            : 'the draw is NOT fair\n',
        ].join('\n'),
  )
  return faults.length === 0 ? 0 : 1
}

function readPlace(word: string): DrawnPlace {
  const match = /^(\d{1,9}):(\d{1,9})$/.exec(word)
  if (!match) throw new Fault('invalid_request', `not ARRIVAL:PLACE: ${word.slice(0, 40)}`)
  return { arrival: Number(match[1]), place: Number(match[2]) }
}

interface Draw {
  readonly commitment: string
  readonly seed: string
  readonly arrivals: number
}

/** Throws `conflict` before the draw, `bad_gateway` where there is no answer to use. */
async function readDraw(
  { settings: given, clock, chance, signal }: CommandContext<TableOf<VerifyQueueSettings>>,
  productId: string,
): Promise<Draw> {
  const client = createClient({ clock, chance })
  try {
    const path = `/seckill/queue/${encodeURIComponent(productId)}/draw`
    const answer = await client.fetch(`${given.url.replace(/\/$/, '')}${path}`, {
      timeoutMs: 10_000,
      signal,
    })
    const body = (await answer.json()) as Readonly<Record<string, unknown>>
    const { commitment, seed, arrivals } = body
    if (!answer.ok) throw new Fault('bad_gateway', `${given.url} answered ${answer.status}`)
    if (seed === null) throw new Fault('conflict', 'nothing is drawn yet: the sale has not started')
    if (typeof commitment !== 'string' || typeof seed !== 'string' || typeof arrivals !== 'number')
      throw new Fault('bad_gateway', `${given.url} did not answer with a draw`)
    return { commitment, seed, arrivals }
  } finally {
    await client.close()
  }
}
