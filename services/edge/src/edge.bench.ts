import { request as send } from 'undici'
import type { BenchTable } from '@spate/runtime/bench'
import { crowdRows } from './speed/crowds.ts'
import { hitRows, sizeRow } from './speed/hits.ts'
import { memoryRows } from './speed/memory.ts'
import { mixedRow } from './speed/mixed.ts'
import { startBeside, stepAside } from './speed/processes.ts'
import { purgeRow } from './speed/purge.ts'
import { slowRow } from './speed/slow-clients.ts'
import { allMeasured } from './speed/subjects.ts'

/** The edge's speed, each line with its controls of the same run and its goal; under four minutes. */
export async function run(): Promise<BenchTable> {
  await stepAside()
  const beside = await startBeside(new URL('./speed/bench-origin.ts', import.meta.url), [])
  const url = beside.words[0] as string
  const origin = { name: 'origin', url, pid: beside.pid, stop: () => beside.stop() }
  const count = async (): Promise<number> => Number(await (await send(`${url}/count`)).body.text())
  const subjects = await allMeasured(url)
  const rows = [
    ...(await hitRows(subjects)),
    ...(await crowdRows(subjects, origin, count)),
    await mixedRow(subjects, count),
    await slowRow(subjects.filter(({ name }) => name !== 'varnish')),
  ]
  await Promise.all(subjects.map((subject) => subject.stop()))
  rows.push(await purgeRow(url), await sizeRow(url), ...memoryRows())
  await origin.stop()
  return {
    name: 'edge',
    title: 'Edge: speed and memory',
    rows,
    notes: [
      'each program is kept on one core, in turns; origin and load share the other; a figure is the median (min..max) of the rounds',
      'spate: one process, telemetry on, 1 % of traces, memory and disk as by default; nginx: one worker, proxy_cache with lock, stale updating; Varnish: default threads',
      'hits: wrk, 1 thread, 32 kept connections, 1 s a round; us CPU: user and system time of the program a request; ratios are taken round by round',
      'at once: connections are open, then all ask; control: the origin itself without a cache, which is what generator and machine need',
      'mixed: open loop on 200 connections, 2.5 s a round, latency from the moment a request was due; 80 % hits (zipf 1.0 over 2000 objects), 15 % cacheable and asked for once, 5 % uncacheable; 1 KB to 1 MB (64 % 1 KB, 25 % 4 KB, 9 % 16 KB, 1.9 % 100 KB, 0.1 % 1 MB); in brackets rate x mean latency = requests under way',
      'slow: 900 heads that get a line every 4 s, 900 bodies that get a byte every 4 s, 200 readers of 8 MiB that do not read, in a process of their own; 500 more a second; P99 of each second; limits of the listener as they are by default',
      'purge: 1000 other requests in the second of the purge; control: the second before it',
      'hit ratio: 10,000 objects of one size, 500,000 requests, LRU on the same draws',
    ],
  }
}
