import { command, type Command, type CommandContext } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { integer, text, toggle, type TableOf } from '@spate/runtime/settings'

import { controlDesigns, runCampaign, type CampaignResult } from './campaign.ts'
import { isMutation, mutations, type MutationName } from './mutations.ts'

/** Flags of `spate sim`. */
export interface SimSettings {
  readonly seeds: number
  readonly fromSeed: number
  readonly mutation: string
  readonly proof: boolean
}

const table: TableOf<SimSettings> = {
  seeds: integer(1000, 1, 10_000_000, 'How many seeds to run.'),
  fromSeed: integer(
    1,
    0,
    4_000_000_000,
    'The first seed; a failing seed is repeated by its number.',
  ),
  mutation: text(
    '',
    `Takes one remedy away, which the checker must notice: ${Object.keys(mutations).join(', ')}.`,
  ),
  proof: toggle(false, 'Also runs every mutation and both control designs; all must be caught.'),
}

/** `spate sim`: the sale's ledger in a simulated world, judged by the history checker. */
export const simCommand: Command = command({
  name: 'sim',
  summary: 'Prove the flash sale in a simulated world: crashes, torn disks, lost messages.',
  usage: '[--seeds N] [--from-seed N] [--mutation NAME] [--proof]',
  examples: [
    ['spate sim --seeds 10000', 'ten thousand seeds, all promises checked'],
    ['spate sim --from-seed 4711 --seeds 1', 'one seed again'],
    ['spate sim --mutation no-sync', 'must fail: answers do not wait for the disk'],
    ['spate sim --proof', 'every mutation and control design must be caught'],
  ],
  settings: table,
  run,
})

async function run(context: CommandContext<typeof table>): Promise<number> {
  const { settings, json, host, signal, clock } = context
  const mutation = mutationOf(settings.mutation)
  const say = (line: string): void => {
    if (!json) host.write(`${line}\n`)
  }
  const begun = clock.elapsed()
  const { seeds, fromSeed } = settings
  const main = await runCampaign({
    seeds,
    fromSeed,
    signal,
    ...(mutation ? { mutation } : {}),
    progress: (done) => {
      if (done % 1000 === 0)
        say(`  ${done} seeds, ${Math.round((clock.elapsed() - begun) / 1000)} s`)
    },
  })
  say(lineOf(main))
  const proofs = settings.proof && !mutation ? await proof(context, say) : []
  const seconds = Math.round((clock.elapsed() - begun) / 100) / 10
  const missed = proofs.filter((one) => !one.failed)
  if (json) host.write(`${JSON.stringify({ ...main, seconds, proofs })}\n`)
  else if (main.failed)
    say(
      `again: spate sim --from-seed ${main.failed.seed} --seeds 1${mutation ? ` --mutation ${mutation}` : ''}`,
    )
  return main.failed || missed.length > 0 ? 1 : 0
}

async function proof(
  { settings, signal }: CommandContext<typeof table>,
  say: (line: string) => void,
): Promise<CampaignResult[]> {
  const results: CampaignResult[] = []
  const all = [
    ...Object.keys(mutations).map((name) => ({ mutation: name as MutationName })),
    ...Object.values(controlDesigns).map((control) => ({ control })),
  ]
  for (const subject of all) {
    const range = { fromSeed: settings.fromSeed, seeds: Math.max(settings.seeds, 1000), signal }
    const result = await runCampaign({ ...range, ...subject })
    results.push(result)
    say(lineOf(result))
  }
  return results
}

function lineOf(result: CampaignResult): string {
  const { subject, seeds, operations, orders, crashes, failed } = result
  const counts = `${seeds} seeds, ${operations} operations, ${orders} orders, ${crashes} crashes`
  if (!failed) return `${subject}: every promise kept (${counts})`
  const [first] = failed.violations
  return `${subject}: BROKEN at seed ${failed.seed}: ${first?.kind}: ${first?.detail} (${counts})`
}

function mutationOf(name: string): MutationName | undefined {
  if (name === '') return undefined
  if (isMutation(name)) return name
  throw new Fault('settings_invalid', 'unknown mutation', {
    fields: [{ field: 'mutation', value: name, expected: Object.keys(mutations).join(', ') }],
  })
}
