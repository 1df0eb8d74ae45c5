import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededChance } from '@spate/runtime/chance'
import { featureNames, type FeatureRows } from '../features/feature-vector.ts'
import { tokenNames } from '../features/token.ts'
import { chanceOf, FactorisationMachine, factors } from './factorisation-machine.ts'
import { emptyBatch, readBatch } from './row-batch.ts'
import { emptyRow, readRow, type SparseRow } from './sparse-row.ts'

const options = { buckets: 251, rate: 0.05, decay: 1e-5 }
const chance = new SeededChance(5)

function rows(count: number, number: () => number = () => chance.float() * 8 - 2): FeatureRows {
  return {
    rows: count,
    numbers: Float32Array.from({ length: count * featureNames.length }, number),
    tokens: Uint32Array.from({ length: count * tokenNames.length }, () =>
      chance.float() < 0.2 ? 0 : chance.uint32(),
    ),
  }
}

/** The definition: every pair of features, one by one. */
function bruteForce(machine: FactorisationMachine, row: SparseRow): number {
  const { bias, weights, vectors } = machine.save()
  let odds = bias[0] as number
  for (let a = 0; a < row.count; a++) {
    const one = row.places[a] as number
    odds += (weights[one] as number) * (row.values[a] as number)
    for (let b = a + 1; b < row.count; b++) {
      const two = row.places[b] as number
      let dot = 0
      for (let f = 0; f < factors; f++)
        dot += (vectors[one * factors + f] as number) * (vectors[two * factors + f] as number)
      odds += dot * (row.values[a] as number) * (row.values[b] as number)
    }
  }
  return odds
}

test('the fast sum is the double sum over all pairs, before and after learning', () => {
  const machine = new FactorisationMachine(options)
  const data = rows(300)
  const row = emptyRow()
  for (let at = 0; at < data.rows; at++) {
    readRow(data, at, options.buckets, row)
    assert.ok(Math.abs(machine.odds(row) - bruteForce(machine, row)) < 1e-9)
    machine.learn(row, chance.float() < 0.5 ? 1 : 0)
  }
})

test('a batch, whatever its rows share, is the double sum of each row', () => {
  const row = emptyRow()
  const batch = emptyBatch()
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 30 }),
      fc.array(fc.integer({ min: 0, max: featureNames.length - 1 }), { maxLength: 30 }),
      fc.array(fc.integer({ min: 0, max: tokenNames.length - 1 }), { maxLength: 7 }),
      fc.option(fc.constantFrom(NaN, Infinity, 0, 1e30)),
      (count, sameNumbers, sameTokens, odd) => {
        const machine = new FactorisationMachine(options)
        for (let at = 0; at < 20; at++) {
          readRow(rows(1), 0, options.buckets, row)
          machine.learn(row, at % 2 === 0 ? 1 : 0)
        }
        const data = rows(count)
        for (let at = 0; at < count; at++) {
          for (const k of sameNumbers)
            data.numbers[at * featureNames.length + k] = odd ?? (data.numbers[k] as number)
          for (const k of sameTokens)
            data.tokens[at * tokenNames.length + k] = data.tokens[k] as number
        }
        readBatch(data, options.buckets, batch)
        const odds = new Float64Array(count)
        machine.oddsOf(batch, odds)
        for (let at = 0; at < count; at++) {
          readRow(data, at, options.buckets, row)
          const wanted = Math.max(-30, Math.min(30, bruteForce(machine, row)))
          assert.ok(Math.abs((odds[at] as number) - wanted) < 1e-9)
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('a step goes down the slope that differences show', () => {
  const data = rows(1)
  const row = emptyRow()
  readRow(data, 0, options.buckets, row)
  const loss = (machine: FactorisationMachine): number => -Math.log(chanceOf(machine.odds(row)))
  const machine = new FactorisationMachine({ ...options, decay: 0 })
  const { vectors } = machine.save()
  const place = (row.places[0] as number) * factors
  const before = loss(machine)
  const old = vectors[place] as number
  vectors[place] = old + 1e-3
  const slope = (loss(machine) - before) / 1e-3
  vectors[place] = old
  machine.learn(row, 1)
  // AdaGrad's first step is the rate against the sign of the slope.
  const moved = (vectors[place] ?? 0) - old
  assert.equal(Math.sign(moved), -Math.sign(slope))
  assert.ok(Math.abs(Math.abs(moved) - options.rate) < 1e-3)
})

test('a rule of one pair of tokens is learnt, which no linear model could', () => {
  const machine = new FactorisationMachine(options)
  const row = emptyRow()
  let right = 0
  for (let turn = 0; turn < 8000; turn++) {
    const [a, b] = [chance.integer(1, 2), chance.integer(1, 2)]
    const data = {
      rows: 1,
      numbers: new Float32Array(featureNames.length),
      tokens: Uint32Array.of(a * 7, b * 31, 0, 0, 0, 0, 0),
    }
    readRow(data, 0, options.buckets, row)
    const label = a === b ? 1 : 0
    const said = machine.learn(row, label) > 0.5 ? 1 : 0
    if (turn >= 7000 && said === label) right++
  }
  assert.ok(right > 950, `${right} of 1000`)
})

test('nothing that comes in makes a weight that is not a number', () => {
  const value = fc.oneof(
    fc.constantFrom(NaN, Infinity, -Infinity, 1e38, -1e38, 0),
    fc.double({ min: -100, max: 100, noNaN: true }),
  )
  fc.assert(
    fc.property(fc.array(value, { minLength: 20, maxLength: 20 }), fc.boolean(), (some, label) => {
      const machine = new FactorisationMachine(options)
      const data = rows(20)
      const row = emptyRow()
      for (let at = 0; at < 20; at++) {
        data.numbers.set(some, at * featureNames.length)
        readRow(data, at, options.buckets, row)
        machine.learn(row, label ? 1 : 0, 100)
      }
      assert.ok(Number.isFinite(machine.odds(row)))
      for (const weights of [machine.save().weights, machine.save().vectors])
        assert.ok(weights.every((weight) => Number.isFinite(weight)))
    }),
    { numRuns: 50 },
  )
})

test('what was saved goes on exactly where it stood; another shape starts anew', () => {
  const data = rows(100)
  const row = emptyRow()
  const one = new FactorisationMachine(options)
  const learn = (machine: FactorisationMachine, from: number, to: number): void => {
    for (let at = from; at < to; at++) {
      readRow(data, at, options.buckets, row)
      machine.learn(row, at % 3 === 0 ? 1 : 0)
    }
  }
  learn(one, 0, 50)
  const other = new FactorisationMachine(options, structuredClone(one.save()))
  learn(one, 50, 100)
  learn(other, 50, 100)
  assert.deepEqual(other.save(), one.save())
  const small = new FactorisationMachine({ ...options, buckets: 127 }, one.save())
  assert.equal(small.save().weights.length, featureNames.length + 127)
})
