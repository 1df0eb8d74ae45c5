import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleResponse } from './hit-ratio.ts'
import { emptyOrder } from './response-index.ts'
import { Sweep, sweepMax } from './sweep.ts'
import { Tiers } from './tiers.ts'

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
const anyone = { get: (): undefined => undefined }
const order = { ...emptyOrder, tags: ['one'] }
const keyOf = (at: number): string => `http://sample.example/${100_000 + at}`

for (const items of [sweepMax - 1, sweepMax, sweepMax + 1, 3 * sweepMax]) {
  test(`${items} items are swept in order, no more than ${sweepMax} in one turn`, async () => {
    const sweep = new Sweep()
    const swept: number[] = []
    sweep.add(Array(items).keys(), (item) => swept.push(item))
    assert.equal(swept.length, Math.min(items, sweepMax))
    while (swept.length < items) {
      const before = swept.length
      await turn()
      assert.ok(swept.length > before && swept.length - before <= sweepMax)
    }
    assert.deepEqual(swept, [...Array(items).keys()])
  })
}

test('of a purge of many nothing is given from the first moment, though it is cleared away later', async () => {
  const objects = 5 * sweepMax
  const tiers = new Tiers(2 ** 30, undefined)
  for (let at = 0; at < objects; at++) tiers.put(sampleResponse(keyOf(at), 10, 'one'))
  tiers.put(sampleResponse('http://sample.example/other', 10, 'two'))
  const charged = tiers.memory.figures.bytes
  assert.equal(tiers.purge(order, 0), objects)
  for (let at = 0; at < objects; at++) {
    assert.ok(!tiers.find(keyOf(at), anyone))
    assert.ok(!tiers.newestSelector(keyOf(at)))
  }
  assert.deepEqual(tiers.memory.named({ ...emptyOrder, all: true }).size, 1)
  assert.equal(tiers.memory.figures.objects, 1)
  assert.ok(tiers.memory.figures.bytes < charged / objects + 100)
  assert.equal(tiers.purge(order, 0), 0, 'a second purge finds nothing of it')
  // What is stored again meanwhile is another response, and stays.
  tiers.put(sampleResponse(keyOf(objects - 1), 20, 'one'))
  for (let turns = 0; turns < 6; turns++) await turn()
  assert.equal(tiers.find(keyOf(objects - 1), anyone)?.length, 20)
  assert.equal(tiers.purge(order, 0), 1)
  assert.ok(tiers.find('http://sample.example/other', anyone))
})

test('what a purge has not cleared away yet is no room that must be made', () => {
  const one = sampleResponse(keyOf(0), 1000, 'one').bytes
  const objects = 3 * sweepMax
  const tiers = new Tiers(objects * one, undefined)
  for (let at = 0; at < objects; at++) tiers.put(sampleResponse(keyOf(at), 1000, 'one'))
  tiers.purge(order, 0)
  for (let at = 0; at < objects; at++) tiers.put(sampleResponse(keyOf(at), 1000, 'two'))
  assert.equal(tiers.memory.figures.evicted, 0)
  assert.ok(tiers.memory.figures.bytes <= tiers.memory.bytesMax)
  tiers.put(sampleResponse(keyOf(objects), 1000, 'two'))
  assert.equal(tiers.memory.figures.evicted, 1)
  assert.ok(!tiers.find(keyOf(0), anyone), 'the oldest that was not purged')
})
