import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import type { BenchTable } from '@spate/runtime/bench'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { cpuMs } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import { MemoryKeyValue } from '@spate/state/memory-key-value'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { Consumer } from './consumer.ts'
import { Feedback } from './domain/rank/feedback.ts'
import { Partition } from './domain/partition.ts'
import { RecommendState, type Interaction } from './domain/state.ts'
import { FeatureCache } from './features/feature-cache.ts'
import { Warmups } from './features/warmups.ts'
import { Ingest, topics } from './ingest.ts'
import { checkpointOf, framesOf } from './snapshots.ts'
import { startTestProgram } from './testing/program.ts'

type Row = BenchTable['rows'][number]

/** Events replayed; `SPATE_BENCH_EVENTS` for the million of the service levels. */
const events = Number(process.env['SPATE_BENCH_EVENTS'] ?? 200_000)
const users = events / 10
const items = 20_000

/** Feeding the engine: events in, features warmed up, memory, restart. */
export async function run(): Promise<BenchTable> {
  // First, while nothing of the other rows is left for the collector to find.
  const sized = sizes()
  const { state, rows } = applied()
  return {
    name: 'feed',
    title: 'Recommend: events in, features, memory, restart',
    rows: [
      ...rows,
      await accepted(),
      await sent('a JSON list of 500 a call'),
      await sent('lines of JSON'),
      ...(await warmedUp(state)),
      ...sized,
      await restarted(state),
    ],
    notes: [
      `${events} events of ${users} users on ${items} items, a fiftieth of them late; CPU time of the whole process on one core`,
      'control: each entry of the log parsed and put into a map by user, nothing else',
      'applied: entries of the log into the state; accepted: checked and durable in the embedded log, 2000 a call',
      'end to end: bytes on a socket until they are in the state, the sender in a process of its own',
      'restart: from the checkpoint in the journal, half of the events; then the other half from the log',
    ],
  }
}

/** Made-up events: popular items more often, each user a week of them, nearly in order. */
function* madeUp(count: number): Generator<Record<string, string | number>> {
  const chance = new SeededChance(5)
  const nowMs = systemClock.now()
  for (let at = 0; at < count; at++) {
    const late = chance.float() < 0.02 ? chance.integer(0, 2 * 3_600_000) : 0
    yield {
      eventId: `e${at}`,
      userId: `u${chance.integer(0, users - 1)}`,
      itemId: `i${Math.floor(items * chance.float() ** 3)}`,
      kind: 'view',
      weight: 1,
      timeMs: nowMs - Math.floor(7 * 86_400_000 * (1 - at / count)) - late,
    }
  }
}

/** The same as callers send them. */
function* bodiesOf(count: number): Generator<object> {
  for (const { kind, timeMs, ...rest } of madeUp(count))
    yield { ...rest, type: kind, timestamp: timeMs }
}

function rate(label: string, count: number, spentMs: number): Row {
  return {
    label,
    figures: {
      'a second': Math.round(count / (spentMs / 1000)),
      'us an event': Number(((1000 * spentMs) / count).toFixed(2)),
    },
  }
}

function applied(): { readonly state: RecommendState; readonly rows: readonly Row[] } {
  const state = new RecommendState()
  const parts = { state, feedback: new Feedback(), telemetry: noTelemetry, log: silentLog }
  const consumer = new Consumer({ ...parts, offsets: {} })
  const entries = [...madeUp(events)].map((event, offset) => ({
    topic: topics.interactions,
    partition: 0,
    offset,
    headers: {},
    value: Buffer.from(JSON.stringify(event)),
  }))
  const controlMs = cpuMs()
  const byUser = new Map<string, unknown[]>()
  for (const { value } of entries) {
    const event = JSON.parse(value.toString()) as { readonly userId: string }
    const known = byUser.get(event.userId)
    if (known) known.push(event)
    else byUser.set(event.userId, [event])
  }
  const startMs = cpuMs()
  consumer.apply(entries)
  const rows = [
    rate('control: parsed and mapped', events, startMs - controlMs),
    rate('events applied', events, cpuMs() - startMs),
  ]
  return { state, rows }
}

async function accepted(): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-feed-'))
  const eventLog = await openEmbeddedEventLog({ folder, clock: systemClock })
  const ingest = new Ingest({
    publish: (topic, entries) => eventLog.publish(topic, entries),
    clock: systemClock,
    eventIdsMax: 500_000,
    partition: new Partition(),
  })
  const bodies = [...bodiesOf(events)]
  const startMs = cpuMs()
  for (let at = 0; at < bodies.length; at += 2000)
    await ingest.events(bodies.slice(at, at + 2000), ROOT_CONTEXT)
  const row = rate('events accepted, durable', events, cpuMs() - startMs)
  await eventLog.close()
  await rm(folder, { recursive: true })
  return row
}

