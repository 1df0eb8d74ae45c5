import assert from 'node:assert/strict'
import { createCipheriv, createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { commitmentOf, draw, drawFaults } from './draw.ts'
import { AdmissionPace } from './queue.ts'

const seedOf = (n: number): Buffer => createHash('sha256').update(`seed ${n}`).digest()

test('a draw is the permutation its description says, made here by other code', () => {
  for (const arrivals of [0, 1, 2, 3, 1000, 5000]) {
    const seed = seedOf(arrivals)
    const stream = createCipheriv('aes-256-ctr', seed, Buffer.alloc(16)).update(
      Buffer.alloc(40_000),
    )
    let at = -4
    const word = (): number => stream.readUInt32BE((at += 4))
    const line = Array.from({ length: arrivals }, (_, arrival) => arrival)
    for (let n = arrivals; n > 1; n--) {
      let drawn = word()
      while (drawn >= 2 ** 32 - (2 ** 32 % n)) drawn = word()
      const other = drawn % n
      ;[line[n - 1], line[other]] = [line[other] as number, line[n - 1] as number]
    }
    const places = draw(seed, arrivals)
    for (const [place, arrival] of line.entries()) assert.equal(places[arrival], place)
  }
})

test('every arrival has the same chance of every place', () => {
  const people = 8
  const draws = 8000
  const counts = Array.from({ length: people * people }, () => 0)
  for (let n = 0; n < draws; n++)
    for (const [arrival, place] of draw(seedOf(n), people).entries()) {
      const cell = arrival * people + place
      counts[cell] = (counts[cell] ?? 0) + 1
    }
  const expected = draws / people
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  // 49 degrees of freedom: 99.99 % of fair draws stay below 94.
  assert.ok(chiSquare < 94, `chi square ${chiSquare.toFixed(1)}`)
})

test('a draw is verified from what was published; each lie is found', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 2, max: 50 }), (n, arrivals) => {
      const seed = seedOf(n)
      const commitment = commitmentOf(seed)
      const told = [...draw(seed, arrivals)].map((place, arrival) => ({ arrival, place }))
      told.push({ arrival: arrivals, place: arrivals })
      const published = { commitment, seed, arrivals }
      assert.deepEqual(drawFaults(published, told), [])
      assert.equal(drawFaults({ ...published, seed: seedOf(n + 1) }, []).length, 1)
      const [first, second, ...rest] = told
      assert.ok(first && second)
      const swapped = [
        { ...first, place: second.place },
        { ...second, place: first.place },
        ...rest,
      ]
      assert.equal(drawFaults(published, swapped).length, 2)
      assert.equal(drawFaults(published, [...told, first]).length, 1)
    }),
    { numRuns: 50, seed: 20_261_125 },
  )
})

test('admission keeps its rate within 2 %, however unevenly it is called', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 60, maxLength: 200 }),
      (perSecond, stepsMs) => {
        const pace = new AdmissionPace()
        let nowMs = 1000
        let admitted = pace.due(nowMs, perSecond, 1e9)
        for (const stepMs of stepsMs) {
          nowMs += stepMs
          admitted += pace.due(nowMs, perSecond, 1e9)
        }
        const due = (perSecond * (nowMs - 1000)) / 1000
        assert.ok(Math.abs(admitted - due) <= 1 + due * 0.001, `${admitted} of ${due}`)
      },
    ),
    { numRuns: 100, seed: 20_261_125 },
  )
})

test('an idle hour brings no crowd: one second of admissions and one is saved up', () => {
  const pace = new AdmissionPace()
  pace.due(0, 100, 0)
  assert.equal(pace.due(3_600_000, 100, 5000), 101)
  pace.rest()
  assert.equal(pace.due(7_200_000, 100, 5000), 0, 'a pause earns nothing')
  assert.equal(pace.due(7_201_000, 100, 5000), 100)
})
