import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DataFile } from '@spate/recommend/data-set'
import { trainInWorker, trainingDefaults } from '@spate/recommend/training'
import { compare } from './compare.ts'
import { shapes } from './shapes.ts'

/** The shapes that take a second; `npm run bench -- quality` runs all. */
const quick = ['one event a user', 'few users', 'five users, ten items']

for (const name of quick)
  for (const excludeSeen of [true, false])
    test(`${name}, ${excludeSeen ? 'new' : 'all'}: no simple baseline is above the interval`, async () => {
      const shape = shapes[name]?.()
      assert.ok(shape)
      const file = (rows: DataFile['rows']): DataFile => ({
        rows,
        timed: shape.timed,
        sha256: '',
        skipped: 0,
        skippedLines: [],
      })
      const { engine, baselines } = await compare(
        { train: file(shape.train), test: file(shape.test) },
        {
          excludeSeen,
          training: trainingDefaults,
          trainer: (interactions, options) => trainInWorker(interactions, options),
          elapsed: () => 0,
        },
      )
      const best = Math.max(...Object.values(baselines).map(({ ndcg }) => ndcg))
      const ours = engine.metrics['ndcg@10']
      assert.ok(ours && ours.high >= best, `${ours?.value} (to ${ours?.high}), best ${best}`)
    })
