import { systemClock } from '@spate/runtime/clock'
import { Wire } from './wire.ts'

/** Requests that may wait for a free connection; further ones are not sent and counted. */
export const waitingMax = 20_000

/** A load whose requests come when they come, whether earlier ones are answered or not. */
export interface OpenLoad {
  readonly url: string
  /** Requests a second. */
  readonly rate: number
  readonly seconds: number
  readonly connections: number
  /** Path of the `n`th request. */
  readonly path: (n: number) => string
}

/** What came of it. Latencies are from the moment a request was due, ms. */
export interface LoadFigures {
  readonly answered: number
  /** Connections that broke, answers of 400 and above, and what was not sent. */
  readonly failed: number
  /** Answers a second. */
  readonly rate: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** P99 of each second. */
  readonly p99sMs: readonly number[]
  readonly bytes: number
}

/** Runs `load`; resolves when all is answered, at most ten seconds after the last request. */
export async function openLoad(load: OpenLoad): Promise<LoadFigures> {
  const { url, rate, seconds, connections, path } = load
  const wires = Array.from({ length: connections }, () => Wire.open(url))
  const free = await Promise.all(wires)
  const all = [...free]
  const total = Math.round(rate * seconds)
  const latencies: number[] = []
  const bySecond = Array.from({ length: Math.ceil(seconds) }, (): number[] => [])
  const waiting: number[] = []
  const { promise: done, resolve } = Promise.withResolvers<void>()
  let sent = 0
  let failed = 0
  let bytes = 0
  const startMs = systemClock.elapsed()
  const settle = (): void => {
    if (latencies.length + failed >= total) resolve()
  }
  const send = (wire: Wire, at: number): void =>
    wire.ask(
      path(at),
      ({ status, bodyBytes }) => {
        const tookMs = systemClock.elapsed() - startMs - (at * 1000) / rate
        if (status < 400) {
          latencies.push(tookMs)
          bySecond[Math.floor(at / rate)]?.push(tookMs)
        } else failed++
        bytes += bodyBytes
        const next = waiting.shift()
        if (next === undefined) free.push(wire)
        else send(wire, next)
        settle()
      },
      () => {
        failed++
        settle()
      },
    )
  const ticking = systemClock.every(1, () => {
    const due = Math.min(total, Math.floor(((systemClock.elapsed() - startMs) * rate) / 1000))
    for (; sent < due; sent++) {
      const wire = free.pop()
      if (wire) send(wire, sent)
      else if (waiting.length < waitingMax) waiting.push(sent)
      else failed++
    }
    if (sent === total) ticking.cancel()
    settle()
  })
  const last = systemClock.after((seconds + 10) * 1000, resolve)
  await done
  last.cancel()
  ticking.cancel()
  const tookMs = systemClock.elapsed() - startMs
  for (const wire of all) wire.close()
  latencies.sort((one, other) => one - other)
  return {
    answered: latencies.length,
    failed: total - latencies.length,
    rate: (latencies.length * 1000) / tookMs,
    meanMs: latencies.reduce((sum, each) => sum + each, 0) / Math.max(1, latencies.length),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    p99sMs: bySecond.map((second) => quantile(sorted(second), 0.99)),
    bytes,
  }
}

const sorted = (values: readonly number[]): readonly number[] =>
  values.toSorted((one, other) => one - other)

/** Of `sorted`; 0 where it is empty. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
