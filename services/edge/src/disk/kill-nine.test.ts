import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Agent, request as send } from 'undici'
import { SeededChance } from '@spate/runtime/chance'
import { startOrigin } from '../test-edge.ts'
import { processToken } from '../testing/edge-process.ts'

/** 100 for the proof; few where every change runs it. */
const rounds = Number(process.env['KILL_ROUNDS'] ?? 2)
const seed = Number(process.env['KILL_SEED'] ?? 1)
/** Objects that writers try to fetch between two deaths; each round ends before that. */
const objectsARound = 400
/** Complete objects carried from one life into the next, at most. */
const carriedMax = 150
const writers = 8
/** Sizes of bodies: most are small; one of sixteen is more than memory takes and goes to disk as it comes. */
const lengths = [
  200, 900, 3000, 3000, 7000, 12_000, 20_000, 20_000, 40_000, 40_000, 90_000, 90_000, 150_000,
  300_000, 300_000, 1_300_000,
]
/** A round takes 2 to 5 s, most of it the start of a process; far more where a machine is busy. */
const timeout = 60_000 + rounds * 15_000
const host = 'killed.example'

const children = new Set<ChildProcess>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

interface Life {
  readonly child: ChildProcess
  readonly url: string
  readonly adminUrl: string
  readonly readyMs: number
}

async function begin(originUrl: string, folder: string): Promise<Life> {
  const program = join(import.meta.dirname, '..', 'testing', 'edge-process.ts')
  const startMs = performance.now()
  const child = spawn(process.execPath, [program, originUrl, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: `${folder}-compiled` },
  })
  children.add(child)
  const died = once(child, 'exit').then(() => assert.fail('the edge ended before it was ready'))
  const [line] = (await Promise.race([once(child.stdout, 'data'), died])) as [Buffer]
  died.catch(() => {
    // From here on it is meant to end.
  })
  const [url = '', adminUrl = ''] = String(line).trim().split(' ')
  return { child, url, adminUrl, readyMs: performance.now() - startMs }
}

async function end({ child }: Life): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  children.delete(child)
}

/** The body of `path` in its `version`. */
function bodyOf(path: string, version: number): Buffer {
  const digest = createHash('sha256').update(`${path} ${version}`).digest()
  const length = lengths[(digest[0] as number) % lengths.length] ?? 0
  const body = Buffer.alloc(length, digest)
  body.write(`${path} ${version};`)
  return body
}

async function fetched(
  url: string,
  headers: Record<string, string>,
  dispatcher: Agent,
): Promise<{ status: number; body: Buffer } | undefined> {
  try {
    const answer = await send(url, { headers: { host, ...headers }, dispatcher })
    return { status: answer.statusCode, body: Buffer.from(await answer.body.arrayBuffer()) }
  } catch {
    // The edge died under it.
    return undefined
  }
}

test(
  `${rounds} times killed while it writes: never a wrong byte, nothing purged comes back, 95 % of complete objects are hits`,
  { timeout },
  async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'spate-kill-'))
    const chance = new SeededChance(seed)
    const versions = new Map<string, number>()
    const versionOf = (path: string): number => versions.get(path) ?? 0
    const origin = await startOrigin((request, response) => {
      const path = request.url ?? ''
      response.writeHead(200, { 'cache-control': 'max-age=86400', 'cache-tag': path.slice(1, 4) })
      response.end(bodyOf(path, versionOf(path)))
    })
    let objects = 0
    let hits = 0
    let wrong = 0
    let slowestMs = 0
    let complete: string[] = []
    for (let round = 0; round <= rounds; round++) {
      const life = await begin(origin.url, folder)
      slowestMs = Math.max(slowestMs, life.readyMs)
      const dispatcher = new Agent({ connections: writers })
      const reading = Array.from({ length: writers }, async (_, lane) => {
        for (let at = lane; at < complete.length; at += writers) {
          const path = complete[at] as string
          const cached = { 'cache-control': 'only-if-cached' }
          const seen = await fetched(`${life.url}${path}`, cached, dispatcher)
          objects++
          if (seen?.status === 200) hits++
          if (seen?.status === 200 && !seen.body.equals(bodyOf(path, versionOf(path)))) wrong++
        }
      })
      await Promise.all(reading)
      // A tenth is purged for good, and what the origin says from then on is another version.
      const purged = complete.filter(() => chance.integer(0, 9) === 0)
      if (purged.length > 0) {
        const answer = await send(`${life.adminUrl}/purge`, {
          method: 'POST',
          headers: { authorization: `Bearer ${processToken}`, 'content-type': 'application/json' },
          body: JSON.stringify({ urls: purged.map((path) => `http://${host}${path}`) }),
        })
        assert.equal(answer.statusCode, 200, await answer.body.text())
        for (const path of purged) versions.set(path, versionOf(path) + 1)
      }
      const next = complete.filter((path) => !purged.includes(path)).slice(-carriedMax)
      const paths = Array.from(
        { length: objectsARound },
        (_, at) => `/${round % 7}ab/${round}-${at}`,
      )
      paths.push(...purged)
      const death = new AbortController()
      const deathAt = next.length + chance.integer(150, 300)
      const enough = Promise.withResolvers<void>()
      const writing = Array.from({ length: writers }, async (_, lane) => {
        for (let at = lane; at < paths.length && !death.signal.aborted; at += writers) {
          const path = paths[at] as string
          const seen = await fetched(`${life.url}${path}`, {}, dispatcher)
          if (!seen) continue
          if (!seen.body.equals(bodyOf(path, versionOf(path)))) wrong++
          if (!death.signal.aborted) next.push(path)
          if (next.length >= deathAt) enough.resolve()
        }
      })
      await enough.promise
      death.abort()
      await end(life)
      await Promise.all(writing)
      await dispatcher.destroy()
      complete = next
    }
    await origin.stop()
    for (const made of [folder, `${folder}-compiled`])
      await rm(made, { recursive: true, force: true })
    context.diagnostic(
      `rounds ${rounds}, objects ${objects}, hits ${hits} (${((100 * hits) / objects).toFixed(2)} %), wrong ${wrong}, slowest start ${slowestMs.toFixed(0)} ms`,
    )
    assert.equal(wrong, 0)
    assert.ok(objects > 20 * rounds, `only ${objects} objects`)
    assert.ok(hits >= 0.95 * objects, `${hits} of ${objects} are hits`)
  },
)
