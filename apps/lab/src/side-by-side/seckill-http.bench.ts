import { join } from 'node:path'
import type { BenchRow, BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { sendBurst, type BurstResult } from '../load-seckill-burst.ts'
import { endProcess, lineOf, send, startNode, startProgram } from './subject-process.ts'

const connections = 1000
const buyers = 100_000
const rounds = 3

/** A design under load: in a process of its own, beside the load generator. */
interface Subject {
  readonly port: number
  /** Puts `stock` units of `productId` on sale. */
  readonly offer: (productId: string, stock: number) => Promise<void>
  readonly stop: () => Promise<void>
}

/** Purchases over HTTP, ours beside the four round trips of the known design. */
export async function run(): Promise<BenchTable> {
  const subjects: (readonly [string, () => Promise<Subject | undefined>])[] = [
    ['spate seckill, durable', startSpate],
    ['four trips, no persistence', () => startFourTrips('no')],
    ['four trips, AOF always', () => startFourTrips('always')],
  ]
  const rows: BenchRow[] = []
  let ours = 0
  for (const [label, start] of subjects) {
    const subject = await start()
    if (!subject) {
      rows.push({ label: `${label}: redis-server is not installed`, figures: {} })
      continue
    }
    const sales = await series(subject, 'sale', buyers)
    const refusals = await series(subject, 'gone', 0)
    const burst = await load(subject, 'burst', { stock: buyers, rampMs: 0, durationMs: 5000 })
    await subject.stop()
    if (ours === 0) ours = rateOf(sales[1] as BurstResult)
    rows.push(rowOf(label, sales, ours))
    rows.push(rowOf(`${label}: sold out`, refusals, ours))
    rows.push(rowOf(`${label}: 1000 at once, first 5 s`, [burst], ours))
  }
  return {
    name: 'seckill-http',
    title: 'Seckill: purchases over HTTP',
    rows,
    notes: [
      `${connections} connections, each with one purchase under way, ${buyers} buyers a round; the load generator shares the cores. Median of ${rounds} rounds by rate (least..most).`,
      'Ours: idempotency keys, window, per-user limit, journal with fdatasync before the answer, telemetry on. Control: node:http and four Redis calls a purchase, no order kept.',
      'rate x mean must equal the connections in use.',
    ],
  }
}

async function series(subject: Subject, name: string, stock: number): Promise<BurstResult[]> {
  const runs: BurstResult[] = []
  for (let round = 0; round < rounds; round++)
    runs.push(await load(subject, `${name}${round}`, { stock, rampMs: 300, durationMs: 30_000 }))
  return runs.sort((a, b) => rateOf(a) - rateOf(b))
}

async function load(
  { port, offer }: Subject,
  productId: string,
  plan: { readonly stock: number; readonly rampMs: number; readonly durationMs: number },
): Promise<BurstResult> {
  await offer(productId, plan.stock)
  const whole = { ...plan, host: '127.0.0.1', port, productId, buyers, quantity: 1, keys: true }
  return sendBurst({ ...whole, connections }, systemClock, new AbortController().signal)
}

const rateOf = ({ requests, seconds }: BurstResult): number => requests / seconds

function rowOf(label: string, runs: readonly BurstResult[], ours: number): BenchRow {
  const middle = runs[Math.floor(runs.length / 2)] as BurstResult
  const [least, most] = [runs[0] as BurstResult, runs.at(-1) as BurstResult]
  const k = (run: BurstResult): string => (rateOf(run) / 1000).toFixed(1)
  const { latency, seconds, busySeconds } = middle
  const ms = (quantile: number): string => latency.quantileMs(quantile).toFixed(1)
  return {
    label,
    figures: {
      'thousand/s': runs.length > 1 ? `${k(middle)} (${k(least)}..${k(most)})` : k(middle),
      'ours is': `${(ours / rateOf(middle)).toFixed(1)}x`,
      'mean ms': latency.meanMs.toFixed(1),
      P50: ms(0.5),
      P99: ms(0.99),
      'P99.9': ms(0.999),
      'last connected ms': middle.connectMsMax.toFixed(0),
      'rate x mean = in use': `${Math.round((rateOf(middle) * latency.meanMs) / 1000)} = ${Math.round(busySeconds / seconds)}`,
      sold: middle.successes.size,
    },
  }
}

async function startSpate(): Promise<Subject> {
  const { port, token, stop } = await startProgram(['seckill', '--grpc-port', '0'])
  const headers = { authorization: `Bearer ${token}` }
  return {
    port,
    offer: (productId, stock) =>
      send(port, ['POST', '/seckill/campaigns', { productId, stock }], headers),
    stop,
  }
}

async function startFourTrips(persistence: string): Promise<Subject | undefined> {
  const child = startNode([join(import.meta.dirname, 'four-trips-server.ts'), persistence])
  const port = Number(await lineOf(child, /^(\d+)$|not installed/))
  if (Number.isNaN(port)) return undefined
  return {
    port,
    offer: (productId, stock) => send(port, ['POST', '/stock', { productId, stock }]),
    stop: () => endProcess(child),
  }
}
