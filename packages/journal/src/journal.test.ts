import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { SeededChance } from '@spate/runtime/chance'
import { Fault } from '@spate/runtime/fault'

import { openJournal, type Journal, type JournalOptions } from './journal.ts'
import { segmentName } from './segment.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { snapshotName } from './snapshot.ts'

const folder = '/data/journal'
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const refused =
  (code: string) =>
  (caught: unknown): boolean =>
    caught instanceof Fault && caught.code === code

function freshDisk(seed = 1): SimulatedDisk {
  return new SimulatedDisk({ chance: new SeededChance(seed) })
}

function open(disk: SimulatedDisk, options: Partial<JournalOptions> = {}): Promise<Journal> {
  return openJournal({ folder, disk, ...options })
}

async function contents(journal: Journal, from = 1): Promise<string[]> {
  const found: string[] = []
  for await (const { sequence, payload } of journal.read(from))
    found.push(`${sequence}:${new TextDecoder().decode(payload)}`)
  return found
}

async function appendAll(journal: Journal, values: readonly string[]): Promise<void> {
  for (const value of values) journal.append(text(value))
  await journal.durable()
}

describe('journal', () => {
  it('reads back what was appended, before and after a restart', async () => {
    const disk = freshDisk()
    const journal = await open(disk)
    await appendAll(journal, ['a', 'b', ''])
    assert.deepEqual(await contents(journal), ['1:a', '2:b', '3:'])
    await journal.close()
    const again = await open(disk)
    assert.deepEqual(await contents(again, 2), ['2:b', '3:'])
    assert.equal(again.append(text('d')), 4)
    await again.durable()
    assert.deepEqual(again.recovery, {
      records: 3,
      lastSequence: 3,
      tornBytes: 0,
      lost: [],
      quarantined: [],
    })
    await again.close()
  })

  it('shows each record once, however much is appended while it is read', async () => {
    class SlowOpening extends SimulatedDisk {
      meanwhile: () => Promise<void> = () => Promise.resolve()
      override async open(...how: Parameters<SimulatedDisk['open']>) {
        if (how[1] === 'read') await this.meanwhile()
        return super.open(...how)
      }
    }
    const disk = new SlowOpening({ chance: new SeededChance(1) })
    const journal = await open(disk)
    await appendAll(journal, ['a', 'b'])
    let more = 3
    disk.meanwhile = () => (more-- > 0 ? appendAll(journal, ['c']) : Promise.resolve())
    const seen: number[] = []
    await journal.replay(1, (sequence) => void seen.push(sequence))
    assert.deepEqual(
      seen,
      seen.map((_, at) => at + 1),
    )
    assert.ok(seen.length >= 2)
    await journal.close()
  })

  it('makes everything that arrived in a turn durable with one sync', async () => {
    const disk = freshDisk()
    const journal = await open(disk)
    const before = disk.counts.sync
    const waits = Array.from({ length: 1000 }, () => {
      journal.append(text('x'))
      return journal.durable()
    })
    await Promise.all(waits)
    assert.equal(disk.counts.sync - before, 1)
    assert.equal(journal.durableSequence, 1000)
    assert.deepEqual(journal.counters.syncs, 1)
    await journal.close()
  })

  it('does not give out records that are not durable yet', async () => {
    const journal = await open(freshDisk())
    journal.append(text('a'))
    assert.deepEqual(await contents(journal), [])
    await journal.durable()
    assert.deepEqual(await contents(journal), ['1:a'])
    await journal.close()
  })

  it('goes on in a new segment and lets go of old ones', async () => {
    const disk = freshDisk()
    const journal = await open(disk, { segmentBytesMax: 100 })
    for (let at = 1; at <= 12; at++) await appendAll(journal, [`value-${at}`])
    assert.ok(journal.counters.rotations >= 3)
    assert.equal((await contents(journal)).length, 12)
    assert.ok((await journal.retain(7)) >= 1)
    assert.ok(journal.firstSequence > 1 && journal.firstSequence <= 7)
    assert.equal((await contents(journal, 7)).length, 6)
    await journal.close()
    const again = await open(disk)
    assert.equal((await contents(again, 7)).length, 6)
    await again.close()
  })

  it('takes a payload of exactly the limit and refuses one byte more', async () => {
    const journal = await open(freshDisk(), { recordBytesMax: 10 })
    assert.equal(journal.append(new Uint8Array(9)), 1)
    assert.equal(journal.append(new Uint8Array(10)), 2)
    assert.throws(() => journal.append(new Uint8Array(11)), refused('payload_too_large'))
    await journal.durable()
    assert.equal(journal.lastSequence, 2)
    await journal.close()
  })

  it('refuses with overloaded beyond the bytes that may wait, and takes more once they are gone', async () => {
    const journal = await open(freshDisk(), { pendingBytesMax: 60 })
    journal.append(new Uint8Array(10))
    journal.append(new Uint8Array(10))
    assert.equal(journal.pendingBytes, 60)
    assert.throws(() => journal.append(new Uint8Array(0)), refused('overloaded'))
    await journal.durable()
    assert.equal(journal.append(new Uint8Array(40)), 3)
    await journal.close()
  })

  it('belongs to one owner at a time', async () => {
    const disk = freshDisk()
    const journal = await open(disk)
    await assert.rejects(open(disk), refused('data_locked'))
    await journal.close()
    await (await open(disk)).close()
  })

  for (const call of ['write', 'sync'] as const)
    for (const [code, fault] of [
      ['EIO', 'disk_failed'],
      ['ENOSPC', 'disk_full'],
    ] as const)
      it(`stops for good at the first ${code} of a ${call}, and never asks the disk again`, async () => {
        const disk = freshDisk()
        const journal = await open(disk)
        await appendAll(journal, ['kept'])
        disk.failNext(call, code)
        journal.append(text('lost'))
        await assert.rejects(journal.durable(), refused(fault))
        const calls = disk.counts.sync + disk.counts.write
        assert.throws(() => journal.append(text('refused')), refused(fault))
        await assert.rejects(journal.durable(), refused(fault))
        assert.equal(journal.failure?.code, fault)
        await journal.close()
        assert.equal(disk.counts.sync + disk.counts.write, calls)
        disk.crash()
        const again = await open(disk)
        assert.equal((await contents(again))[0], '1:kept')
        await again.close()
      })

  it('fails those who wait behind a failing batch too', async () => {
    const delay = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))
    const disk = new SimulatedDisk({ chance: new SeededChance(1), delay })
    const journal = await open(disk)
    disk.failNext('sync', 'EIO')
    journal.append(text('a'))
    const first = journal.durable()
    await new Promise((resolve) => setImmediate(resolve))
    journal.append(text('b'))
    const second = journal.durable()
    await assert.rejects(first, refused('disk_failed'))
    await assert.rejects(second, refused('disk_failed'))
    await journal.close()
  })

  it('makes what it finds after a failed sync durable before anybody builds on it', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const disk = freshDisk(seed)
      const journal = await open(disk)
      await appendAll(journal, ['a'])
      disk.failNext('sync', 'EIO')
      journal.append(text('b'))
      await assert.rejects(journal.durable(), refused('disk_failed'))
      disk.kill()
      const again = await open(disk)
      assert.deepEqual(await contents(again), ['1:a', '2:b'])
      await appendAll(again, ['c'])
      disk.crash()
      const third = await open(disk)
      assert.deepEqual(await contents(third), ['1:a', '2:b', '3:c'])
    }
  })

  it('makes the name of a segment durable that a dead process left', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const disk = freshDisk(seed)
      disk.failNext('sync', 'EIO', 1)
      await assert.rejects(open(disk), /EIO/)
      disk.kill()
      const journal = await open(disk)
      await appendAll(journal, ['a'])
      disk.crash()
      assert.deepEqual(await contents(await open(disk)), ['1:a'])
    }
  })

  it('stops when the disk is full and keeps what it had promised', async () => {
    const disk = freshDisk()
    const journal = await open(disk)
    await appendAll(journal, ['a'])
    disk.capacityBytes = disk.usedBytes + 15
    journal.append(text('b'))
    await assert.rejects(journal.durable(), refused('disk_full'))
    await journal.close()
    disk.capacityBytes = 1e9
    const again = await open(disk)
    assert.deepEqual(await contents(again), ['1:a'])
    assert.equal(again.recovery.tornBytes, 15)
    await again.close()
  })
})

