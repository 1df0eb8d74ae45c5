/** A small count of what `spate sim --seeds 10000 --proof` shows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { controlDesigns, runCampaign } from './campaign.ts'
import { mutations, type MutationName } from './mutations.ts'
import { spateDesign } from './spate-design.ts'
import { runSeed } from './world.ts'

test('the sale keeps every promise in 150 seeds of crashes, torn disks and lost messages', async () => {
  const result = await runCampaign({ fromSeed: 1, seeds: 150 })
  assert.equal(result.failed, undefined, JSON.stringify(result.failed))
  assert.ok(result.crashes > 300)
  assert.ok(result.orders > 500)
  assert.ok(Object.keys(result.crashPoints).length >= 12, 'it died at 12 named points or more')
})

test('a seed gives the same run again', async () => {
  const [first, second] = [await runSeed(spateDesign(), 42), await runSeed(spateDesign(), 42)]
  assert.deepEqual(first, second)
  const broken = await runCampaign({ fromSeed: 1, seeds: 200, mutation: 'forget-key' })
  const seed = broken.failed?.seed ?? 0
  const again = await runCampaign({ fromSeed: seed, seeds: 1, mutation: 'forget-key' })
  assert.deepEqual(again.failed, broken.failed)
})

for (const mutation of Object.keys(mutations) as MutationName[])
  test(`the checker notices: ${mutations[mutation]}`, async () => {
    const result = await runCampaign({ fromSeed: 1, seeds: 300, mutation })
    assert.ok(result.failed, `${mutation} was not caught in ${result.seeds} seeds`)
  })

for (const [name, control] of Object.entries(controlDesigns))
  test(`the control design fails: ${name}`, async () => {
    const result = await runCampaign({ fromSeed: 1, seeds: 20, control })
    assert.ok(result.failed)
  })
