import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EventMemory, hashOf } from './event-memory.ts'

/** What a memory must do, as plain as can be; a forgotten id keeps its place until its turn comes. */
class PlainMemory {
  forgotten = 0
  places: (string | undefined)[] = []
  readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  admit(id: string): boolean {
    if (this.places.includes(id)) return false
    if (this.places.length >= this.limit && this.places.shift() !== undefined) this.forgotten++
    this.places.push(id)
    return true
  }

  forget(id: string): void {
    this.places = this.places.map((each) => (each === id ? undefined : each))
  }

  hashes(): number[] {
    return this.places.flatMap((id) => (id === undefined ? [] : [hashOf(id)]))
  }
}

const id = fc.integer({ min: 0, max: 400 }).map((at) => `e${at}`)
const step = fc.record({ id, forget: fc.nat(4).map((chance) => chance === 0) })

test('ids are known, forgotten and let go as a plain list of them would', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.array(step, { maxLength: 600, size: 'max' }),
      (limit, steps) => {
        const memory = new EventMemory(limit)
        const plain = new PlainMemory(limit)
        for (const { id: each, forget } of steps) {
          if (forget) {
            memory.forget(each)
            plain.forget(each)
          } else assert.equal(memory.admit(each), plain.admit(each))
        }
        assert.deepEqual([...memory.hashes()], plain.hashes())
        assert.equal(memory.size, plain.hashes().length)
        assert.equal(memory.forgotten, plain.forgotten)
        for (let at = 0; at <= 400; at += 7)
          assert.equal(memory.has(`e${at}`), plain.places.includes(`e${at}`))
        assert.deepEqual([...new EventMemory(limit, memory.hashes()).hashes()], plain.hashes())
      },
    ),
    { numRuns: 60 },
  )
})

for (const [events, size, forgotten] of [
  [99, 99, 0],
  [100, 100, 0],
  [101, 100, 1],
] as const)
  test(`of ${events} ids a memory of 100 forgets ${forgotten}`, () => {
    const memory = new EventMemory(100)
    for (let at = 0; at < events; at++) assert.ok(memory.admit(`e${at}`))
    assert.equal(memory.size, size)
    assert.equal(memory.forgotten, forgotten)
    assert.equal(memory.has('e0'), forgotten === 0)
  })
