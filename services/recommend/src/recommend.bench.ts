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
import {
  featuresOf,
  type FeatureQuestion,
  type FeatureRows,
} from './domain/features/feature-vector.ts'
import { userFeaturesOf } from './domain/features/user-features.ts'
import { mixed } from './domain/rank/mixing.ts'
import { encodeServed, servedListOf } from './domain/rank/served-list.ts'
import { reasonFor } from './domain/reason.ts'
import {
  addScaled,
  firstBlend,
  scaleOf,
  topOf,
  type BlendPart,
  type Ranked,
} from './domain/recall/blend.ts'
import { candidateFilter } from './domain/recall/candidate-filter.ts'
import { speak, type Asker } from './domain/recall/knowledge.ts'
import { Scores } from './domain/recall/scores.ts'
import { Likeness, likenessSize } from './domain/rerank/likeness.ts'
import { noRules, rerank, type RerankInput, type RerankRules } from './domain/rerank/rerank.ts'
import { Engine } from './engine.ts'
import { recommendSettings } from './settings.ts'
import { paced, quantile, rate, step } from './testing/bench-load.ts'
import { benchShop, type BenchShop } from './testing/bench-shop.ts'
import { startListServer } from './testing/list-client.ts'

const chance = new SeededChance(3)
const filters = { categories: undefined, tags: undefined, priceMin: undefined, priceMax: undefined }
const anyQuery = { numItems: 20, language: 'en', seen: 'exclude', candidates: undefined } as const

async function ask(shop: BenchShop): Promise<number> {
  const userId = `user-${chance.integer(0, shop.users - 1)}`
  const query = { ...anyQuery, ...filters, userId, exclude: undefined }
  const { items } = await shop.recommender.recommend(query, ROOT_CONTEXT)
  return items.length
}

/** Each stage by itself, on the same data and with the code that serves. */
function stages(shop: BenchShop): BenchRow[] {
  const { state, served, feedback } = shop
  const knowledge = state.knowledge(served.now().models)
  const { catalogue } = state
  const nowMs = systemClock.now()
  const histories = Array.from({ length: 500 }, (_, at) => state.histories.of(`user-${at}`))
  const askers = histories.map((history) => ({ history, nowMs }))
  const askerOf = (at: number): Asker => askers[at] as Asker
  const board = new Scores(catalogue.size)
  const total = new Scores(catalogue.size)
  const rows: BenchRow[] = []
  const row = (label: string, task: (at: number) => void): void =>
    void rows.push({ label: `stage: ${label}`, figures: { us: step(task) } })
  row('features of the user', (at) => userFeaturesOf(askerOf(at).history, catalogue))
  for (const { voice } of firstBlend)
    row(`channel ${voice.channel}`, (at) => {
      board.clear()
      speak(voice, knowledge, askerOf(at), board)
    })
  const boards = askers.map((asker) =>
    firstBlend.map(({ voice, weight }) => {
      const scores = new Scores(catalogue.size)
      speak(voice, knowledge, asker, scores)
      return { scores, weight }
    }),
  )
  row('merge: scores to one scale, added up', (at) => {
    total.clear()
    for (const { scores, weight } of boards[at] ?? [])
      addScaled(total, scores, scaleOf(scores, weight, catalogue.size))
  })
  const lists: Ranked[][] = []
  row('filter, and the best 200', (at) => {
    total.clear()
    for (const { scores, weight } of boards[at] ?? [])
      addScaled(total, scores, scaleOf(scores, weight, catalogue.size))
    lists[at] = topOf(total, 200, candidateFilter(catalogue, askerOf(at).history, anyQuery))
  })
  const merge = rows.at(-2)?.figures['us'] as number
  const both = rows.at(-1)?.figures['us'] as number
  rows.splice(-1, 1, { label: 'stage: filter, and the best 200', figures: { us: both - merge } })
  const questions = askers.map(({ history }, at) => ({
    userId: `user-${at}`,
    user: userFeaturesOf(history, catalogue),
    nowMs,
  }))
  const vectorsOf = (at: number, most: number): FeatureRows =>
    featuresOf(
      questions[at] as FeatureQuestion,
      (lists[at] ?? []).slice(0, most).map(({ item }) => item),
      state,
    )
  row('feature vectors of 200 candidates', (at) => vectorsOf(at, 200))
  const vectors = lists.map((_, at) => vectorsOf(at, 200))
  row('rank 200: three machines', (at) => feedback.ranker.logWorth(vectors[at] as FeatureRows))
  const worths = vectors.map((each) => feedback.ranker.logWorth(each))
  row('put 200 in their new order', (at) => mixed(lists[at] ?? [], worths[at] as Float64Array))
  const { voice } = firstBlend[0] as BlendPart
  row('reasons for 20 items', (at) => {
    const source = {
      knowledge,
      catalogue,
      ...askerOf(at),
      language: 'en',
      weighed: new Map(),
    } as const
    for (const { item } of (lists[at] ?? []).slice(0, 20)) reasonFor(item, voice, source)
  })
  row('a list for the log of served lists, 200 a second of them', (at) => {
    const merged = lists[at] ?? []
    const chosen = rerank(rerankInput(shop, merged), noRules)
    const question = questions[at] as FeatureQuestion
    const made = { requestId: 'r', model: 'm', question, merged, chosen, variants: {}, catalogue }
    encodeServed(servedListOf({ ...made, features: vectorsOf(at, 20) }))
  })
  row('serialise 20 items', (at) => {
    const made = (lists[at] ?? []).slice(0, 20)
    JSON.stringify({ requestId: 'r', model: 'm', items: made.map(answerOf) })
  })
  return [...rows, ...rerankRows(shop, lists)]
}

