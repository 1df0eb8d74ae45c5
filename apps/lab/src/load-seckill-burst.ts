import type { Clock } from '@spate/runtime/clock'
import { LatencyBook } from './load-seckill-latency.ts'
import { RawConnection, rawRequest } from './load-seckill-connection.ts'

/** What a burst is. */
export interface BurstPlan {
  readonly host: string
  readonly port: number
  readonly productId: string
  readonly buyers: number
  readonly quantity: number
  readonly connections: number
  /** Time over which the connections are opened, ms. */
  readonly rampMs: number
  /** Longest time of the burst, ms. */
  readonly durationMs: number
  /** Send an Idempotency-Key with each purchase, and ask again with it where the answer is lost. */
  readonly keys: boolean
  /** Path of the purchase call. */
  readonly path?: string
}

/** What came of a burst. */
export interface BurstResult {
  readonly requests: number
  readonly seconds: number
  readonly latency: LatencyBook
  readonly connectMsMax: number
  readonly connected: number
  /** Sum of the time connections were in use, s: divided by `seconds` the mean concurrency. */
  readonly busySeconds: number
  /** Order ids by buyer. */
  readonly successes: ReadonlyMap<string, string>
  readonly byCode: ReadonlyMap<string, number>
  /** Buyers whose answer was lost and never came. */
  readonly unknown: ReadonlySet<string>
}

interface Progress {
  next: number
  requests: number
  connected: number
  connectMsMax: number
  busyMs: number
  readonly untilMs: number
  readonly latency: LatencyBook
  readonly successes: Map<string, string>
  readonly byCode: Map<string, number>
  readonly unknown: Set<string>
}

const triesMax = 5

/** Sends every buyer's purchase once, over `connections` connections, each with one under way. */
export async function sendBurst(
  plan: BurstPlan,
  clock: Clock,
  signal: AbortSignal,
): Promise<BurstResult> {
  const startMs = clock.elapsed()
  const progress: Progress = {
    next: 0,
    requests: 0,
    connected: 0,
    connectMsMax: 0,
    busyMs: 0,
    untilMs: startMs + plan.durationMs,
    latency: new LatencyBook(),
    successes: new Map(),
    byCode: new Map(),
    unknown: new Set(),
  }
  const lanes = Array.from({ length: plan.connections }, async (_, lane) => {
    const delayMs = (plan.rampMs * lane) / plan.connections
    if (delayMs > 0) await clock.sleep(delayMs)
    await runLane(plan, clock, progress, signal)
  })
  await Promise.all(lanes)
  const { busyMs, next: _next, untilMs: _until, ...result } = progress
  return { ...result, seconds: (clock.elapsed() - startMs) / 1000, busySeconds: busyMs / 1000 }
}

/** One connection: the next buyer, again and again; a broken connection is opened anew. */
async function runLane(
  plan: BurstPlan,
  clock: Clock,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  let connection: RawConnection | undefined
  const begunMs = clock.elapsed()
  while (progress.next < plan.buyers && clock.elapsed() < progress.untilMs && !signal.aborted) {
    const buyer = `${plan.productId}-b${progress.next++}`
    for (let attempt = 1; ; attempt++) {
      try {
        connection = await opened(plan, clock, progress, connection)
        await buy(plan, clock, progress, { buyer, connection })
        break
      } catch {
        // Without a key a second try could buy twice: the answer then stays unknown.
        if (plan.keys && attempt < triesMax && !signal.aborted) continue
        progress.unknown.add(buyer)
        break
      }
    }
  }
  progress.busyMs += clock.elapsed() - begunMs
  connection?.close()
}

async function opened(
  plan: BurstPlan,
  clock: Clock,
  progress: Progress,
  connection: RawConnection | undefined,
): Promise<RawConnection> {
  if (connection && !connection.broken) return connection
  const startMs = clock.elapsed()
  const next = new RawConnection(plan.host, plan.port)
  await next.opened
  progress.connected++
  progress.connectMsMax = Math.max(progress.connectMsMax, clock.elapsed() - startMs)
  return next
}

async function buy(
  plan: BurstPlan,
  clock: Clock,
  progress: Progress,
  { buyer, connection }: { buyer: string; connection: RawConnection },
): Promise<void> {
  const { productId, quantity } = plan
  const body = JSON.stringify({ userId: buyer, productId, quantity })
  const key: Record<string, string> = plan.keys ? { 'idempotency-key': `key-${buyer}` } : {}
  const headers = { host: `${plan.host}:${plan.port}`, ...key }
  const sentMs = clock.elapsed()
  const request = rawRequest('POST', plan.path ?? '/seckill/purchase', headers, body)
  const answer = await connection.send(request)
  progress.latency.add(clock.elapsed() - sentMs)
  progress.requests++
  if (answer.status === 200) {
    const { orderId } = JSON.parse(answer.body) as { orderId: string }
    progress.successes.set(buyer, orderId)
    return
  }
  const code = /"code":"([a-z_]+)"/.exec(answer.body)?.[1] ?? `status_${answer.status}`
  progress.byCode.set(code, (progress.byCode.get(code) ?? 0) + 1)
}
