import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ItemSets } from './interactions.ts'
import { weightBetween } from './linear-model.ts'
import { nearDefaults, trainNear, trainWalk, walkDefaults } from './walk.ts'

const items = 9
const anySets = fc.array(fc.uniqueArray(fc.integer({ min: 0, max: items - 1 })), { maxLength: 12 })

function setsOf(rows: readonly (readonly number[])[]): ItemSets {
  const start = [0]
  for (const row of rows) start.push((start.at(-1) as number) + row.length)
  const sorted = rows.flatMap((row) => [...row].sort((a, b) => a - b))
  return { itemCount: items, start: Uint32Array.from(start), items: Uint32Array.from(sorted) }
}

test('walks and cosines are those of their definitions, and nothing leads to itself', () => {
  fc.assert(
    fc.property(anySets, (rows) => {
      const walk = trainWalk(setsOf(rows), walkDefaults)
      const near = trainNear(setsOf(rows), nearDefaults)
      const degree = (item: number): number => rows.filter((row) => row.includes(item)).length
      for (let from = 0; from < items; from++)
        for (let to = 0; to < items; to++) {
          const both = rows.filter((row) => from !== to && row.includes(from) && row.includes(to))
          const walked = both.reduce((sum, row) => sum + 1 / row.length, 0)
          const scale = degree(from) * degree(to) ** walkDefaults.beta
          const chance = both.length === 0 ? 0 : walked / scale
          const length = Math.sqrt(degree(from) * degree(to)) + nearDefaults.shrinkage
          assert.ok(Math.abs(weightBetween(walk, from, to) - chance) < 1e-6)
          assert.ok(Math.abs(weightBetween(near, from, to) - both.length / length) < 1e-6)
        }
    }),
  )
})