function rerankInput({ state }: BenchShop, ranked: readonly Ranked[]): RerankInput {
  const { catalogue, covisitation } = state
  likeness ??= new Likeness(catalogue, covisitation)
  return { ranked, most: 20, catalogue, likeness, nowMs: 0, chance }
}

let likeness: Likeness | undefined

function rerankRows(shop: BenchShop, lists: readonly Ranked[][]): BenchRow[] {
  const run = (rules: RerankRules): number =>
    step((at) => rerank(rerankInput(shop, lists[at] ?? []), rules))
  const quotas = [{ attribute: 'category', most: 3 }]
  const diverse = (kind: 'mmr' | 'dpp'): RerankRules => ({
    ...noRules,
    quotas,
    diversity: { kind, weight: 0.3 },
  })
  const all = new Likeness(shop.state.catalogue, shop.state.covisitation)
  return [
    { label: 'stage: re-rank without rules', figures: { us: run(noRules) } },
    { label: 're-rank 200 to 20: MMR and a quota', figures: { us: run(diverse('mmr')) } },
    { label: 're-rank 200 to 20: DPP and a quota', figures: { us: run(diverse('dpp')) } },
    {
      label: 'control: MMR as its formula, all pairs again for each place',
      figures: { us: step((at) => naiveMmr(lists[at] ?? [], all)) },
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
  const lists: number[] = []
  for (let at = 0; at < 200; at++) {
    const sent = event(count + at) as { readonly itemId: string }
    const query = { ...anyQuery, ...filters, exclude: undefined, userId: `late-${at}` }
    const beganMs = systemClock.elapsed()
    await engine.ingest.event({ ...sent, userId: query.userId }, ROOT_CONTEXT)
    // A stranger's list is of what is popular; the first one with a reason that names the item sent
    // is the first that knows of it.
    for (let asked = 1; ; asked++) {
      const { items } = await engine.recommender.recommend(query, ROOT_CONTEXT)
      if (items.some(({ reason }) => namesItem(reason.evidence, sent.itemId))) {
        lists.push(asked)
        break
      }
      if (systemClock.elapsed() - beganMs > 10_000) throw new Error('the event is never seen')
      await systemClock.sleep(0)
    }
    times.push(systemClock.elapsed() - beganMs)
  }
  await engine.stop()
  await eventLog.close()
  await rm(folder, { recursive: true })
  return [
    { label: 'events taken, durable and applied', figures: { 'events/s': perSecond } },
    {
      label: 'event sent to the first list whose reasons name it',
      figures: {
        'P50 ms': quantile(times, 0.5),
        'P99 ms': quantile(times, 0.99),
        'lists asked for': quantile(lists, 0.5),
      },
    },
  ]
}

const namesItem = (evidence: Readonly<Record<string, unknown>>, itemId: string): boolean =>
  Array.isArray(evidence['items']) && evidence['items'].includes(itemId)

/** The whole request in the server's process, and the fleet that would take. */
async function httpRows(): Promise<{ readonly rows: BenchRow[]; readonly us: number }> {
  const ranked = await startListServer(true, chance)
  const plain = await startListServer(false, chance)
  const rates: number[] = []
  const costs = { ranked: [] as number[], plain: [] as number[], alive: [] as number[] }
  for (const server of [ranked, plain]) await server.cost(() => server.ask(), requests)
  // In turns, so that a machine that grows slower does so for all of them.
  for (let round = 0; round < rounds; round++) {
    const whole = await ranked.cost(() => ranked.ask(), requests)
    costs.ranked.push(whole.us)
    rates.push(whole.perSecond)
    costs.plain.push((await plain.cost(() => plain.ask(), requests)).us)
    costs.alive.push((await ranked.cost(() => ranked.alive(), requests)).us)
  }
  const us = quantile(costs.ranked, 0.5)
  const half = await paced(() => ranked.ask(), Math.floor(quantile(rates, 0.5) / 2))
  await Promise.all([ranked.stop(), plain.stop()])
  const row = (label: string, values: readonly number[]): BenchRow => ({
    label,
    figures: {
      'lists/s of CPU': 1e6 / quantile(values, 0.5),
      'CPU us': quantile(values, 0.5),
      spread: `${Math.min(...values).toFixed(0)}..${Math.max(...values).toFixed(0)}`,
    },
  })
  const rows = [
    row('whole request over HTTP, ranker on: CPU of the server', costs.ranked),
    row('control: the same, ranker not let in yet', costs.plain),
    row('control: GET /health/live on the same wire', costs.alive),
    {
      label: 'over HTTP, ranker on, paced at half of the rate of 8 connections',
      figures: {
        'lists/s': quantile(rates, 0.5) / 2,
        'P50 ms': quantile(half, 0.5),
        'P99 ms': quantile(half, 0.99),
      },
    },
  ]
  return { rows, us }
}

const requests = 2000
const rounds = 3

/** Lists, whole and by stage, over HTTP and in process; events; a swap of models. */
export async function run(): Promise<BenchTable> {
  const http = await httpRows()
  const size = { users: 20_000, items: 5000, events: 200_000 }
  const shop = benchShop(size, true)
  const plain = benchShop(size, false)
  const popular = plain.state.popularity
  const ranked = await rate(() => ask(shop))
  const half = await paced(() => ask(shop), Math.floor(ranked['lists/s'] / 2))
  const rows: BenchRow[] = [
    ...http.rows,
    { label: 'in process: 20 items of 200 candidates, ranker on', figures: ranked },
    { label: 'control: the same, ranker not let in yet', figures: await rate(() => ask(plain)) },
    {
      label: 'control: the 20 most popular',
      figures: await rate(() => Promise.resolve(popular.top('fortnight', 20).length)),
    },
    {
      label: 'in process, ranker on, paced at half of its rate',
      figures: { 'P50 ms': quantile(half, 0.5), 'P99 ms': quantile(half, 0.99) },
    },
    ...stages(shop),
    ...(await swapRows(shop)),
    ...(await eventRows()),
  ]
  const fleet = (us: number): string =>
    `${Math.ceil(us / 2)} cores at full load, ${Math.ceil(us)} at half load`
  return {
    name: 'recommend',
    title: 'Recommend: lists and their stages, events, swaps',
    rows,
    notes: [
      `${size.users} users, ${size.items} items, ${size.events} events, first mixture (EASE on 2000 items, co-visitation, popularity, content, latest). Over HTTP: the program as shipped (telemetry, feature cache, log of served lists) in a process of its own, ${rounds} rounds of ${requests} requests.`,
      `Fleet arithmetic for 500,000 lists/s, CPU a request x rate: whole requests over HTTP at ${http.us.toFixed(0)} us are ${fleet(http.us)}; lists alone, in process, at ${ranked['CPU us'].toFixed(0)} us are ${fleet(ranked['CPU us'])}.`,
      'CPU is user and system time of the process, its threads included: what a core of its own would do. Stages are medians of the clock, one at a time.',
      'How cost and memory grow with users and items: list-scale. Seconds of training: train.',
    ],
  }
}
