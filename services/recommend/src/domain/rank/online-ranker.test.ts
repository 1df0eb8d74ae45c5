import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { featureNames, type FeatureRows } from '../features/feature-vector.ts'
import { tokenNames } from '../features/token.ts'
import { OnlineRanker, onlineRankerDefaults } from './online-ranker.ts'
import { decodeServed, encodeServed, type ServedList } from './served-list.ts'

const options = {
  ...onlineRankerDefaults,
  waitMs: 1000,
  machine: { ...onlineRankerDefaults.machine, buckets: 1024 },
}
const places = 10

function features(tokens: readonly number[]): FeatureRows {
  const all = new Uint32Array(tokens.length * tokenNames.length)
  tokens.forEach((token, at) => {
    all[at * tokenNames.length + 1] = token
  })
  return {
    rows: tokens.length,
    numbers: new Float32Array(tokens.length * featureNames.length),
    tokens: all,
  }
}

function list(turn: number, tokens: readonly number[], scores: readonly number[]): ServedList {
  return {
    requestId: `r${turn}`,
    userId: 'u',
    atMs: turn * 100,
    model: 'blend-1',
    variants: {},
    items: tokens.map((token, at) => ({
      itemId: `i${token}`,
      score: scores[at] ?? 0,
      propensity: 1,
      placement: 'ranked',
    })),
    features: features(tokens),
  }
}

/** Shows lists in which an item is chosen by `taste(item)`, whatever its score says. */
function live(ranker: OnlineRanker, turns: number, taste: (token: number) => number): void {
  const chance = new SeededChance(9)
  for (let turn = 0; turn < turns; turn++) {
    const tokens = Array.from({ length: places }, (_, at) => at + 1 + places * chance.integer(0, 4))
    const served = list(
      turn,
      tokens,
      tokens.map(() => chance.float()),
    )
    ranker.served(served)
    for (const token of tokens) {
      ranker.follow(served.requestId, `i${token}`, 'impression', served.atMs)
      if (chance.float() < taste(token))
        ranker.follow(served.requestId, `i${token}`, 'click', served.atMs + 50)
    }
  }
  ranker.settle()
}

test('where clicks follow from features and not from scores, the machines are let in', () => {
  const ranker = new OnlineRanker(options)
  live(ranker, 1500, (token) => (token % 5 === 0 ? 0.5 : 0.05))
  assert.ok(ranker.weight > 0, JSON.stringify(ranker.figures()))
  const worth = ranker.logWorth(features([5, 6]))
  assert.ok((worth[0] as number) > (worth[1] as number) + 1)
})

test('where clicks are mere chance, the mixture stays alone', () => {
  const ranker = new OnlineRanker(options)
  live(ranker, 1500, () => 0.2)
  assert.equal(ranker.weight, 0)
})

test('a list is learnt from once its time is over, a late purchase counts then, and no list twice', () => {
  const ranker = new OnlineRanker(options)
  const served = list(0, [1, 2, 3, 4, 5, 6, 7], [])
  ranker.served(served)
  ranker.served(served)
  ranker.follow('r0', 'i2', 'click', 10)
  assert.equal(ranker.rows, 0)
  ranker.served(list(10, [9], []))
  // Places 1 to 3: down to just below the last that was chosen.
  assert.equal(ranker.rows, 3)
  assert.equal(ranker.figures()['clicks'], 1)
  ranker.follow('r0', 'i2', 'purchase', 5000)
  ranker.follow('r0', 'i2', 'purchase', 5001)
  assert.equal(ranker.figures()['purchases'], 1)
  assert.equal(ranker.figures()['clicks'], 1)
  assert.equal(ranker.follow('gone', 'i2', 'click', 1).kind, 'unknown')
})

test('lists kept are bounded; the oldest is learnt from and let go', () => {
  for (const [count, rows] of [
    [2, 0],
    [3, 0],
    [4, 1],
  ] as const) {
    const ranker = new OnlineRanker({ ...options, listsMax: 3, waitMs: 1e9 })
    for (let turn = 0; turn < count; turn++) ranker.served(list(turn, [1], []))
    assert.equal(ranker.rows, rows)
    assert.equal(ranker.figures()['waiting'], Math.min(3, count))
  }
})

test('saved and read again, it goes on as if nothing had happened', () => {
  const one = new OnlineRanker(options)
  live(one, 50, () => 0.3)
  one.served(list(1000, [1, 2], [1, 2]))
  const other = new OnlineRanker(options, structuredClone(one.save()))
  for (const ranker of [one, other]) {
    ranker.follow('r1000', 'i1', 'click', 100_001)
    ranker.settle()
  }
  assert.deepEqual(other.save(), one.save())
})

test('a served list comes back from its bytes bit for bit; anything else is refused', () => {
  const served = list(3, [1, 2, 3], [0.5, -1, 2])
  served.features.numbers.fill(Math.PI)
  const bytes = encodeServed(served)
  assert.deepEqual(decodeServed(bytes), served)
  for (const cut of [0, 3, 10, bytes.length - 4])
    assert.equal(decodeServed(bytes.subarray(0, cut)), undefined)
  assert.equal(decodeServed(Buffer.from('nonsense, and longer than four bytes')), undefined)
})
