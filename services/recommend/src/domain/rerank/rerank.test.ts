import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededChance } from '@spate/runtime/chance'
import { Catalogue } from '../catalogue.ts'
import { Covisitation, covisitationDefaults } from '../recall/covisitation.ts'
import { armChances } from './exploration.ts'
import { Likeness } from './likeness.ts'
import { attributeOf } from './quota.ts'
import { noRules, rerank, type Placed, type RerankInput, type RerankRules } from './rerank.ts'

const nowMs = 1e12
const dayMs = 86_400_000

function shop(items: number): Catalogue {
  const catalogue = new Catalogue(10_000)
  for (let at = 0; at < items; at++)
    catalogue.put({
      itemId: `i${at}`,
      title: `I ${at}`,
      categories: [`c${at % 4}`],
      tags: [`brand:b${at % 7}`],
      hidden: false,
      publishedAtMs: nowMs - (at % 10) * dayMs,
    })
  return catalogue
}

function input<More extends Partial<RerankInput>>(
  items: number,
  most: number,
  seed = 1,
  more?: More,
): RerankInput & More {
  const catalogue = shop(items + 20)
  return {
    ranked: Array.from({ length: items }, (_, item) => ({ item, score: 1 / (1 + item) })),
    most,
    catalogue,
    likeness: new Likeness(catalogue, new Covisitation(covisitationDefaults)),
    nowMs,
    chance: new SeededChance(seed),
    ...more,
  } as RerankInput & More
}

const items = (list: readonly Placed[]): number[] => list.map(({ item }) => item)

