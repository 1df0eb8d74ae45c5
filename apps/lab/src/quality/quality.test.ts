import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from './compare.ts'
import { shapes } from './shapes.ts'

/** The shapes that take a second; `npm run bench -- quality` runs all. */
const quick = ['one event a user', 'few users', 'five users, ten items']

for (const name of quick)
  for (const excludeSeen of [true, false])
    test(`${name}, ${excludeSeen ? 'new' : 'all'}: no simple baseline is above the interval`, async () => {
      const shape = shapes[name]?.()
      assert.ok(shape)
      const { engine, baselines } = await compare(shape, excludeSeen, () => 0)
      const best = Math.max(...Object.values(baselines).map(({ ndcg }) => ndcg))
      const ours = engine.metrics['ndcg@10']
      assert.ok(ours && ours.high >= best, `${ours?.value} (to ${ours?.high}), best ${best}`)
    })
