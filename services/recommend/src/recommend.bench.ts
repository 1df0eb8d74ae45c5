import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import type { BenchRow, BenchTable } from '@spate/runtime/bench'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { loadSettings } from '@spate/runtime/settings-load'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { featuresOf } from './domain/features/feature-vector.ts'
import { userFeaturesOf } from './domain/features/user-features.ts'
import { trainingDefaults } from './domain/learn/training.ts'
import { addNormalised, firstBlend, topOf, type Ranked } from './domain/recall/blend.ts'
import { speak } from './domain/recall/knowledge.ts'
import { Scores } from './domain/recall/scores.ts'
import { Likeness, likenessSize } from './domain/rerank/likeness.ts'
import { noRules, rerank, type RerankRules } from './domain/rerank/rerank.ts'
import { Engine } from './engine.ts'
import { recommendSettings } from './settings.ts'
import { benchShop, benchState, type BenchShop } from './testing/bench-shop.ts'
import { trainInWorker } from './trainer.ts'

const chance = new SeededChance(3)
const filters = { categories: undefined, tags: undefined, priceMin: undefined, priceMax: undefined }
const anyQuery = { numItems: 20, language: 'en', seen: 'exclude', candidates: undefined } as const

async function ask(shop: BenchShop): Promise<number> {
  const userId = `user-${chance.integer(0, shop.users - 1)}`
  const query = { ...anyQuery, ...filters, userId, exclude: undefined }
  const { items } = await shop.recommender.recommend(query, ROOT_CONTEXT)
  return items.length
}

const quantile = (values: readonly number[], q: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * q)] ?? 0

/** Requests one after another on one thread: a second and a half to warm up, then `seconds`. */
async function rate(task: () => Promise<unknown>, seconds = 3): Promise<Record<string, number>> {
  const warmMs = systemClock.elapsed() + 1500
  while (systemClock.elapsed() < warmMs) await task()
  const times: number[] = []
  const startMs = systemClock.elapsed()
  const cpu = process.cpuUsage()
  while (systemClock.elapsed() - startMs < seconds * 1000) {
    const beganMs = systemClock.elapsed()
    await task()
    times.push(systemClock.elapsed() - beganMs)
  }
  const used = process.cpuUsage(cpu)
  const cpuSeconds = (used.user + used.system) / 1e6
  return {
    'lists/s': times.length / ((systemClock.elapsed() - startMs) / 1000),
    'lists/s of CPU': times.length / cpuSeconds,
    'P50 ms': quantile(times, 0.5),
    'P99 ms': quantile(times, 0.99),
  }
}

/** Arrivals at a fixed pace, whatever the answers do: latency counts from when each was due. */
async function paced(task: () => Promise<unknown>, perSecond: number): Promise<number[]> {
  const times: number[] = []
  const startMs = systemClock.elapsed()
  const waiting: Promise<void>[] = []
  for (let at = 0; at < perSecond * 3; at++) {
    const dueMs = startMs + (at * 1000) / perSecond
    const leftMs = dueMs - systemClock.elapsed()
    if (leftMs > 1) await systemClock.sleep(leftMs)
    waiting.push(task().then(() => void times.push(systemClock.elapsed() - dueMs)))
  }
  await Promise.all(waiting)
  return times
}

/** Median time of a step in us, over 400 runs after 100 to warm up. */
function step(task: (at: number) => void): number {
  const times: number[] = []
  for (let at = 0; at < 500; at++) {
    const beganMs = systemClock.elapsed()
    task(at)
    if (at >= 100) times.push((systemClock.elapsed() - beganMs) * 1000)
  }
  return quantile(times, 0.5)
}

/** Each stage by itself, on the same data and with the code that serves. */
function stages(shop: BenchShop): BenchRow[] {
  const { state, served, feedback } = shop
  const { models } = served.now()
  const knowledge = state.knowledge(models)
  const nowMs = systemClock.now()
  const histories = Array.from({ length: 500 }, (_, at) => state.histories.of(`user-${at}`))
  const total = new Scores(state.catalogue.size)
  const board = new Scores(state.catalogue.size)
  const rows: BenchRow[] = []
  const row = (label: string, us: number): void => void rows.push({ label, figures: { us } })
  const asker = (at: number): { history: (typeof histories)[0]; nowMs: number } => ({
    history: histories[at] as (typeof histories)[0],
    nowMs,
  })
  row(
    'features of the user',
    step((at) => userFeaturesOf(asker(at).history, state.catalogue)),
  )
  for (const { voice } of firstBlend)
    row(
      `channel ${voice.channel}`,
      step((at) => {
        board.clear()
        speak(voice, knowledge, asker(at), board)
      }),
    )
  const lists: Ranked[][] = []
  row(
    'merge and filter: 400 of the catalogue',
    step((at) => {
      total.clear()
      board.clear()
      for (const { voice, weight } of firstBlend) {
        speak(voice, knowledge, asker(at), board)
        addNormalised(total, board, weight, state.catalogue.size)
        board.clear()
      }
      lists[at] = topOf(total, 400, (item) => state.catalogue.showable(item))
    }),
  )
  const items = lists.map((list) => list.slice(0, 200).map(({ item }) => item))
  const vectors = items.map((each, at) => {
    const user = userFeaturesOf(asker(at).history, state.catalogue)
    return featuresOf({ userId: `user-${at}`, user, nowMs }, each, state)
  })
  row(
    'feature vectors of 200 candidates',
    step((at) => {
      const user = userFeaturesOf(asker(at).history, state.catalogue)
      featuresOf({ userId: `user-${at}`, user, nowMs }, items[at] ?? [], state)
    }),
  )
  row(
    'rank 200: three machines',
    step((at) => void (vectors[at] && feedback.ranker.logWorth(vectors[at]))),
  )
  return [...rows, ...rerankRows(shop, lists)]
}

