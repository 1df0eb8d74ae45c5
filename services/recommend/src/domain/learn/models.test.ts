import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { trainEase } from '../recall/ease.ts'
import { SymmetricMatrix } from '../recall/inverse.ts'
import { headItems, itemSets, type Interactions } from '../recall/interactions.ts'
import { weightBetween } from '../recall/linear-model.ts'
import { listFigures } from '../metrics.ts'
import { Popularity } from '../recall/popularity.ts'
import { cut } from './task.ts'
import { choose, headFor, sampled, trainingDefaults } from './training.ts'

const chance = new SeededChance(20261123)

/** `users` users with runs through a ring of `items` items: what comes next is certain. */
function ring(users: number, items: number, length: number): Interactions {
  const start = Uint32Array.from({ length: users + 1 }, (_, user) => user * length)
  const flat = new Uint32Array(users * length)
  for (let user = 0; user < users; user++) {
    const first = chance.integer(0, items - 1)
    for (let at = 0; at < length; at++) flat[user * length + at] = (first + at) % items
  }
  return {
    itemCount: items,
    start,
    items: flat,
    timesMs: Float64Array.from({ length: flat.length }, (_, at) => at * 1000),
  }
}

/** Gauss and Jordan with pivots, as plain as can be: the oracle. */
function plainInverse(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length
  const rows = matrix.map((row, at) => [...row, ...row.map((_, k) => (k === at ? 1 : 0))])
  for (let pivot = 0; pivot < size; pivot++) {
    let best = pivot
    for (let row = pivot; row < size; row++)
      if (Math.abs(rows[row]?.[pivot] ?? 0) > Math.abs(rows[best]?.[pivot] ?? 0)) best = row
    const taken = rows[best] as number[]
    rows[best] = rows[pivot] as number[]
    rows[pivot] = taken
    const scale = taken[pivot] as number
    for (let k = 0; k < 2 * size; k++) taken[k] = (taken[k] as number) / scale
    for (const [at, row] of rows.entries()) {
      const factor = row[pivot] as number
      if (at !== pivot)
        for (let k = 0; k < 2 * size; k++)
          row[k] = (row[k] as number) - factor * (taken[k] as number)
    }
  }
  return rows.map((row) => row.slice(size))
}

for (const size of [1, 3, 4, 63, 64, 65, 130])
  test(`the blocked inverse of ${size} x ${size} is that of Gauss and Jordan`, () => {
    const matrix = new SymmetricMatrix(size)
    const plain = Array.from({ length: size }, () => Array.from({ length: size }, () => 0))
    for (let row = 0; row < size; row++)
      for (let column = 0; column <= row; column++) {
        const value = row === column ? size + 1 + chance.float() : chance.float()
        matrix.add(row, column, value)
        ;(plain[row] as number[])[column] = (plain[column] as number[])[row] = value
      }
    matrix.invert()
    plainInverse(plain).forEach((row, at) =>
      row.forEach((value, column) => assert.ok(Math.abs(value - matrix.get(at, column)) < 1e-9)),
    )
  })

for (const size of [3, 65, 515])
  test(`a product of ${size} x ${size} is that of rows and columns`, () => {
    const matrix = new SymmetricMatrix(size)
    const { stride } = matrix
    for (let row = 0; row < size; row++)
      for (let column = 0; column <= row; column++) matrix.add(row, column, chance.float())
    const factor = Float32Array.from({ length: stride * stride }, () => chance.float())
    const product = matrix.multiplied(factor)
    for (let tried = 0; tried < 300; tried++) {
      const row = chance.integer(0, size - 1)
      const column = chance.integer(0, size - 1)
      let sum = 0
      for (let k = 0; k < size; k++)
        sum += matrix.get(row, k) * (factor[k * stride + column] as number)
      const found = product[row * size + column] as number
      assert.ok(Math.abs(found - sum) < 1e-4 * size, `${row} ${column}: ${found}, ${sum}`)
    }
  })

test('the head grows with the cube root of what there is to learn from', () => {
  assert.equal(headFor(10), 1000)
  assert.equal(headFor(100_000), 2000)
  assert.equal(headFor(800_000), 4000)
})

