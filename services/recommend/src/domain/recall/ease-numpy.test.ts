import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { trainEase } from './ease.ts'
import { headItems, itemSets } from './interactions.ts'
import { weightBetween } from './linear-model.ts'

const python = ['/usr/bin/python3', 'python3'].find(
  (path) => spawnSync(path, ['-c', 'import numpy']).status === 0,
)
const needed = {
  skip:
    python !== undefined || process.env['SPATE_REQUIRE_SERVICES'] === '1'
      ? false
      : 'numpy is not installed; `npm run services` brings it',
}

/** EASE as its paper has it (Steck, 2019), with an inverse that is not ours. */
const program = `
import json, sys, numpy
given = json.load(sys.stdin)
x = numpy.zeros((given["users"], given["items"]))
for user, item in given["pairs"]: x[user, item] = 1
p = numpy.linalg.inv(x.T @ x + given["ridge"] * numpy.eye(given["items"]))
b = -p / numpy.diag(p)
numpy.fill_diagonal(b, 0)
json.dump(b.tolist(), sys.stdout)
`

test('EASE is what numpy makes of the same data', needed, () => {
  const chance = new SeededChance(8)
  const [users, items, ridge] = [150, 90, 20]
  const start = new Uint32Array(users + 1)
  const flat: number[] = []
  const pairs: [number, number][] = []
  for (let user = 0; user < users; user++) {
    for (let item = 0; item < items; item++)
      if (chance.float() < 0.12) {
        flat.push(item)
        pairs.push([user, item])
      }
    start[user + 1] = flat.length
  }
  const timesMs = Float64Array.from(flat, (_, at) => at)
  const data = { itemCount: items, start, items: Uint32Array.from(flat), timesMs }
  const sets = itemSets(data, 1000)
  const model = trainEase(sets, headItems(sets, items), ridge)
  const input = JSON.stringify({ users, items, ridge, pairs })
  const run = spawnSync(python ?? 'python3', ['-c', program], { input, encoding: 'utf8' })
  assert.equal(run.status, 0, run.stderr)
  const wanted = JSON.parse(run.stdout) as number[][]
  let largest = 0
  wanted.forEach((row, from) =>
    row.forEach((weight, to) => {
      largest = Math.max(largest, Math.abs(weight - weightBetween(model, from, to)))
    }),
  )
  assert.ok(largest < 1e-5, `differs by ${largest}`)
})