function rerankRows({ state }: BenchShop, lists: readonly Ranked[][]): BenchRow[] {
  const likeness = new Likeness(state.catalogue, state.covisitation)
  const run = (rules: RerankRules): number =>
    step((at) => {
      const ranked = lists[at] as Ranked[]
      const { catalogue } = state
      rerank({ ranked, most: 20, catalogue, likeness, nowMs: 0, chance }, rules)
    })
  const quotas = [{ attribute: 'category', most: 3 }]
  const diverse = (kind: 'mmr' | 'dpp'): RerankRules => ({
    ...noRules,
    quotas,
    diversity: { kind, weight: 0.3 },
  })
  return [
    { label: 're-rank 200 to 20: MMR and a quota', figures: { us: run(diverse('mmr')) } },
    { label: 're-rank 200 to 20: DPP and a quota', figures: { us: run(diverse('dpp')) } },
    {
      label: 'control: MMR as its formula, all pairs again for each place',
      figures: { us: step((at) => naiveMmr(lists[at] as Ranked[], likeness)) },
    },
    {
      label: 'serialise 20 items',
      figures: {
        us: step((at) => {
          const made = (lists[at] ?? []).slice(0, 20)
          JSON.stringify({ requestId: 'r', model: 'm', items: made.map(answerOf) })
        }),
      },
    },
  ]
}

const answerOf = ({ item, score }: Ranked): object => ({
  itemId: `item-${item}`,
  score,
  reason: { channel: 'ease', text: 'Because you like this and that', evidence: { items: ['a'] } },
})

function naiveMmr(ranked: readonly Ranked[], likeness: Likeness): number[] {
  const within = ranked.slice(0, 200)
  const { numbers, starts } = likeness.vectorsOf(within.map(({ item }) => item))
  const cosine = (a: number, b: number): number => {
    let sum = 0
    for (let k = 0; k < likenessSize; k++)
      sum += (numbers[(starts[a] ?? 0) + k] ?? 0) * (numbers[(starts[b] ?? 0) + k] ?? 0)
    return sum
  }
  const taken: number[] = []
  while (taken.length < Math.min(20, within.length)) {
    const gains = within.map(({ score }, at) =>
      taken.includes(at)
        ? -Infinity
        : 0.7 * score - 0.3 * Math.max(0, ...taken.map((each) => cosine(each, at))),
    )
    taken.push(gains.indexOf(Math.max(...gains)))
  }
  return taken
}

/** New models put in place 20 times under load, against the same load without. */
async function swapRows(shop: BenchShop): Promise<BenchRow[]> {
  const { served } = shop
  // Made ahead: the product trains in a worker and only swaps on this thread.
  const next = structuredClone(served.now().models)
  const load = async (swapping: boolean): Promise<number[]> => {
    let at = 0
    const { models } = served.now()
    const timer = swapping
      ? systemClock.every(150, () => {
          served.swap({ ...served.now(), models: at++ % 2 === 0 ? next : models })
        })
      : undefined
    const times = await paced(() => ask(shop), 200)
    timer?.cancel()
    return times
  }
  const [before, during, after] = [await load(false), await load(true), await load(false)]
  const row = (label: string, times: readonly number[]): BenchRow => ({
    label,
    figures: { 'P50 ms': quantile(times, 0.5), 'P99 ms': quantile(times, 0.99) },
  })
  return [
    row('200 lists/s, no swap', before),
    row('200 lists/s, models swapped 20 times', during),
    row('200 lists/s, no swap again', after),
  ]
}

