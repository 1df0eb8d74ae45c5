import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import type { FeaturesAnswer } from './contract.ts'
import { userNumbersOf } from './domain/features/feature-vector.ts'
import { userFeaturesOf } from './domain/features/user-features.ts'
import type { EventKind } from './domain/history.ts'
import { RecommendState } from './domain/state.ts'

/** Every named point of the consumer's loop, and of the snapshot it saves its offsets in. */
const points = [
  'recommend.before-apply',
  'recommend.after-apply',
  'recommend.after-batch',
  'recommend.before-snapshot',
  'recommend.after-snapshot',
] as const

const program = join(import.meta.dirname, 'testing', 'engine-process.ts')
const itemIds = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const kinds = ['view', 'click', 'cart', 'purchase', 'impression'] as const

interface Sent {
  readonly eventId: string
  readonly userId: string
  readonly itemId: string
  readonly type: EventKind
  readonly timestamp: number
}

/** Events whose ids say all of them; the same numbers give the same events. */
const events = (from: number, to: number): Sent[] =>
  Array.from({ length: to - from }, (_, step) => {
    const at = from + step
    const itemId = itemIds[(at * at) % 7] ?? ''
    const type = kinds[at % 5] ?? 'view'
    const timestamp = 1_700_000_000_000 + ((at * 7919) % 400) * 3_600_000
    return { eventId: `e${at}`, userId: `u${at % 9}`, itemId, type, timestamp }
  })
const [early, late] = [events(0, 200), events(200, 400)]

interface Engine {
  readonly child: ChildProcess
  readonly url: string
  readonly ended: Promise<NodeJS.Signals | null>
}

const children: Set<ChildProcess> = new Set()

/** Starts the engine; `url` is empty where it died before it listened. */
async function startEngine(folder: string, crashAt?: string): Promise<Engine> {
  const child = spawn(process.execPath, [program, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...(crashAt ? { SPATE_CRASH_AT: crashAt } : {}) },
  })
  children.add(child)
  const ended = once(child, 'exit').then(([, signal]) => signal as NodeJS.Signals | null)
  const line = once(child.stdout, 'data').then(([bytes]) => String(bytes).trim())
  return { child, url: await Promise.race([line, ended.then(() => '')]), ended }
}

/** True where the events were acknowledged. */
async function send(url: string, body: readonly object[]): Promise<boolean> {
  try {
    const headers = { 'content-type': 'application/json' }
    const init = { method: 'POST', headers, body: JSON.stringify(body) }
    return (await fetch(`${url}/recommend/events`, init)).status === 202
  } catch {
    return false
  }
}

/** What was counted: events in all, sums, and what is known of every user. */
interface Counters {
  readonly applied: number
  readonly popular: Readonly<Record<string, number>>
  readonly users: readonly unknown[]
}

const users = Array.from({ length: 9 }, (_, user) => `u${user}`)
const rounded = (sum: number): number => Math.round(sum * 1e9) / 1e9

async function counters(url: string): Promise<Counters> {
  const read = async <Answer>(path: string): Promise<Answer> =>
    (await (await fetch(`${url}/recommend/${path}`)).json()) as Answer
  type Popular = { readonly items: readonly { readonly itemId: string; readonly score: number }[] }
  const { items } = await read<Popular>('popular?span=ever&numItems=100')
  const { state } = await read<{ readonly state: { readonly events: number } }>('models')
  const known = users.map(async (user) => {
    const { features, recent } = await read<FeaturesAnswer>(`features/${user}`)
    return [features['user.events'], features['user.purchase_share'], recent]
  })
  return {
    applied: state.events,
    popular: Object.fromEntries(items.map(({ itemId, score }) => [itemId, rounded(score)])),
    users: await Promise.all(known),
  }
}

/** The counters of one pass over all events, in this process. */
function singlePass(): Counters {
  const state = new RecommendState()
  for (const { type, timestamp, ...event } of [...early, ...late])
    state.interact({ ...event, kind: type, timeMs: timestamp, weight: 1 })
  const popular = itemIds.flatMap((itemId) => {
    const sum = state.popularity.value(state.catalogue.numberOf(itemId) ?? -1, 'ever', 0)
    return sum > 0 ? [[itemId, rounded(sum)] as const] : []
  })
  const known = users.map((userId) => {
    const user = userFeaturesOf(state.histories.of(userId), state.catalogue)
    const numbers = userNumbersOf({ userId, user, nowMs: Date.now() })
    return [numbers['user.events'], numbers['user.purchase_share'], user.recent]
  })
  return { applied: state.events, popular: Object.fromEntries(popular), users: known }
}

let base = ''

describe('a consumer killed at a named point', { concurrency: 2 }, () => {
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'recommend-crash-'))
    const engine = await startEngine(join(base, 'base'))
    assert.ok(await send(engine.url, early))
    engine.child.kill('SIGTERM')
    assert.equal(await engine.ended, null)
  })
  after(() => children.forEach((child) => child.kill('SIGKILL')))
  after(() => rm(base, { recursive: true, force: true }))

  for (const point of points)
    test(`${point}: counters are those of a single pass`, { timeout: 300_000 }, (t) =>
      killedAt(point, t),
    )
})

async function killedAt(point: string, t: TestContext): Promise<void> {
  const folder = join(base, point)
  const filter = (path: string): boolean => !path.endsWith('lock')
  await cp(join(base, 'base'), folder, { recursive: true, filter })
  const dying = await startEngine(folder, point)
  let acknowledged = 0
  for (let at = 0; at < late.length; at += 25)
    if (await send(dying.url, late.slice(at, at + 25))) acknowledged += 25
  if (point.endsWith('-snapshot')) dying.child.kill('SIGTERM')
  assert.equal(await dying.ended, 'SIGKILL')
  t.diagnostic(`${acknowledged} of ${late.length} late events were acknowledged`)
  if (point === 'recommend.after-apply') {
    // Once more, now while it reads again what the first death left unread.
    assert.equal(await (await startEngine(folder, point)).ended, 'SIGKILL')
  }
  const engine = await startEngine(folder)
  // The caller does not know what came through, and sends everything again.
  assert.ok(await send(engine.url, [...late, ...early].toReversed()))
  const expected = singlePass()
  let found = await counters(engine.url)
  // However long it takes to read: too many would not be waited for, and too few never come.
  while (found.applied < expected.applied) found = await counters(engine.url)
  assert.deepEqual(found, expected)
  engine.child.kill('SIGTERM')
  await engine.ended
}
