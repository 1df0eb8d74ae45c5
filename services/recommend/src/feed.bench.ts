import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
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
import { RecommendState, type SavedState } from './domain/state.ts'
import { FeatureCache } from './features/feature-cache.ts'
import { Warmups } from './features/warmups.ts'
import { Ingest, topics } from './ingest.ts'

type Row = BenchTable['rows'][number]

/** Events replayed; `SPATE_BENCH_EVENTS` for the million of the service levels. */
const events = Number(process.env['SPATE_BENCH_EVENTS'] ?? 200_000)
const users = events / 10
const items = 20_000

/** Feeding the engine: events in, features warmed up, memory, restart. */
export async function run(): Promise<BenchTable> {
  // First, while nothing of the other rows is left for the collector to find.
  const sized = sizes()
  const { state, row } = applied()
  return {
    name: 'feed',
    title: 'Recommend: events in, features, memory, restart',
    rows: [row, await accepted(), ...(await warmedUp(state)), ...sized, restarted(state)],
    notes: [
      `${events} events of ${users} users on ${items} items; one core, CPU time`,
      'apply: entries of the log into the state, control: JSON.parse of the same entries alone',
      'accept: checked, durable in the embedded log on disk, 2000 a call',
    ],
  }
}

/** Made-up events: popular items more often, each user a week of them. */
function* madeUp(count: number): Generator<Record<string, string | number>> {
  const chance = new SeededChance(5)
  const nowMs = systemClock.now()
  for (let at = 0; at < count; at++)
    yield {
      eventId: `e${at}`,
      userId: `u${chance.integer(0, users - 1)}`,
      itemId: `i${Math.floor(items * chance.float() ** 3)}`,
      kind: 'view',
      weight: 1,
      timeMs: nowMs - chance.integer(0, 7 * 86_400_000),
    }
}

function perSecond(count: number, spentMs: number): number {
  return Math.round(count / (spentMs / 1000))
}

function applied(): { readonly state: RecommendState; readonly row: Row } {
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
  for (const { value } of entries) JSON.parse(value.toString())
  const startMs = cpuMs()
  consumer.apply(entries)
  const endMs = cpuMs()
  const figures = {
    'a second': perSecond(events, endMs - startMs),
    control: perSecond(events, startMs - controlMs),
  }
  return { state, row: { label: 'events applied', figures } }
}

async function accepted(): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-feed-'))
  const eventLog = await openEmbeddedEventLog({ folder, clock: systemClock })
  const ingest = new Ingest({
    publish: (topic, entries) => eventLog.publish(topic, entries),
    clock: systemClock,
    eventIdsMax: 500_000,
  })
  const bodies = [...madeUp(events)].map(({ kind, timeMs, ...rest }) => ({
    ...rest,
    type: kind,
    timestamp: timeMs,
  }))
  const startMs = cpuMs()
  for (let at = 0; at < bodies.length; at += 2000)
    await ingest.events(bodies.slice(at, at + 2000), ROOT_CONTEXT)
  const figures = { 'a second': perSecond(events, cpuMs() - startMs) }
  await eventLog.close()
  await rm(folder, { recursive: true })
  return { label: 'events accepted, durable', figures }
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

function restarted(state: RecommendState): Row {
  const startMs = systemClock.elapsed()
  const bytes = serialize(state.save())
  const savedMs = systemClock.elapsed()
  const again = new RecommendState(undefined, deserialize(bytes) as SavedState)
  const endMs = systemClock.elapsed()
  if (again.events !== state.events) throw new Error('the snapshot is not the state')
  return {
    label: `snapshot of ${state.events} events`,
    figures: {
      bytes: bytes.length,
      'save ms': Math.round(savedMs - startMs),
      'load ms': Math.round(endMs - savedMs),
    },
  }
}
