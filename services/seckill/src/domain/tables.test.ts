import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { orderIdOf, parseOrderId } from './order-id.ts'
import { PairTable } from './pair-table.ts'
import { TextTable } from './text-table.ts'

const small = fc.integer({ min: 0, max: 12 })

test('a pair table counts like a map, whatever order campaigns and users come in', () => {
  const steps = fc.array(fc.tuple(small, small, fc.integer({ min: 0, max: 3 })), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (all) => {
      const table = new PairTable()
      const counts = new Map<string, number>()
      for (const [campaign, near, delta] of all) {
        // Users far apart make the columns grow.
        const user = near * 97
        const key = `${campaign} ${user}`
        assert.equal(table.get(campaign, user), counts.get(key) ?? 0)
        table.add(campaign, user, delta)
        counts.set(key, (counts.get(key) ?? 0) + delta)
      }
      for (const [key, count] of counts) {
        const [campaign = 0, user = 0] = key.split(' ').map(Number)
        assert.equal(table.get(campaign, user), count)
      }
    }),
    { numRuns: 200 },
  )
})

test('one user in a thousand campaigns and a thousand users in one are all counted', () => {
  const table = new PairTable()
  for (let n = 0; n < 1000; n++) {
    table.add(n, 7, n + 1)
    table.add(3, 1000 + n, 2)
  }
  for (let n = 0; n < 1000; n++) {
    assert.equal(table.get(n, 7), n + 1)
    assert.equal(table.get(3, 1000 + n), 2)
    assert.equal(table.get(4, 1000 + n), 0)
  }
  assert.equal(table.get(0, 1 << 20), 0)
})

test('a text table numbers like a map, grown or restored, and salts are names of their own', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 5 })
  fc.assert(
    fc.property(fc.array(fc.tuple(small, text), { maxLength: 1500, size: 'max' }), (all) => {
      const table = new TextTable(5)
      const numbers = new Map<string, number>()
      for (const [salt, name] of all) {
        const key = `${salt} ${name}`
        assert.equal(table.find(salt, name), numbers.get(key) ?? -1)
        const number = numbers.get(key) ?? numbers.size
        numbers.set(key, number)
        assert.equal(table.add(salt, name), number)
      }
      const again = new TextTable(6)
      again.restore(table.columns())
      for (const [salt, name] of all) {
        assert.equal(table.find(salt, name), numbers.get(`${salt} ${name}`))
        assert.equal(again.find(salt, name), numbers.get(`${salt} ${name}`))
      }
      assert.equal(again.add(99, 'new'), table.size)
    }),
    { numRuns: 8 },
  )
})

test('an order id is a UUIDv7 that tells its parts, also where the time goes back', () => {
  const fields = {
    atMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    randomA: fc.integer({ min: 0, max: 2 ** 26 - 1 }),
    randomB: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
    slot: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  }
  const parts = fc.record(fields, { noNullPrototype: true })
  fc.assert(
    fc.property(fc.array(parts, { minLength: 1 }), (all) => {
      const ids = all.map((one) => orderIdOf(one.atMs, one.randomA, one.randomB, one.slot))
      assert.deepEqual(ids.map(parseOrderId), all)
      for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/)
    }),
  )
})
