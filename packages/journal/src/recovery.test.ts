/** Whatever survives a crash, a journal gives back every durable record and invents none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SeededChance } from '@spate/runtime/chance'

import { openJournal, type Journal } from './journal.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const folder = '/data/journal'

interface Life {
  readonly appended: Map<number, string>
  durableSequence: number
}

/** Appends, syncs, snapshots and rotates for a while; dies at a random point, or closes. */
async function live(disk: SimulatedDisk, chance: SeededChance, life: Life): Promise<void> {
  const syncWhenAsked = chance.integer(0, 1) === 1
  const crashAt = chance.integer(0, 120)
  let points = 0
  let die = (): void => {}
  const death = new Promise<void>((resolve) => (die = resolve))
  const crash = (): void => {
    if (points++ !== crashAt) return
    disk.crash()
    die()
    throw new Error('crashed')
  }
  const journal = await openJournal({ folder, disk, segmentBytesMax: 700, crash, syncWhenAsked })
  await proveRecovered(journal, life)
  const worked = work(journal, chance, life).catch((caught: unknown) => {
    if (!journal.failure) throw caught
  })
  await Promise.race([worked, death])
  if (points > crashAt) return
  if (chance.integer(0, 2) === 0) {
    await journal.close()
    life.durableSequence = journal.lastSequence
  }
  if (chance.integer(0, 3) > 0) disk.crash()
  else disk.kill()
}

async function proveRecovered(journal: Journal, life: Life): Promise<void> {
  assert.deepEqual(journal.recovery.lost, [])
  assert.deepEqual(journal.recovery.quarantined, [])
  assert.ok(
    journal.recovery.lastSequence >= life.durableSequence,
    `durable up to ${life.durableSequence}, recovered ${journal.recovery.lastSequence}`,
  )
  const found = new Map<number, string>()
  await journal.replay(1, (sequence, payload) => {
    found.set(sequence, Buffer.from(payload).toString('hex'))
  })
  for (let at = journal.firstSequence; at <= journal.lastSequence; at++)
    assert.equal(found.get(at), life.appended.get(at), `record ${at} is what was appended`)
  assert.equal(found.size, journal.lastSequence - journal.firstSequence + 1)
  for (const sequence of life.appended.keys())
    if (sequence > journal.lastSequence) life.appended.delete(sequence)
  life.durableSequence = journal.lastSequence
}

async function work(journal: Journal, chance: SeededChance, life: Life): Promise<void> {
  for (let turn = chance.integer(1, 25); turn > 0; turn--) {
    for (let count = chance.integer(1, 9); count > 0; count--) {
      const payload = Buffer.alloc(chance.integer(0, 200))
      chance.fill(payload)
      life.appended.set(journal.append(payload), payload.toString('hex'))
    }
    if (chance.integer(0, 3) === 0) {
      await new Promise((resolve) => setImmediate(resolve))
      continue
    }
    const upTo = journal.lastSequence
    await journal.durable()
    life.durableSequence = upTo
    if (chance.integer(0, 9) === 0)
      await journal.writeSnapshot(journal.durableSequence, new Uint8Array(1300))
  }
}

test('any crash keeps all durable records and invents none', async () => {
  const seeds = Number(process.env['JOURNAL_SEEDS'] ?? 400)
  for (let seed = 1; seed <= seeds; seed++) {
    const chance = new SeededChance(seed)
    const disk = new SimulatedDisk({ chance })
    const life: Life = { appended: new Map(), durableSequence: 0 }
    try {
      for (let lives = 0; lives < 6; lives++) await live(disk, chance, life)
    } catch (caught) {
      throw new Error(`seed ${seed}`, { cause: caught })
    }
  }
})
