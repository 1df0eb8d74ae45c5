import type { BenchRow } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { openLoad } from './open-load.ts'
import { cpuUs, startBeside, type Beside } from './processes.ts'
import { median, speedRow, spread } from './rounds.ts'
import type { Measured } from './subjects.ts'

const rate = 500
const path = (): string => '/size/10240'
/** Seconds on their own, before and after; seconds beside the crowd, its arrival included. */
const aloneSeconds = 3
const besideSeconds = 7
/** Longest wait for the last slow connection to be closed, ms. */
const reapedMs = 16_000

interface Felt {
  /** P99 of each second, ms. */
  readonly aloneMs: readonly number[]
  readonly besideMs: readonly number[]
  /** CPU time of the server a second, ms. */
  readonly aloneCpuMs: number
  readonly besideCpuMs: number
  readonly failed: number
}

/** Clients as they should be beside 2000 that hold on to their connections; nginx beside ours. */
export async function slowRow(subjects: readonly Measured[]): Promise<BenchRow> {
  const figures: Record<string, string> = {}
  let ours: Felt | undefined
  for (const subject of subjects) {
    const { felt, crowd } = await beside(subject)
    figures[subject.name] = told(felt)
    if (subject.name === 'spate') {
      ours = felt
      figures[subject.name] += `; ${await reaped(crowd)}`
    }
    await crowd.stop()
  }
  const growth = ours ? growthOf(ours) : Number.NaN
  return speedRow(`10 KB hits at ${rate}/s beside 2000 slow clients: P99, ms`, figures, {
    goal: 'grows < 2x',
    met: growth < 2 && ours?.failed === 0,
    found: `${growth.toFixed(2)}x`,
  })
}

async function beside({ url, pid }: Measured): Promise<{ felt: Felt; crowd: Beside }> {
  const load = { url, rate, connections: 50, path }
  await openLoad({ ...load, seconds: 1 })
  const startUs = await cpuUs(pid)
  const before = await openLoad({ ...load, seconds: aloneSeconds })
  const middleUs = await cpuUs(pid)
  const crowd = await startBeside(new URL('./slow-crowd.ts', import.meta.url), [url])
  const during = await openLoad({ ...load, seconds: besideSeconds })
  const felt = {
    aloneMs: before.p99sMs,
    besideMs: during.p99sMs,
    aloneCpuMs: (middleUs - startUs) / 1000 / aloneSeconds,
    besideCpuMs: ((await cpuUs(pid)) - middleUs) / 1000 / besideSeconds,
    failed: before.failed + during.failed,
  }
  return { felt, crowd }
}

const growthOf = ({ aloneMs, besideMs }: Felt): number => median(besideMs) / median(aloneMs)

function told(felt: Felt): string {
  const { aloneMs, besideMs, failed, aloneCpuMs, besideCpuMs } = felt
  const cpu = `${aloneCpuMs.toFixed(0)} -> ${besideCpuMs.toFixed(0)} ms CPU a second`
  return `${spread(aloneMs, 1)} alone, ${spread(besideMs, 1)} beside, ${growthOf(felt).toFixed(2)}x, ${cpu}, ${failed} failed`
}

/** Waits until the server has closed all of `crowd`, and tells how long it bore them. */
async function reaped({ child }: Beside): Promise<string> {
  let seen: readonly number[] = []
  child.stdout?.on('data', (lines: Buffer) => {
    const last = lines.toString().trim().split('\n').at(-1) ?? ''
    seen = last.split(' ').map(Number)
  })
  const until = systemClock.elapsed() + reapedMs
  const all = (): boolean => seen[0] !== undefined && seen[0] === seen[1]
  while (!all() && systemClock.elapsed() < until) await systemClock.sleep(100)
  const [opened = 0, closed = 0, longestMs = 0] = seen
  return `${closed} of ${opened} closed, each after ${longestMs} ms at most`
}
