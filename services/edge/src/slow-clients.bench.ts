import type { BenchTable } from '@spate/runtime/bench'
import { startBenchOrigin } from './load/bench-origin.ts'
import { spateProcess } from './load/bench-subjects.ts'
import { openLoad, type LoadFigures } from './load/open-load.ts'
import { SlowCrowd } from './load/slow-crowd.ts'

const seconds = 8
const rate = 1000
/** Opened at the pace of `slowhttptest`; few readers, for the kernel keeps 3 MB for each of them. */
const crowdPlan = { heads: 900, bodies: 900, readers: 200, readPath: '/size/8388608', rate: 250 }

/** Clients as they should be beside 2000 that hold on to their connections; the control is the same load without those. */
export async function run(): Promise<BenchTable> {
  const origin = await startBenchOrigin()
  const subject = await spateProcess(origin.url)
  const load = { url: subject.url, rate, seconds, connections: 50, path: () => '/size/10240' }
  await openLoad({ ...load, seconds: 2 })
  const alone = await openLoad(load)
  const crowd = new SlowCrowd({ url: subject.url, ...crowdPlan })
  const beside = await openLoad({ ...load, seconds: 2 * seconds })
  await crowd.allReaped(30_000)
  const { sockets, longestMs } = crowd.reaped
  crowd.close()
  const again = await openLoad(load)
  await subject.stop()
  origin.stop()
  const control = Math.max(alone.p99Ms, again.p99Ms)
  return {
    name: 'edge-slow-clients',
    title: 'Edge: clients beside 2000 slow ones',
    rows: [
      {
        label: `10 KB hits at ${rate}/s`,
        figures: {
          'before (control)': told(alone),
          'beside 2000 slow': told(beside),
          'after (control)': told(again),
        },
      },
      {
        label: 'P99 grows by',
        figures: { 'beside 2000 slow': `${(beside.p99Ms / control).toFixed(2)} x` },
      },
      {
        label: 'slow sockets closed by the edge',
        figures: {
          'beside 2000 slow': `${sockets} of ${crowd.size}, each after ${longestMs} ms at most`,
        },
      },
    ],
    notes: [
      'open loop: latencies are from the moment a request was due; generator and origin share one process',
      'slow: 900 heads that get a line every 4 s, 900 bodies that get a byte every 4 s, 200 readers of 8 MiB that do not read; 250 more a second',
      'limits of the listener as they are by default',
    ],
  }
}

function told({ p50Ms, p99Ms, meanMs, rate: answered, failed }: LoadFigures): string {
  const busy = (answered * meanMs) / 1000
  return `P50 ${p50Ms.toFixed(1)} ms, P99 ${p99Ms.toFixed(1)} ms, ${failed} failed (${Math.round(answered)}/s x ${meanMs.toFixed(1)} ms = ${busy.toFixed(1)} under way)`
}
