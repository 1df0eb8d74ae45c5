import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { bucketOf, freeRange, variantOf, type Experiment } from './experiment.ts'
import { estimatePolicy, type LoggedChoice } from './off-policy.ts'
import { chiSquareTail, ratioOf, sampleRatio, wilson } from './statistics.ts'

const experiment = (name: string, layer: string, from = 0, to = 1): Experiment => ({
  name,
  layer,
  from,
  to,
  status: 'running',
  variants: [
    { name: 'a', share: 1, rules: {} },
    { name: 'b', share: 3, rules: {} },
  ],
})
const users = Array.from({ length: 20_000 }, (_, at) => `user-${at}`)
const near = (got: number, wanted: number, by = 1e-6): void =>
  assert.ok(Math.abs(got - wanted) < by, `${got}, ${wanted}`)

test('users are split by share, always alike, and apart from layer to layer', () => {
  const one = experiment('one', 'x', 0, 0.5)
  const rest = experiment('rest', 'x', 0.5, 1)
  const other = experiment('other', 'y')
  const counts = new Map<string, number>()
  for (const user of users) {
    const [first, second, third] = [one, rest, other].map((each) => variantOf(each, user)?.name)
    assert.equal(variantOf(one, user)?.name, first)
    assert.ok((first === undefined) !== (second === undefined), 'one experiment of a layer')
    const key = `${first ?? '-'} ${third}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  for (const [key, share] of [
    ['a a', 0.03125],
    ['b a', 0.09375],
    ['a b', 0.09375],
    ['b b', 0.28125],
  ] as const) {
    const spread = 5 * Math.sqrt(users.length * share * (1 - share))
    near(counts.get(key) ?? 0, users.length * share, spread)
  }
  assert.equal(variantOf({ ...one, status: 'stopped' }, 'user-1'), undefined)
  assert.notEqual(bucketOf('a', 'u'), bucketOf('b', 'u'))
})

test('a layer gives out what is free, and no more', () => {
  const taken = [experiment('p', 'x', 0, 0.3), experiment('q', 'x', 0.5, 0.7)]
  assert.deepEqual(freeRange(taken, 'x', 0.2), { from: 0.3, to: 0.5 })
  assert.deepEqual(freeRange(taken, 'x', 0.3), { from: 0.7, to: 1 })
  assert.equal(freeRange(taken, 'x', 0.31), undefined)
  assert.deepEqual(freeRange(taken, 'y', 1), { from: 0, to: 1 })
})

test('intervals and tails are those of the books', () => {
  // Wilson for 10 of 50 (Newcombe, 1998): 0.1124 to 0.3304.
  near(wilson(10, 50).low, 0.1124, 1e-4)
  near(wilson(10, 50).high, 0.3304, 1e-4)
  assert.equal(wilson(0, 20).low, 0)
  for (const [value, degrees, p] of [
    [3.841459, 1, 0.05],
    [5.991465, 2, 0.05],
    [7.814728, 3, 0.05],
    [9.487729, 4, 0.05],
    [15.08627, 5, 0.01],
  ] as const)
    near(chiSquareTail(value, degrees), p, 1e-6)
  // Two users with 1 of 2 and 3 of 2: ratio 1, residuals -1 and 1.
  const ratio = ratioOf({
    users: 2,
    above: 4,
    below: 4,
    aboveSquares: 10,
    belowSquares: 8,
    products: 8,
  })
  near(ratio.value, 1)
  near(ratio.high - 1, (1.959964 * Math.sqrt(2 * 2)) / 4)
  assert.equal(sampleRatio([5000, 5000], [1, 1]).suspect, false)
  assert.equal(sampleRatio([5000, 5400], [1, 1]).suspect, true)
})

test('two choices by hand', () => {
  const none = { rewardsMin: 1, effectiveMin: 0 }
  const log: LoggedChoice[] = [
    { propensity: 0.5, target: 1, reward: 1, expected: 0.5, expectedOfTarget: 0.5 },
    { propensity: 0.25, target: 0.5, reward: 0, expected: 0.25, expectedOfTarget: 0.75 },
  ]
  const got = estimatePolicy(log, none)
  assert.equal(got.kind, 'estimated')
  if (got.kind !== 'estimated') return
  near(got.ips.value, 1)
  near(got.snips.value, 0.5)
  near(got.doublyRobust.value, (1.5 + 0.25) / 2)
  near(got.effective, 2)
})

test('small logs get no advice', () => {
  const log = Array.from({ length: 150 }, (_, at): LoggedChoice => {
    return { propensity: 1, target: 1, reward: at < 99 ? 1 : 0, expected: 0, expectedOfTarget: 0 }
  })
  assert.equal(estimatePolicy(log).kind, 'too_little_evidence')
  const enough = { rewardsMin: 99, effectiveMin: 150 }
  assert.equal(estimatePolicy(log, enough).kind, 'estimated')
  assert.equal(estimatePolicy(log, { ...enough, rewardsMin: 100 }).kind, 'too_little_evidence')
  assert.equal(estimatePolicy(log, { ...enough, effectiveMin: 151 }).kind, 'too_little_evidence')
})

test('simulated policies lie within their own 95 % intervals 19 times of 20', () => {
  const chance = new SeededChance(21)
  const rates = [0.05, 0.1, 0.3]
  const logging = [0.6, 0.3, 0.1]
  const target = [0.1, 0.2, 0.7]
  const guesses = [0.08, 0.08, 0.2]
  const truth = rates.reduce((sum, rate, at) => sum + rate * (target[at] as number), 0)
  const believed = guesses.reduce((sum, guess, at) => sum + guess * (target[at] as number), 0)
  const hits = { ips: 0, snips: 0, doublyRobust: 0 }
  const runs = 200
  for (let run = 0; run < runs; run++) {
    const log = Array.from({ length: 3000 }, (): LoggedChoice => {
      const roll = chance.float()
      const arm = roll < 0.6 ? 0 : roll < 0.9 ? 1 : 2
      return {
        propensity: logging[arm] as number,
        target: target[arm] as number,
        reward: chance.float() < (rates[arm] as number) ? 1 : 0,
        expected: guesses[arm] as number,
        expectedOfTarget: believed,
      }
    })
    const got = estimatePolicy(log)
    assert.equal(got.kind, 'estimated')
    if (got.kind !== 'estimated') return
    for (const name of ['ips', 'snips', 'doublyRobust'] as const)
      if (got[name].low <= truth && truth <= got[name].high) hits[name]++
  }
  for (const [name, count] of Object.entries(hits))
    assert.ok(count >= 0.9 * runs && count < runs, `${name}: ${count} of ${runs}`)
})
