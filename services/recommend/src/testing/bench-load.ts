import { systemClock } from '@spate/runtime/clock'
import { cpuMs } from '@spate/runtime/host'

/** The value below which the share `q` of `values` lies; 0 where there is none. */
export function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? 0
}

/** Lists a second by the clock and by CPU, what one costs, and how long it takes. */
export type RateFigures = Record<
  'lists/s' | 'lists/s of CPU' | 'CPU us' | 'P50 ms' | 'P99 ms',
  number
>

/** Requests one after another on one thread: some time to warm up, then `seconds`. */
export async function rate(task: () => Promise<unknown>, seconds = 3): Promise<RateFigures> {
  const warmMs = systemClock.elapsed() + 500 * seconds
  while (systemClock.elapsed() < warmMs) await task()
  const times: number[] = []
  const startMs = systemClock.elapsed()
  const cpu = cpuMs()
  while (systemClock.elapsed() - startMs < seconds * 1000) {
    const beganMs = systemClock.elapsed()
    await task()
    times.push(systemClock.elapsed() - beganMs)
  }
  const used = cpuMs() - cpu
  return {
    'lists/s': times.length / ((systemClock.elapsed() - startMs) / 1000),
    'lists/s of CPU': times.length / (used / 1000),
    'CPU us': (used * 1000) / times.length,
    'P50 ms': quantile(times, 0.5),
    'P99 ms': quantile(times, 0.99),
  }
}

/** Arrivals at a fixed pace for three seconds, whatever the answers do: ms from when each was due. */
export async function paced(task: () => Promise<unknown>, perSecond: number): Promise<number[]> {
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

/** Median time of a step, us, over 400 runs after 100 to warm up. */
export function step(task: (at: number) => void): number {
  const times: number[] = []
  for (let at = 0; at < 500; at++) {
    const beganMs = systemClock.elapsed()
    task(at)
    if (at >= 100) times.push((systemClock.elapsed() - beganMs) * 1000)
  }
  return quantile(times, 0.5)
}