const anyRules = fc.record<RerankRules>({
  diversity: fc.record({
    kind: fc.constantFrom('off', 'mmr', 'dpp'),
    weight: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  quotas: fc.array(
    fc.record({
      attribute: fc.constantFrom('category', 'brand'),
      most: fc.integer({ min: 1, max: 6 }),
    }),
    { maxLength: 2 },
  ),
  freshSlots: fc.integer({ min: 0, max: 8 }),
  freshMs: fc.constantFrom(0, 2 * dayMs),
  exploration: fc.record({
    kind: fc.constantFrom('off', 'epsilon', 'thompson'),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
})

test('whatever the rules: no item twice, quotas hold, only candidates, every propensity in (0, 1]', () => {
  fc.assert(
    fc.property(
      anyRules,
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 1, max: 25 }),
      fc.array(fc.integer({ min: 0, max: 79 }), { maxLength: 3 }),
      fc.nat(1e6),
      (rules, count, most, extra, seed) => {
        const given = input(count, most, seed, {
          pinned: extra.map((item, at) => ({ item, position: at * 3 + 1 })),
          sponsored: { items: extra.map((item) => (item + 5) % 80), positions: [2, 4] },
          triable: [count, count + 1, count + 2],
        })
        const list = rerank(given, rules)
        const again = rerank({ ...given, chance: new SeededChance(seed) }, rules)
        assert.deepEqual(again, list, 'the same seed gives the same list')
        assert.equal(new Set(items(list)).size, list.length)
        assert.ok(list.length <= most)
        const known = new Set([
          ...given.ranked.map(({ item }) => item),
          ...given.pinned.map(({ item }) => item),
          ...given.sponsored.items,
          ...given.triable,
        ])
        for (const { item, propensity } of list) {
          assert.ok(known.has(item))
          assert.ok(propensity > 0 && propensity <= 1, `propensity ${propensity}`)
        }
        for (const { attribute, most: bound } of rules.quotas) {
          const counts = new Map<string, number>()
          for (const { item } of list) {
            const found = given.catalogue.at(item)
            const value = found && attributeOf(found, attribute)
            if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1)
          }
          for (const value of counts.values()) assert.ok(value <= bound)
        }
        if (rules.quotas.length === 0 && count >= most) assert.equal(list.length, most)
      },
    ),
  )
})

test('without rules the list is the ranking, and every place was certain', () => {
  const list = rerank(input(50, 10))
  assert.deepEqual(items(list), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.ok(list.every(({ propensity }) => propensity === 1))
})

for (const kind of ['epsilon', 'thompson'] as const)
  test(`${kind}: what is logged is how often it happens, and a place's chances sum to 1`, () => {
    const rules = { ...noRules, exploration: { kind, share: 0.3 } }
    const logged = new Map<number, number>()
    const counts = new Map<number, number>()
    const draws = 6000
    const given = input(10, 1, 1, {
      triable: [20, 21, 22],
      armOf: (item) => ({ shown: 40, chosen: item === 21 ? 12 : 2 }),
      rate: 0.1,
    })
    for (let seed = 0; seed < draws; seed++) {
      const [first] = rerank({ ...given, chance: new SeededChance(seed) }, rules)
      assert.ok(first)
      const before = logged.get(first.item)
      assert.ok(before === undefined || before === first.propensity)
      logged.set(first.item, first.propensity)
      counts.set(first.item, (counts.get(first.item) ?? 0) + 1)
    }
    assert.deepEqual(new Set(logged.keys()), new Set([0, 20, 21, 22]))
    const sum = [...logged.values()].reduce((a, b) => a + b, 0)
    assert.ok(Math.abs(sum - 1) < 1e-12, `chances sum to ${sum}`)
    for (const [item, propensity] of logged) {
      const deviation = Math.sqrt((propensity * (1 - propensity)) / draws)
      const seen = (counts.get(item) ?? 0) / draws
      assert.ok(Math.abs(seen - propensity) < 5 * deviation, `${item}: ${seen}, ${propensity}`)
    }
    if (kind === 'thompson')
      assert.ok((logged.get(21) ?? 0) > 10 * (logged.get(20) ?? 1), 'the better arm is tried more')
  })

test('the chance of being best is that of drawing from the beliefs', () => {
  const arms = [
    { shown: 100, chosen: 10 },
    { shown: 20, chosen: 3 },
    { shown: 0, chosen: 0 },
  ]
  const chances = armChances('thompson', arms, 0.1)
  const chance = new SeededChance(3)
  const wins = [0, 0, 0]
  const draws = 40_000
  for (let at = 0; at < draws; at++) {
    let best = -1
    let most = -Infinity
    arms.forEach(({ shown, chosen }, arm) => {
      const a = chosen + 1
      const b = shown - chosen + 9
      const normal =
        Math.sqrt(-2 * Math.log(1 - chance.float())) * Math.cos(2 * Math.PI * chance.float())
      const value = a / (a + b) + normal * Math.sqrt((a * b) / ((a + b) ** 2 * (a + b + 1)))
      if (value > most) {
        most = value
        best = arm
      }
    })
    wins[best] = (wins[best] ?? 0) + 1
  }
  wins.forEach((count, at) => {
    const expected = 0.95 * (count / draws) + 0.05 / 3
    assert.ok(Math.abs((chances[at] ?? 0) - expected) < 0.01, `${chances[at]} against ${expected}`)
  })
})

test('pinned and sponsored items stand where they should, new ones get their places', () => {
  const rules = { ...noRules, freshSlots: 2, freshMs: dayMs }
  const given = input(50, 10, 1, {
    pinned: [{ item: 40, position: 3 }],
    sponsored: { items: [45], positions: [5] },
  })
  const list = rerank(given, rules)
  assert.equal(list[2]?.item, 40)
  assert.equal(list[2]?.placement, 'pinned')
  assert.equal(list[4]?.item, 45)
  assert.equal(list[4]?.placement, 'sponsored')
  assert.equal(list.filter(({ placement }) => placement === 'fresh').length, 2)
})

for (const kind of ['mmr', 'dpp'] as const)
  test(`${kind} shows more kinds of things, and weight 0 is the ranking`, () => {
    const catalogue = new Catalogue(1000)
    for (let at = 0; at < 100; at++)
      catalogue.put({
        itemId: `i${at}`,
        title: '',
        categories: [`c${Math.floor(at / 20)}`],
        tags: [],
        hidden: false,
      })
    const likeness = new Likeness(catalogue, new Covisitation(covisitationDefaults))
    const kinds = (weight: number): number => {
      const given = { ...input(100, 10), catalogue, likeness }
      const list = rerank(given, { ...noRules, diversity: { kind, weight } })
      return new Set(list.map(({ item }) => Math.floor(item / 20))).size
    }
    assert.equal(kinds(0), 1)
    assert.equal(kinds(0.7), 5)
  })
