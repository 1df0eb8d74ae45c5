import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { SimulatedDisk } from '@spate/journal/simulated-disk'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { VirtualClock } from '@spate/runtime/virtual-clock'

import { openEmbeddedEventLog } from './embedded.ts'
import { eventLogConformance } from './event-log-conformance.ts'
import type { EventLog, OutgoingEvent } from './event-log.ts'

eventLogConformance('embedded, the machine’s disk', async () => {
  const root = await mkdtemp(join(tmpdir(), 'spate-events-'))
  const open = (): Promise<EventLog> =>
    openEmbeddedEventLog({ folder: `${root}/events`, clock: systemClock, commitMs: 5 })
  let log = await open()
  return {
    log,
    reopen: async () => {
      await log.close()
      return (log = await open())
    },
    dispose: async () => {
      await log.close()
      await rm(root, { recursive: true, force: true })
    },
  }
})

eventLogConformance('embedded, events read from the disk and not from memory', async () => {
  const disk = new SimulatedDisk({ chance: new SeededChance(7) })
  const open = (): Promise<EventLog> =>
    openEmbeddedEventLog({
      folder: '/events',
      clock: systemClock,
      disk,
      commitMs: 5,
      limits: { tailBytesMax: 500 },
    })
  let log = await open()
  return {
    log,
    reopen: async () => {
      await log.close()
      return (log = await open())
    },
    dispose: () => log.close(),
  }
})

const numbered = (from: number, count: number): OutgoingEvent[] =>
  Array.from({ length: count }, (_, at) => ({
    key: `k${at % 5}`,
    value: new TextEncoder().encode(String(from + at).padStart(100, '0')),
  }))

test('old events are let go by size, and a consumer that comes too late is told how many it missed', async () => {
  const clock = new VirtualClock()
  const disk = new SimulatedDisk({ chance: new SeededChance(3) })
  const log = await openEmbeddedEventLog({
    folder: '/events',
    clock,
    disk,
    limits: { partitions: 1, retentionBytes: 40_000, tailBytesMax: 500 },
  })
  for (let round = 0; round < 20; round++) await log.publish('orders', numbered(round * 50, 50))
  await clock.advanceAsync(60_000)
  const [bounds] = await log.bounds('orders')
  assert.ok(bounds && bounds.first > 0, 'something was let go')
  assert.ok(bounds.next - bounds.first >= 40_000 / 160, 'what may stay, stays')
  const seen: number[] = []
  const late = log.subscribe({
    topic: 'orders',
    group: 'late',
    from: { 0: 0 },
    handler: async (batch) => void seen.push(...batch.map((one) => one.offset)),
  })
  await late.caughtUp()
  assert.equal(late.counters.missed + seen.length, 1000)
  assert.ok(late.counters.missed > 0)
  await log.close()
})

test('old events are let go by age', async () => {
  const clock = new VirtualClock()
  const disk = new SimulatedDisk({ chance: new SeededChance(3) })
  const limits = { partitions: 1, retentionBytes: 80_000, retentionMs: 1000 }
  const log = await openEmbeddedEventLog({ folder: '/events', clock, disk, retainMs: 500, limits })
  for (let round = 0; round < 10; round++) await log.publish('orders', numbered(0, 50))
  await clock.advanceAsync(600)
  assert.equal((await log.bounds('orders'))[0]?.first, 0)
  await clock.advanceAsync(1000)
  assert.ok(((await log.bounds('orders'))[0]?.first ?? 0) > 0)
  await log.close()
})

test('a full disk refuses events and never says it has them', async () => {
  const disk = new SimulatedDisk({ chance: new SeededChance(3) })
  const log = await openEmbeddedEventLog({ folder: '/events', clock: systemClock, disk })
  await log.publish('orders', numbered(0, 1))
  disk.capacityBytes = disk.usedBytes + 50
  const refused = (caught: unknown): boolean =>
    caught instanceof Fault && caught.code === 'disk_full'
  await assert.rejects(log.publish('orders', numbered(1, 1)), refused)
  await assert.rejects(log.publish('orders', numbered(1, 1)), refused)
  const bounds = await log.bounds('orders')
  assert.equal(
    bounds.reduce((sum, one) => sum + one.next, 0),
    1,
  )
  await log.close()
})

test('an event is taken up to exactly the bytes that may wait for the disk', async () => {
  const disk = new SimulatedDisk({ chance: new SeededChance(3) })
  const limits = { pendingBytesMax: 48 + 1 + 101 }
  const log = await openEmbeddedEventLog({ folder: '/events', clock: systemClock, disk, limits })
  const sized = (bytes: number): OutgoingEvent[] => [{ key: 'k', value: new Uint8Array(bytes) }]
  await log.publish('orders', sized(100))
  await log.publish('orders', sized(101))
  await assert.rejects(
    log.publish('orders', sized(102)),
    (caught) => caught instanceof Fault && caught.code === 'overloaded',
  )
  await log.close()
})
