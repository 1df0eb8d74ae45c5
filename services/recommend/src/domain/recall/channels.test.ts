import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Item } from '../catalogue.ts'
import { firstBlend } from './blend.ts'
import { RecommendState } from '../state.ts'
import { ContentIndex } from './content.ts'
import { lastOf } from '../saved-pieces.ts'
import { factorDefaults, foldIn, scoreFactors, trainFactors } from './factors.ts'
import { itemSets, type Interactions } from './interactions.ts'
import { lastVisit, speak, type Voice } from './knowledge.ts'
import { Latest, latestMax } from './latest.ts'
import { Scores } from './scores.ts'

const item = (itemId: string, over: Partial<Item> = {}): Item => ({
  itemId,
  title: itemId,
  categories: [],
  tags: [],
  hidden: false,
  ...over,
})
const scoresOf = (items: number, fill: (out: Scores) => void): number[] => {
  const out = new Scores(items)
  fill(out)
  return [...out.values]
}
const hour = 3_600_000
const startMs = 1_700_000_000_000

/** Two worlds: even users have items 0 to 4, odd ones 5 to 9, each all but one. */
function twoWorlds(users: number): Interactions {
  const rows = Array.from({ length: users }, (_, user) =>
    [0, 1, 2, 3, 4].filter((at) => at !== (user >> 1) % 5).map((at) => at + 5 * (user % 2)),
  )
  return {
    itemCount: 10,
    start: Uint32Array.from([0, ...rows.map((_, at) => 4 * (at + 1))]),
    items: Uint32Array.from(rows.flat()),
    timesMs: new Float64Array(users * 4),
  }
}

test('factors find the missing item of a world, and not one of the other world', () => {
  const model = trainFactors(itemSets(twoWorlds(60), 100), { ...factorDefaults, factors: 4 })
  const scores = scoresOf(10, (out) =>
    scoreFactors(model, { items: [5, 6, 7, 8], weights: [1, 1, 1, 1] }, out),
  )
  const others = scores.slice(0, 5)
  assert.ok((scores[9] as number) > 2 * Math.max(...others), scores.join())
})

test('a vector folded in makes the gradient of its loss zero', () => {
  const options = { ...factorDefaults, factors: 3, rounds: 2 }
  const model = trainFactors(itemSets(twoWorlds(20), 100), options)
  const history = { items: [0, 3, 7], weights: [1, 0.5, 2] }
  const vector = foldIn(model, history)
  const row = (at: number): number[] => [...model.items.subarray(3 * at, 3 * at + 3)]
  const dot = (one: readonly number[]): number =>
    one.reduce((sum, value, k) => sum + value * (vector[k] as number), 0)
  const ridge = options.lambda * (3 + options.unseen * 10)
  for (let k = 0; k < 3; k++) {
    let gradient = ridge * (vector[k] as number)
    for (let at = 0; at < 10; at++)
      gradient += options.unseen * dot(row(at)) * (row(at)[k] as number)
    history.items.forEach((at, place) => {
      gradient += (history.weights[place] as number) * (dot(row(at)) - 1) * (row(at)[k] as number)
    })
    assert.ok(Math.abs(gradient) < 1e-6, `${gradient}`)
  }
})

test('content leads to items of the same words, tags and categories, and rare ones say more', () => {
  const index = new ContentIndex()
  const items = [
    item('a', { title: 'Red mug', categories: ['kitchen'] }),
    item('b', { title: 'Blue mug', categories: ['kitchen'] }),
    item('c', { title: 'Blue bowl', categories: ['kitchen'] }),
    item('d', { title: '红色 杯子', categories: ['garden'] }),
    item('e', { title: '杯子架', categories: ['garden'] }),
  ]
  items.forEach((each, number) => index.put(number, each))
  const like = (number: number): number[] =>
    scoresOf(5, (out) => index.score({ items: [number], weights: [1] }, out))
  const [, mug, bowl, garden] = like(0) as [number, number, number, number]
  assert.ok(mug > bowl && bowl > 0 && garden === 0)
  assert.ok((like(3)[4] as number) > 0 && like(3)[1] === 0)
  assert.ok(index.between(0, 1) > index.between(0, 2))
})