/** Sends the bodies in the file, so many lines a call (0: one call of lines), one call at a time. */
const sender = `
const [url, file, size] = process.argv.slice(1)
const lines = require('node:fs').readFileSync(file, 'utf8').split('\\n')
const call = async (type, body) => {
  const answer = await fetch(url + '/recommend/events', {
    method: 'POST', headers: { 'content-type': type }, body })
  if (answer.status !== 202) throw new Error(await answer.text())
}
const main = async () => {
  if (size === '0') return call('application/x-ndjson', lines.join('\\n'))
  for (let at = 0; at < lines.length; at += Number(size))
    await call('application/json', '[' + lines.slice(at, at + Number(size)).join() + ']')
}
main()
`

async function sent(how: 'a JSON list of 500 a call' | 'lines of JSON'): Promise<Row> {
  const program = await startTestProgram({ telemetry: noTelemetry })
  const { url, running, folder } = program
  // It would train on the way: that has rows of its own.
  await running.engine.trainer.stop()
  const file = join(folder, 'bodies')
  await writeFile(file, [...bodiesOf(events)].map((body) => JSON.stringify(body)).join('\n'))
  const size = how === 'lines of JSON' ? '0' : '500'
  const startMs = cpuMs()
  const child = spawn(process.execPath, ['-e', sender, url, file, size], { stdio: 'inherit' })
  await once(child, 'exit')
  if (child.exitCode !== 0) throw new Error('the sender was refused')
  while (running.engine.state.events < events) await systemClock.sleep(5)
  const row = rate(`end to end, ${how}`, events, cpuMs() - startMs)
  await program.stop()
  await rm(folder, { recursive: true })
  return row
}

async function warmedUp(state: RecommendState): Promise<Row[]> {
  const parts = { clock: systemClock, log: silentLog, telemetry: noTelemetry }
  const store = new MemoryKeyValue({ clock: systemClock, bytesMax: 1024 ** 3 })
  const limits = { featureTtlMs: 3_600_000, featureBudgetMs: 1000 }
  const chance = new SeededChance(1)
  const cache = new FeatureCache({ ...parts, ...limits, store, state, chance })
  const rows: Row[] = []
  for (const warmupConcurrency of [4, 64, 1024]) {
    const warmups = new Warmups({ ...parts, cache, warmupConcurrency })
    const userIds = Array.from({ length: Math.min(users, 20_000) }, (_, user) => `u${user}`)
    const job = warmups.start(userIds, ROOT_CONTEXT)
    while (job.status === 'running') await systemClock.sleep(5)
    const figures = { 'a second': job.usersPerSecond }
    rows.push({ label: `users warmed up, ${warmupConcurrency} at once`, figures })
  }
  await store.close()
  return rows
}

/** Bytes an item and a user take, by what the heap grows. */
function sizes(): Row[] {
  const held = (): number => {
    globalThis.gc?.()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const emptyBytes = held()
  const state = new RecommendState()
  for (let at = 0; at < items; at++)
    state.describe({
      itemId: `i${at}`,
      title: `Item ${at} of the shop`,
      tags: [],
      hidden: false,
      price: 3,
      categories: [`c${at % 40}`],
    })
  const itemBytes = held() - emptyBytes
  const before = held()
  const chance = new SeededChance(9)
  for (let user = 0; user < 10_000; user++)
    for (let event = 0; event < 10; event++)
      state.histories.record(`user-${user}`, chance.integer(0, items - 1), event, 0)
  const userBytes = held() - before
  return [
    {
      label: 'an item, described',
      figures: { bytes: Math.round(itemBytes / state.catalogue.size) },
    },
    { label: 'a user with 10 events', figures: { bytes: Math.round(userBytes / 10_000) } },
  ]
}

/** Seconds from nothing to the state it had, and proof that it is the same to the bit. */
async function restarted(state: RecommendState): Promise<Row> {
  const half = new RecommendState()
  const all = [...madeUp(events)] as unknown as Interaction[]
  for (const event of all.slice(0, events / 2)) half.interact(event)
  const savingMs = systemClock.elapsed()
  const frames = await framesOf({
    state: half.view(),
    feedback: new Feedback().view(),
    offsets: {},
  })
  const savedMs = systemClock.elapsed()
  const bytes = Buffer.concat(frames)
  const startMs = systemClock.elapsed()
  const again = new RecommendState(undefined, checkpointOf(bytes)?.state)
  const loadedMs = systemClock.elapsed()
  const values = all.slice(events / 2).map((event) => Buffer.from(JSON.stringify(event)))
  const replayMs = systemClock.elapsed()
  for (const value of values) again.interact(JSON.parse(value.toString()) as Interaction)
  const endMs = systemClock.elapsed()
  // The same events once more, in one go: times of both are made anew, so the second is replayed too.
  const single = new RecommendState()
  for (const event of all) single.interact(event)
  const same = isDeepStrictEqual(single.save(), again.save())
  if (!same || single.events !== state.events) throw new Error('the restart is not the state')
  return {
    label: `restart with ${events} events`,
    figures: {
      bytes: bytes.length,
      'save s': Number(((savedMs - savingMs) / 1000).toFixed(2)),
      turns: frames.length,
      'load s': Number(((loadedMs - startMs) / 1000).toFixed(2)),
      'replay s': Number(((endMs - replayMs) / 1000).toFixed(2)),
      'bit-equal': 'yes',
    },
  }
}
