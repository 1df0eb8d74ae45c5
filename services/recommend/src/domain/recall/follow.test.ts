import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { followDefaults, trainFollow } from './follow.ts'
import { weightBetween } from './linear-model.ts'

const paths = fc.array(fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 12 }), {
  maxLength: 10,
})

test('a weight is the share of steps from one item to the other, and no step is made up', () => {
  fc.assert(
    fc.property(paths, fc.integer({ min: 1, max: 9 }), (histories, rowMax) => {
      const start = [0]
      for (const history of histories) start.push((start.at(-1) as number) + history.length)
      const items = Uint32Array.from(histories.flat())
      const model = trainFollow(
        {
          itemCount: 8,
          start: Uint32Array.from(start),
          items,
          timesMs: new Float64Array(items.length),
        },
        { ...followDefaults, rowMax },
      )
      for (let from = 0; from < 8; from++) {
        const nexts = histories.flatMap((history) =>
          history.flatMap((item, at) => {
            const next = history[at + 1]
            return item === from && next !== undefined && next !== from ? [next] : []
          }),
        )
        const shares = Array.from(
          { length: 8 },
          (_, to) => nexts.filter((next) => next === to).length / (nexts.length + 3),
        )
        const kept = [...shares].sort((a, b) => b - a)[rowMax - 1] ?? 0
        shares.forEach((share, to) => {
          const found = weightBetween(model, from, to)
          assert.ok(Math.abs(found - share) < 1e-6 || (found === 0 && share <= kept))
        })
      }
    }),
  )
})