test('an index after any changes is the index of what is there, and so is its saved form', () => {
  const described = fc.record({
    number: fc.nat(4),
    title: fc.constantFrom('red mug', 'blue mug', 'jug', ''),
    tags: fc.subarray(['x', 'y', 'z']),
  })
  fc.assert(
    fc.property(fc.array(described, { maxLength: 20 }), (changes) => {
      const changed = new ContentIndex()
      const last = new Map<number, Item>()
      for (const { number, title, tags } of changes) {
        const now = item(`i${number}`, { title, tags })
        changed.put(number, now)
        last.set(number, now)
      }
      const fresh = new ContentIndex()
      for (const [number, now] of [...last].toSorted(([one], [other]) => one - other))
        fresh.put(number, now)
      const loaded = new ContentIndex(lastOf(changed.copy()))
      assert.equal(changed.items, fresh.items)
      const scores = (index: ContentIndex): number[] =>
        [0, 1, 2, 3, 4].flatMap((number) =>
          scoresOf(5, (out) => index.score({ items: [number], weights: [1] }, out)),
        )
      const expected = scores(fresh)
      for (const index of [changed, loaded])
        scores(index).forEach((value, at) =>
          assert.ok(Math.abs(value - (expected[at] as number)) < 1e-9),
        )
    }),
  )
})

test('the newest items are held in order, up to the limit', () => {
  for (const count of [latestMax - 1, latestMax, latestMax + 1]) {
    const latest = new Latest()
    for (let at = 0; at < count; at++) latest.put(at, startMs + ((at * 7) % count) * hour)
    assert.equal(latest.size, Math.min(count, latestMax))
    const times = [...latest.save().timesMs]
    assert.deepEqual(
      times,
      times.toSorted((one, other) => other - one),
    )
  }
  const latest = new Latest()
  latest.put(1, startMs)
  latest.put(2, startMs + 10 * hour)
  latest.put(1, startMs + 5 * hour)
  const scores = scoresOf(3, (out) => latest.score(startMs + 6 * hour, hour, out))
  assert.deepEqual(scores, [0, 0.5, 0], 'what is still to come is not shown')
})

test('a visit ends with half an hour of silence', () => {
  const timesMs = [0, 10, 50, 79, 100].map((minutes) => startMs + minutes * 60_000)
  const history = { items: [1, 2, 3, 4, 5], timesMs, kinds: [0, 0, 0, 0, 0] }
  const { history: visit } = lastVisit({ history, nowMs: startMs })
  assert.deepEqual(visit.items, [3, 4, 5])
})

test('an item nobody has touched is found by content and as new, on the day it comes', () => {
  const state = new RecommendState()
  for (let at = 0; at < 30; at++) state.describe(item(`i${at}`, { categories: [`c${at % 3}`] }))
  for (let user = 0; user < 20; user++)
    for (const at of [1, 4, 7]) state.record(`u${user}`, (at + user) % 30, startMs, 'view')
  const about = { categories: ['c1'], addedAtMs: startMs }
  state.describe(item('fresh', { ...about, title: 'i1 the second' }))
  const fresh = state.catalogue.numberOf('fresh') as number
  const asker = { history: state.histories.of('u0'), nowMs: startMs + hour }
  const named = (voice: Voice): number => {
    const out = new Scores(31)
    speak(voice, state.knowledge({}), asker, out)
    return out.values[fresh] as number
  }
  const voices = firstBlend.map(({ voice }) => voice)
  for (const voice of voices)
    assert.equal(
      named(voice) > 0,
      voice.channel === 'content' || voice.channel === 'latest',
      voice.channel,
    )
})