/** Through the whole engine with its event log: how fast events go in, and how soon they are seen. */
async function eventRows(): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-recommend-bench-'))
  const eventLog = await openEmbeddedEventLog({ folder: join(folder, 'log'), clock: systemClock })
  const settings = loadSettings(recommendSettings, {
    program: 'recommend',
    flags: ['--train-after-events', '1000000000'],
    env: {},
  }).values
  const parts = { clock: systemClock, chance, log: silentLog, telemetry: noTelemetry }
  const engine = await Engine.open({ ...parts, settings, eventLog, folder: join(folder, 'state') })
  engine.start()
  const event = (at: number): object => ({
    eventId: `e${at}`,
    userId: `user-${at % 5000}`,
    itemId: `item-${(at * 7919) % 3000}`,
    type: 'click',
  })
  const count = 60_000
  const startMs = systemClock.elapsed()
  for (let at = 0; at < count; at += 2000)
    await engine.ingest.events(
      Array.from({ length: 2000 }, (_, k) => event(at + k)),
      ROOT_CONTEXT,
    )
  while (engine.state.events < count) await systemClock.sleep(1)
  const perSecond = count / ((systemClock.elapsed() - startMs) / 1000)
  const times: number[] = []
  for (let at = 0; at < 200; at++) {
    const beganMs = systemClock.elapsed()
    await engine.ingest.event({ ...event(count + at), userId: `late-${at}` }, ROOT_CONTEXT)
    while (engine.state.histories.of(`late-${at}`).items.length === 0) await systemClock.sleep(0)
    times.push(systemClock.elapsed() - beganMs)
  }
  await engine.stop()
  await eventLog.close()
  await rm(folder, { recursive: true })
  return [
    { label: 'events taken, durable and applied', figures: { 'events/s': perSecond } },
    {
      label: 'event sent to visible in lists',
      figures: { 'P50 ms': quantile(times, 0.5), 'P99 ms': quantile(times, 0.99) },
    },
  ]
}

/** Seconds of training, in threads as the engine does it. 10^6 with SPATE_BENCH_LONG=1. */
async function trainingRows(): Promise<BenchRow[]> {
  const sizes = process.env['SPATE_BENCH_LONG'] === '1' ? [100_000, 1_000_000] : [100_000]
  const rows: BenchRow[] = []
  for (const events of sizes) {
    const state = benchState({ users: events / 10, items: 5000, events })
    const startMs = systemClock.elapsed()
    await trainInWorker(state.interactions(), trainingDefaults)
    const seconds = (systemClock.elapsed() - startMs) / 1000
    rows.push({ label: `training on ${events} interactions`, figures: { seconds } })
  }
  return rows
}

/** Bytes and cost by size: heap and buffers after a collection. */
async function scaleRows(): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  const bytes = (): number => {
    globalThis.gc?.()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  for (const size of [
    { users: 5000, items: 2000, events: 50_000 },
    { users: 50_000, items: 2000, events: 500_000 },
    { users: 5000, items: 20_000, events: 50_000 },
  ]) {
    const before = bytes()
    const shop = benchShop(size, true, 1000)
    const held = bytes() - before
    const { 'lists/s of CPU': lists } = await rate(() => ask(shop), 1.5)
    rows.push({
      label: `${size.users} users, ${size.items} items, ${size.events} events`,
      figures: {
        'lists/s of CPU': lists ?? 0,
        'bytes a user (10 events)': held / size.users,
        'bytes an item': held / size.items,
      },
    })
  }
  return rows
}

/** Lists, their stages, events, training, swap, size. */
export async function run(): Promise<BenchTable> {
  const size = { users: 20_000, items: 5000, events: 200_000 }
  const shop = benchShop(size, true)
  const plain = benchShop(size, false)
  const popular = plain.state.popularity
  const ranked = await rate(() => ask(shop))
  const perCore = ranked['lists/s of CPU'] ?? 0
  const half = await paced(() => ask(shop), Math.floor((ranked['lists/s'] ?? 0) / 2))
  const rows: BenchRow[] = [
    { label: '20 items of 400 candidates, built-in ranker on 200', figures: ranked },
    { label: 'the same, ranker not let in yet', figures: await rate(() => ask(plain)) },
    {
      label: 'control: the 20 most popular',
      figures: await rate(() => Promise.resolve(popular.top('fortnight', 20).length)),
    },
    {
      label: 'built-in ranker, paced at half of its rate',
      figures: { 'P50 ms': quantile(half, 0.5), 'P99 ms': quantile(half, 0.99) },
    },
    ...stages(shop),
    ...(await swapRows(shop)),
    ...(await eventRows()),
    ...(await trainingRows()),
    ...(await scaleRows()),
  ]
  return {
    name: 'recommend',
    title: 'Recommend: lists, stages, events, training',
    rows,
    notes: [
      `In process, one thread, ${size.users} users, ${size.items} items, ${size.events} events, first mixture (EASE on 2000 items, co-visitation, popularity); HTTP is not in these figures.`,
      `Fleet arithmetic: 500,000 lists/s at ${Math.round(perCore)} lists a second of CPU are ${Math.ceil(500_000 / perCore)} cores at full load, ${Math.ceil(1_000_000 / perCore)} at half load (measured rate a core x cores; HTTP comes on top).`,
      'Lists/s of CPU is what a core of its own would do: user and system time of the process, its threads included.',
      'Bytes a user and an item are all that is held, over users and over items: compare rows.',
    ],
  }
}