describe('journal damage', () => {
  async function written(disk: SimulatedDisk): Promise<void> {
    const journal = await open(disk, { segmentBytesMax: 120 })
    for (let at = 1; at <= 12; at++) await appendAll(journal, [`value-${at}`])
    await journal.close()
  }
  const path = `${folder}/${segmentName(1)}`

  it('in the middle is refused with what is lost and where the copy is', async () => {
    const disk = freshDisk()
    await written(disk)
    disk.damage(path, 32 + 27 + 22)
    await assert.rejects(open(disk), (caught) => {
      assert.ok(caught instanceof Fault)
      assert.equal(caught.code, 'data_corrupt')
      assert.match(caught.message, /at byte 59: record 2 to 2 cannot be read/)
      assert.match(caught.message, /copy is at \/data\/journal\/quarantine\//)
      return true
    })
    await assert.rejects(open(disk), refused('data_corrupt'))
    assert.equal((await disk.list(`${folder}/quarantine`)).length, 1)
  })

  it('in the middle is repaired where the owner said so, and stays repaired', async () => {
    const disk = freshDisk()
    await written(disk)
    disk.damage(path, 32 + 27 + 22)
    const journal = await open(disk, { onDamage: 'repair' })
    assert.deepEqual(journal.recovery.lost, [{ from: 2, to: 2 }])
    assert.equal(journal.recovery.quarantined.length, 1)
    assert.equal(journal.recovery.records, 11)
    assert.equal((await contents(journal)).length, 11)
    assert.equal(journal.append(text('next')), 13)
    await journal.durable()
    await journal.close()
    const again = await open(disk)
    assert.deepEqual(again.recovery.lost, [])
    assert.equal((await contents(again)).length, 12)
    await again.close()
  })

  it('of the last record is found after a clean close, by the seal', async () => {
    const disk = freshDisk()
    const journal = await open(disk)
    await appendAll(journal, ['a', 'b'])
    await journal.close()
    disk.damage(path, 32 + 21 + 20)
    await assert.rejects(open(disk), refused('data_corrupt'))
  })

  it('of a header is repaired from the name and the records', async () => {
    const disk = freshDisk()
    await written(disk)
    disk.damage(path, 3)
    await assert.rejects(open(disk), refused('data_corrupt'))
    const journal = await open(disk, { onDamage: 'repair' })
    assert.deepEqual(journal.recovery.lost, [])
    assert.equal((await contents(journal)).length, 12)
    await journal.close()
  })

  it('of a missing segment is refused, and named where repaired', async () => {
    const disk = freshDisk()
    await written(disk)
    const names = (await disk.list(folder)).filter((name) => name.endsWith('.journal'))
    assert.ok(names.length >= 3)
    await disk.remove(`${folder}/${names[1]}`)
    await assert.rejects(open(disk), /are missing before/)
    const journal = await open(disk, { onDamage: 'repair' })
    assert.equal(journal.recovery.lost.length, 1)
    await journal.close()
    const again = await open(disk)
    assert.equal(again.recovery.lost.length, 0)
    await again.close()
  })

  it('a newer format is refused, not read as something else', async () => {
    const disk = freshDisk()
    const { encodeSegmentHeader } = await import('./segment.ts')
    const { crc32c } = await import('./crc32c.ts')
    const header = encodeSegmentHeader(1)
    header[8] = 9
    new DataView(header.buffer).setUint32(28, crc32c(header, 0, 28), true)
    const file = await disk.open(path, 'create')
    await file.write(header, 0)
    await assert.rejects(open(disk), /format version 9/)
  })
})

describe('journal snapshots', () => {
  it('give back the newest, and the one before it where the newest is damaged', async () => {
    const disk = freshDisk()
    const journal = await open(disk)
    await appendAll(journal, ['a', 'b', 'c'])
    assert.equal(await journal.latestSnapshot(), undefined)
    await journal.writeSnapshot(1, text('one'))
    await journal.writeSnapshot(2, [text('tw'), text('o')])
    await journal.writeSnapshot(3, text('three'))
    assert.deepEqual(
      (await disk.list(folder)).filter((name) => name.endsWith('.snapshot')),
      [snapshotName(2), snapshotName(3)],
    )
    const newest = await journal.latestSnapshot()
    assert.equal(newest?.sequence, 3)
    assert.deepEqual(newest?.bytes, text('three'))
    disk.damage(`${folder}/${snapshotName(3)}`, 26)
    const older = await journal.latestSnapshot()
    assert.equal(older?.sequence, 2)
    assert.deepEqual(older?.bytes, text('two'))
    assert.equal((await disk.list(`${folder}/quarantine`)).length, 1)
    await journal.close()
  })

  it('are refused ahead of what is durable', async () => {
    const journal = await open(freshDisk())
    await assert.rejects(journal.writeSnapshot(1, text('x')), refused('conflict'))
    await journal.close()
  })

  it('keep sequences from being given out twice when all segments are gone', async () => {
    const disk = freshDisk()
    const journal = await open(disk)
    await appendAll(journal, ['a', 'b'])
    await journal.writeSnapshot(2, text('state'))
    await journal.close()
    await disk.remove(`${folder}/${segmentName(1)}`)
    await assert.rejects(open(disk), /a snapshot reaches 2/)
    const again = await open(disk, { onDamage: 'repair' })
    assert.equal(again.append(text('c')), 3)
    await again.close()
  })
})
