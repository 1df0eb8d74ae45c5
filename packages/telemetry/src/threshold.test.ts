import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { adjustedCount, higher, keepAll, keeps, parseThreshold, thresholdOf } from './threshold.ts'

test('thresholds are written as the table of the specification has them', () => {
  const table: readonly (readonly [number, string])[] = [
    [1, '0'],
    [1 / 2, '8'],
    [1 / 3, 'aaab'],
    [1 / 4, 'c'],
    [1 / 10, 'e666'],
    [1 / 100, 'fd70a'],
    [1 / 1000, 'ffbe77'],
    [1 / 10_000, 'fff9724'],
  ]
  for (const [probability, text] of table) assert.equal(thresholdOf(probability).text, text)
})

test('a threshold survives being written and read, and bad texts are refused', () => {
  for (const probability of [1, 0.5, 0.123, 0.01, 0.0001, 2 ** -56]) {
    const threshold = thresholdOf(probability)
    assert.deepEqual(parseThreshold(threshold.text), threshold)
    assert.ok(Math.abs(threshold.probability / probability - 1) < 1e-3, String(probability))
  }
  for (const bad of ['', 'g', 'F', '-1', '0x1', '123456789012345', ' 8'])
    assert.equal(parseThreshold(bad), undefined, bad)
  assert.ok(parseThreshold('12345678901234'), 'fourteen digits are the most')
})

test('the kept share is the asked share for every probability', () => {
  const seed = 20_261_123
  const chance = new SeededChance(seed)
  const trials = 200_000
  const probabilities = [1, 0.5, 0.1, 0.01, 0.001]
  const kept = probabilities.map(() => 0)
  const thresholds = probabilities.map((probability) => thresholdOf(probability))
  for (let at = 0; at < trials; at++) {
    const high = chance.uint32() & 0xff_ffff
    const low = chance.uint32()
    let before = true
    for (const [index, threshold] of thresholds.entries()) {
      const now = keeps(threshold, high, low)
      assert.ok(before || !now, 'what a lower share keeps, a higher share keeps too')
      before = now
      if (now) kept[index] = (kept[index] as number) + 1
    }
  }
  for (const [index, probability] of probabilities.entries()) {
    const expected = trials * probability
    const deviation = Math.sqrt(trials * probability * (1 - probability)) || 1
    const z = ((kept[index] as number) - expected) / deviation
    assert.ok(Math.abs(z) < 3.9, `p=${probability} z=${z} seed=${seed}`)
  }
})

test('the comparison looks at the low word only where the high words are equal', () => {
  const threshold = parseThreshold('80000000000001')
  assert.ok(threshold)
  assert.equal(keeps(threshold, 0x80_0000, 0), false)
  assert.equal(keeps(threshold, 0x80_0000, 1), true)
  assert.equal(keeps(threshold, 0x80_0001, 0), true)
  assert.equal(keeps(threshold, 0x7f_ffff, 0xffff_ffff), false)
  assert.equal(higher(threshold, keepAll), threshold)
  assert.equal(higher(keepAll, threshold), threshold)
  assert.equal(adjustedCount(thresholdOf(0.25)), 4)
})
