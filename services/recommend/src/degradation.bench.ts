import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { TfServingRanker } from './rank/tf-serving.ts'
import { breakable, faultyEngine, ways } from './testing/faulty-engine.ts'
import { startModelServer, type ModelServerWay } from './testing/model-server.ts'

type Row = BenchTable['rows'][number]
type Engine = Awaited<ReturnType<typeof faultyEngine>>

const requests = 500
const concurrency = 8
const query = { numItems: 20, language: 'en', seen: 'exclude' } as const
const size = { clock: systemClock, items: 2000, users: 500 }
const serverWays = ['right', 'hung', 'silent', 'slow', 'failing', 'nonsense', 'gone'] as const

/** Every channel, the feature store, the model, and a model server broken in turn, under load. */
export async function run(): Promise<BenchTable> {
  // Hung parts leave nothing but timers that do not keep a process alive.
  const done = new AbortController()
  const awake = systemClock.sleep(600_000, done.signal).catch(() => {})
  const rows: Row[] = [await underLoad('nothing broken', await faultyEngine(size))]
  for (const part of [...breakable, 'everything'])
    for (const way of ways) {
      const broken = new Set(part === 'everything' ? breakable : [part])
      rows.push(await underLoad(`${part} ${way}`, await faultyEngine({ ...size, broken, way })))
    }
  for (const way of serverWays) rows.push(await withModelServer(way))
  done.abort()
  await awake
  return {
    name: 'degradation',
    title: 'Recommend: with parts broken, under load',
    rows,
    notes: [
      `${requests} lists of 20 from 2000 items, ${concurrency} at a time, in process; the first row is the control`,
      'hung: never answers; slow: answers after 500 ms; failing: rejects at once',
      'model server: one that speaks the gRPC of TensorFlow Serving, over loopback, broken after it was opened; silent: its connection stands and no byte comes back; nonsense: NaN for scores; its control is the row "right"',
      'budgets: channel 60 ms, feature store 20 ms, model 50 ms; breakers leave a broken part alone for a while',
    ],
  }
}

async function withModelServer(way: ModelServerWay): Promise<Row> {
  const server = await startModelServer(systemClock)
  const parts = { clock: systemClock, telemetry: noTelemetry }
  const ranker = new TfServingRanker({ ...parts, address: server.address, model: 'ranker' })
  const engine = await faultyEngine({ ...size, ranker })
  server.become(way)
  const row = await underLoad(`model server ${way}`, engine)
  await server.stop()
  return row
}

async function underLoad(label: string, engine: Engine): Promise<Row> {
  const times: number[] = []
  const named = new Map<string, number>()
  let short = 0
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < requests) {
      const userId = `u${next++ % 600}`
      const startMs = systemClock.elapsed()
      const answer = await engine.recommender.recommend({ ...query, userId }, ROOT_CONTEXT)
      times.push(systemClock.elapsed() - startMs)
      if (answer.items.length < query.numItems) short++
      for (const name of answer.degraded) named.set(name, (named.get(name) ?? 0) + 1)
      // As behind a socket: a lane gives the others, and the timers, a turn after each answer.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: concurrency }, lane))
  await engine.stop()
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? 0
  return {
    label,
    figures: {
      answers: times.length,
      'short lists': short,
      'P50 ms': Number(at(0.5).toFixed(2)),
      'P99 ms': Number(at(0.99).toFixed(2)),
      'max ms': Number(at(1).toFixed(1)),
      'over 200 ms': times.filter((each) => each > 200).length,
      degraded: [...named].map(([name, count]) => `${name} ${count}`).join(', '),
    },
  }
}
