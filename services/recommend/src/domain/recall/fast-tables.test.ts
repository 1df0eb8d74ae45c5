import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { topOf } from './blend.ts'
import { Neighbours } from './neighbours.ts'
import { Popularity } from './popularity.ts'
import { Scores } from './scores.ts'
import { TopList } from './top-list.ts'

const item = fc.integer({ min: 0, max: 40 })

test('a top list that was renewed is the sort of the whole, and so are its powers', () => {
  const steps = fc.array(fc.tuple(item, fc.integer({ min: 0, max: 9 }), fc.boolean()))
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 50 }), (events, most) => {
      const sums = new Float64Array(41)
      const list = new TopList(most, 41, (at) => sums[at] ?? 0)
      for (const [at, by, renew] of events) {
        sums[at] = (sums[at] ?? 0) + by
        list.grew(at)
        if (renew) list.renew()
      }
      list.renew()
      const wanted = new TopList(most, 41, (at) => sums[at] ?? 0)
      assert.deepEqual([...list.items], [...wanted.items])
      assert.deepEqual(list.powered(0.5), wanted.powered(0.5))
      assert.ok(list.items.length <= most)
    }),
  )
})

test('what popularity says is of the newest sums once 2 % of the items changed', () => {
  const popularity = new Popularity()
  for (let at = 0; at < 100; at++) popularity.observe(at, 0, 100 - at)
  assert.equal(popularity.top('ever', 3)[0], 0)
  popularity.observe(50, 0, 1000)
  popularity.observe(51, 0, 2000)
  assert.equal(popularity.top('ever', 3)[0], 0)
  popularity.observe(52, 0, 3000)
  assert.deepEqual([...popularity.top('ever', 3)], [52, 51, 50])
  const { items, worth } = popularity.powered('ever', 1)
  assert.deepEqual([items[0], worth[0]], [52, 3048])
  // A weight of another scale leaves the old list behind: the sums it was made from are gone.
  popularity.observe(99, 500 * 86_400_000, 1)
  assert.equal(popularity.top('day', 1)[0], 99)
})

test('neighbours are a map that remembers the order in which they came', () => {
  const adds = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.double({ min: -1, max: 3, noNaN: true })),
    { maxLength: 300 },
  )
  fc.assert(
    fc.property(adds, fc.integer({ min: 1, max: 20 }), (steps, most) => {
      const row = new Neighbours()
      const map = new Map<number, number>()
      for (const [to, by] of steps.flatMap((each) => [each, each])) {
        const before = map.get(to)
        if (before !== undefined || by > 0) map.set(to, (before ?? 0) + by)
        const added = row.add(to, by)
        assert.equal(added, before !== undefined || by > 0 ? by : 0)
      }
      assert.deepEqual([...row], [...map])
      for (const [to, weight] of map) assert.equal(row.get(to), weight)
      assert.equal(row.get(7), map.get(7))
      const kept = [...map].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, most)
      assert.deepEqual([...row.heaviest(most)], kept)
      const again = Neighbours.of(row.items.slice(0, row.size), row.weights.slice(0, row.size))
      assert.deepEqual([...again], [...row])
    }),
  )
})

test('the best of a board are those of a sort, whatever is touched and allowed', () => {
  const touched = fc.array(fc.tuple(item, fc.integer({ min: -3, max: 3 })))
  fc.assert(
    fc.property(touched, fc.integer({ min: 0, max: 45 }), fc.nat(5), (adds, most, odd) => {
      const board = new Scores(41)
      for (const [at, by] of adds) board.add(at, by)
      const allowed = (at: number): boolean => at % 6 !== odd
      const wanted = [...new Set(adds.map(([at]) => at))]
        .filter(allowed)
        .map((at) => ({ item: at, score: board.values[at] as number }))
        .sort((a, b) => b.score - a.score || a.item - b.item)
        .slice(0, most)
      assert.deepEqual(topOf(board, most, allowed), wanted)
      board.clear()
      assert.equal(board.count, 0)
      assert.ok(board.values.every((value) => value === 0))
      assert.ok(adds.every(([at]) => !board.has(at)))
    }),
  )
})
