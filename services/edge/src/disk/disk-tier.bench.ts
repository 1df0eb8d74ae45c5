import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { memoryBytes } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import { sampleResponse } from '../store/hit-ratio.ts'
import { emptyOrder } from '../store/response-index.ts'
import { Tiers } from '../store/tiers.ts'
import type { DiskTier } from './disk-tier.ts'
import { openDiskTier } from './open-disk-tier.ts'

const objects = 100_000
const bodyBytes = 1000
const rounds = 5

/** Disk tier: ready after a restart, purge by one tag, memory an object, reading back. */
export async function run(): Promise<BenchTable> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-disk-bench-'))
  try {
    return {
      name: 'edge-disk',
      title: 'Edge: the disk tier',
      rows: await rows(folder),
      notes: [
        `${objects} objects of ${bodyBytes} bytes, one tag; the file system of the temporary folder`,
        'purge: both tiers, until the order is synced; the control is the same purge in memory alone',
      ],
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function rows(folder: string): Promise<BenchTable['rows']> {
  const opens: number[] = []
  const purges: number[] = []
  const inMemory: number[] = []
  let heap = 0
  let reads = ''
  for (let round = 0; round < rounds; round++) {
    const filled = await open(folder)
    await fill(filled, new Tiers(2 ** 20, filled))
    await filled.close()
    const before = memoryBytes().heapUsed
    const startMs = systemClock.elapsed()
    const disk = await open(folder)
    opens.push(systemClock.elapsed() - startMs)
    heap = (memoryBytes().heapUsed - before) / objects
    const tiers = new Tiers(2 ** 30, disk)
    if (round === 0) reads = await readBack(tiers)
    const purgeMs = systemClock.elapsed()
    tiers.purge({ ...emptyOrder, tags: ['one'] }, 0)
    await disk.durable()
    purges.push(systemClock.elapsed() - purgeMs)
    await disk.close()
    inMemory.push(purgedInMemory())
  }
  const label = `purge of ${objects} objects by one tag`
  return [
    { label: `ready after a restart with ${objects} objects`, figures: { spate: spread(opens) } },
    { label, figures: { 'spate, on disk': spread(purges), 'memory alone': spread(inMemory) } },
    { label: 'memory an object on disk', figures: { spate: `${heap.toFixed(0)} B` } },
    { label: 'read back one after the other', figures: { spate: reads } },
  ]
}

function open(folder: string): Promise<DiskTier> {
  return openDiskTier({
    folder,
    limits: {
      bytesMax: 2 ** 30,
      objectsMax: 10 * objects,
      objectBytesMax: 2 ** 20,
      promoteBytesMax: 2 ** 20,
    },
    identity: 'bench',
    log: silentLog,
  })
}

async function fill(disk: DiskTier, tiers: Tiers): Promise<void> {
  for (let at = 0; at < objects; at++) {
    tiers.disk?.write(sampleResponse(`http://sample.example/${at}`, bodyBytes, 'one'))
    if (at % 2000 === 0) await disk.written()
  }
  await disk.written()
}

async function readBack(tiers: Tiers): Promise<string> {
  const anyone = { get: (): undefined => undefined }
  const count = 2000
  const startMs = systemClock.elapsed()
  for (let at = 0; at < count; at++) {
    const entry = tiers.findOnDisk(`http://sample.example/${at * 49}`, anyone)
    if (entry) await tiers.load(entry)
  }
  return `${(((systemClock.elapsed() - startMs) * 1000) / count).toFixed(0)} us each`
}

function purgedInMemory(): number {
  const tiers = new Tiers(2 ** 40, undefined)
  for (let at = 0; at < objects; at++)
    tiers.put(sampleResponse(`http://sample.example/${at}`, 0, 'one'))
  const startMs = systemClock.elapsed()
  tiers.purge({ ...emptyOrder, tags: ['one'] }, 0)
  return systemClock.elapsed() - startMs
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((one, other) => one - other)
  const at = (share: number): string =>
    (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(0)
  return `${at(0.5)} ms (${at(0)}-${at(1)})`
}
