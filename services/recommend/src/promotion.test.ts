import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { compareRankings, stabilityIndex } from './domain/rank/shadow.ts'
import { firstBlend } from './domain/recall/blend.ts'
import { trainModels, trainingDefaults } from './domain/learn/training.ts'
import { RecommendState } from './domain/state.ts'
import { judge } from './promotion.ts'

const chance = new SeededChance(4)
const state = new RecommendState()
for (let at = 0; at < 3000; at++) {
  const item = state.catalogue.intern(`i${chance.integer(0, 60)}`) as number
  state.record(`u${chance.integer(0, 200)}`, item, 1e9 + at * 1000, 'purchase')
}
const users = Array.from({ length: 30 }, (_, at) => `u${at}`)
const models = trainModels(state.interactions(), trainingDefaults)
const served = { models, blend: firstBlend }
const options = { state, clock: systemClock, users, overlapMin: 0 }

test('the same models change nothing, and are let in', async () => {
  const verdict = await judge(served, served, options)
  assert.equal(verdict.kind, 'promoted')
  assert.equal(verdict.overlap, 1)
  assert.ok(Math.abs(verdict.correlation - 1) < 1e-12)
  assert.ok(verdict.drift < 1e-12)
})

test('a candidate that says nothing, or what is no number, never serves', async () => {
  const silent = await judge({ models, blend: [] }, served, options)
  assert.equal(silent.kind === 'refused' && silent.why.includes('empty'), true)
  const ease = models.ease && { ...models.ease, dense: models.ease.dense.map(() => NaN) }
  const broken = { models: { ...models, ...(ease ? { ease } : {}) }, blend: firstBlend }
  assert.equal((await judge(broken, served, options)).kind, 'refused')
})

test('a candidate with another taste is measured, and refused where that is asked for', async () => {
  const blend = firstBlend.map((part) => ({ ...part, weight: -part.weight }))
  const other = { models, blend }
  const measured = await judge(other, served, options)
  assert.equal(measured.kind, 'promoted')
  assert.ok(measured.overlap < 0.5)
  assert.ok(measured.drift > 0.25)
  assert.equal((await judge(other, served, { ...options, overlapMin: 0.5 })).kind, 'refused')
})

test('overlap, rank correlation and drift are those counted by hand', () => {
  assert.deepEqual(compareRankings([1, 2, 3], [1, 2, 3], 3), { overlap: 1, correlation: 1 })
  assert.deepEqual(compareRankings([1, 2, 3], [3, 2, 1], 3), { overlap: 1, correlation: -1 })
  assert.equal(compareRankings([1, 2, 3, 4], [1, 2, 9, 8], 4).overlap, 0.5)
  const tens = Array.from({ length: 100 }, (_, at) => at)
  assert.equal(stabilityIndex(tens, tens), 0)
  // All in the last tenth: nine bins of 0.5 / 105 against 10.5 / 105, one of 100.5 / 105.
  const expected = 9 * (0.5 / 105 - 0.1) * Math.log(0.5 / 10.5)
  const last = (100.5 / 105 - 0.1) * Math.log(100.5 / 10.5)
  const index = stabilityIndex(
    tens,
    tens.map(() => 99),
  )
  assert.ok(Math.abs(index - expected - last) < 1e-12)
})