test('EASE is -P / diag(P) with a zero diagonal', () => {
  const data = ring(40, 7, 4)
  const sets = itemSets(data, 100)
  const head = headItems(sets, 100)
  const model = trainEase(sets, head, 3)
  const gram = Array.from({ length: 7 }, (_, a) =>
    Array.from({ length: 7 }, (_, b) => (a === b ? 3 : 0)),
  )
  for (let user = 0; user < 40; user++) {
    const items = sets.items.subarray(sets.start[user], sets.start[user + 1])
    for (const a of items) for (const b of items) (gram[a] as number[])[b] = (gram[a]?.[b] ?? 0) + 1
  }
  const inverse = plainInverse(gram)
  for (let from = 0; from < 7; from++)
    for (let to = 0; to < 7; to++) {
      const expected = from === to ? 0 : -(inverse[from]?.[to] ?? 0) / (inverse[to]?.[to] ?? 1)
      assert.ok(Math.abs(weightBetween(model, from, to) - expected) < 1e-5)
    }
})

test('NDCG, recall and hit rate are those counted by hand', () => {
  const close = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-12)
  close(listFigures([0], 10).ndcg, 1)
  close(listFigures([1], 10).ndcg, 1 / Math.log2(3))
  assert.deepEqual(listFigures([10], 10), { hr: 0, recall: 0, ndcg: 0 })
  assert.equal(listFigures([9], 10).hr, 1)
  // Two wanted, one found in place 3: gain 1/2 over 1 + 1/log2(3).
  close(listFigures([2, Infinity], 10).ndcg, 0.5 / (1 + 1 / Math.log2(3)))
  // More wanted than places: the ideal list is full, and recall is over k.
  assert.deepEqual(listFigures([0, 1, 5, 6], 2), { hr: 1, recall: 1, ndcg: 1 })
})

test('popularity does not depend on the order of events, and a late one weighs what it should', () => {
  const events = Array.from({ length: 50 }, () => [chance.integer(0, 4), chance.integer(0, 1e12)])
  const one = new Popularity()
  const other = new Popularity()
  for (const [item, time] of events) one.observe(item as number, time as number, 1)
  for (const [item, time] of events.reverse()) other.observe(item as number, time as number, 1)
  for (let item = 0; item < 5; item++)
    assert.ok(
      Math.abs(one.value(item, 'quarter', 1e12) - other.value(item, 'quarter', 1e12)) <= 1e-9,
    )
})

test('a validation cut holds out what its task asks for, and nothing else', () => {
  const data = ring(30, 11, 5)
  const last = cut(data, { kind: 'last', count: 1 })
  assert.equal(last.heldEvents, 30)
  last.held.forEach((wanted, user) => assert.deepEqual(wanted, [data.items[user * 5 + 4]]))
  const horizon = cut(data, { kind: 'horizon', ms: 10_000 })
  assert.equal(horizon.heldEvents, 11)
  assert.ok(horizon.train.timesMs.every((timeMs) => timeMs < horizon.nowMs))
})

test('where what comes next is certain, the chosen blend finds it', () => {
  const chosen = choose(ring(200, 30, 6), { ...trainingDefaults, timed: false })
  assert.ok(chosen.scores.blend > 0.95, `reached ${chosen.scores.blend}`)
})

test('a sample has whole users, about as many events as asked for, and all of them where that is enough', () => {
  const data = ring(50, 20, 8)
  for (const most of [8, 40, 399]) {
    const some = sampled(data, most)
    const users = some.start.length - 1
    assert.ok(some.items.length <= most && some.items.length > most - 8, `${some.items.length}`)
    assert.equal(some.timesMs.length, users * 8)
    for (let user = 0; user < users; user++)
      for (let at = 1; at < 8; at++)
        assert.equal(
          some.items[user * 8 + at],
          ((some.items[user * 8 + at - 1] as number) + 1) % 20,
        )
  }
  assert.equal(sampled(data, 400), data)
  assert.equal(sampled(data, 401), data)
})
