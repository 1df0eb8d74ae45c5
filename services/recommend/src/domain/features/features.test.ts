import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventKinds, type EventKind } from '../history.ts'
import { RecommendState } from '../state.ts'
import { featureNames, featuresOf } from './feature-vector.ts'
import { tokenNames } from './token.ts'
import { HourWindows } from './hour-windows.ts'
import { coldUser, userFeaturesOf, type UserFeatures } from './user-features.ts'

const hourMs = 3_600_000
const startMs = 1_700_000_000_000

interface Step {
  readonly user: number
  readonly item: number
  readonly kind: EventKind
  readonly afterMs: number
}

const step = fc.record<Step>({
  user: fc.integer({ min: 0, max: 2 }),
  item: fc.integer({ min: 0, max: 5 }),
  kind: fc.constantFrom(...eventKinds),
  afterMs: fc.integer({ min: 0, max: 20 * hourMs }),
})

function shop(): RecommendState {
  const state = new RecommendState()
  for (let item = 0; item < 6; item++)
    state.describe({
      itemId: `i${item}`,
      title: '',
      categories: [`c${item % 3}`],
      tags: [],
      hidden: false,
      ...(item === 5 ? {} : { price: item * 10, publishedAtMs: startMs - item * hourMs }),
    })
  return state
}

function vectorBits(
  state: RecommendState,
  nowMs: number,
  through: (user: UserFeatures) => UserFeatures,
): Buffer {
  const parts = [0, 1, 2].map((user) => {
    const features = userFeaturesOf(state.histories.of(`u${user}`), state.catalogue)
    const question = {
      userId: `u${user}`,
      user: through(features),
      nowMs,
      context: { page: 'home' },
    }
    const { numbers, tokens } = featuresOf(question, [0, 1, 2, 3, 4, 5], state)
    return Buffer.concat([Buffer.from(numbers.buffer), Buffer.from(tokens.buffer)])
  })
  return Buffer.concat(parts)
}

test('a replay of the log and a value that went through the cache give the same bits', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(40 * hourMs), (steps, laterMs) => {
      let timeMs = startMs
      const online = shop()
      const nowMs = steps.reduce((sum, { afterMs }) => sum + afterMs, startMs + laterMs)
      const log = steps.map(({ user, item, kind, afterMs }, at) => {
        timeMs += afterMs
        const event = {
          eventId: `e${at}`,
          userId: `u${user}`,
          itemId: `i${item}`,
          kind,
          weight: 1,
          timeMs,
        }
        // Asked before the event, as of the very moment that is asked about afterwards: what was read
        // then must not be served now.
        vectorBits(online, nowMs, (user) => user)
        online.interact(event)
        return event
      })
      const bits = vectorBits(online, nowMs, (user) => user)
      const replayed = shop()
      for (const event of log) replayed.interact(event)
      assert.ok(bits.equals(vectorBits(replayed, nowMs, (user) => user)))
      const cached = (user: UserFeatures): UserFeatures =>
        JSON.parse(JSON.stringify(user)) as UserFeatures
      assert.ok(bits.equals(vectorBits(online, nowMs, cached)))
      const restored = new RecommendState(undefined, structuredClone(online.save()))
      assert.ok(bits.equals(vectorBits(restored, nowMs, (user) => user)))
    }),
  )
})

test('an item described anew is at once what it would be in a shop that never knew it otherwise', () => {
  const words = fc.constantFrom('c0', 'c1', 'c2', 'new', 'newer')
  const description = fc.record({
    item: fc.integer({ min: 0, max: 5 }),
    categories: fc.array(words, { maxLength: 3 }),
    price: fc.option(fc.nat(100), { nil: undefined }),
    publishedAtMs: fc.option(fc.constant(startMs - hourMs), { nil: undefined }),
  })
  const interests: UserFeatures = {
    ...coldUser,
    price: { mean: 2, deviation: 1, weight: 3 },
    categories: [
      ['newer', 0.5],
      ['c1', 0.3],
      ['new', 0.2],
    ],
  }
  fc.assert(
    fc.property(fc.array(description, { maxLength: 12 }), (descriptions) => {
      const live = shop()
      const last = shop()
      for (const { item, categories, price, publishedAtMs } of descriptions) {
        vectorBits(live, startMs, () => interests)
        for (const state of [live, last])
          state.describe({
            itemId: `i${item}`,
            title: '',
            categories,
            tags: [],
            hidden: false,
            ...(price === undefined ? {} : { price }),
            ...(publishedAtMs === undefined ? {} : { publishedAtMs }),
          })
      }
      const bits = vectorBits(live, startMs, () => interests)
      assert.ok(bits.equals(vectorBits(last, startMs, () => interests)))
    }),
  )
})

test('a vector says what was counted, by its names', () => {
  const state = shop()
  const at = (item: string, kind: EventKind, timeMs: number): void =>
    void state.interact({
      eventId: `${item}${kind}${timeMs}`,
      userId: 'u',
      itemId: item,
      kind,
      weight: 1,
      timeMs,
    })
  at('i1', 'view', startMs)
  at('i1', 'view', startMs + 1000)
  at('i4', 'purchase', startMs + 2 * hourMs)
  at('i4', 'impression', startMs + 2 * hourMs)
  const user = userFeaturesOf(state.histories.of('u'), state.catalogue)
  const { numbers } = featuresOf({ userId: 'u', user, nowMs: startMs + 2 * hourMs }, [1, 4], state)
  const value = (row: number, name: (typeof featureNames)[number]): number =>
    numbers[row * featureNames.length + featureNames.indexOf(name)] as number
  const close = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-6, `${a} is ${b}`)
  close(value(0, 'user.events'), Math.log1p(3))
  close(value(0, 'user.hour'), Math.log1p(1))
  close(value(0, 'user.day'), Math.log1p(3))
  close(value(0, 'user.recency'), 0)
  close(value(1, 'user.purchase_share'), 1 / 3)
  close(value(1, 'user.session_events'), Math.log1p(1))
  close(
    value(0, 'item.views_day'),
    Math.log1p(2 ** (-2 / 24) + 2 ** (-(2 * hourMs - 1000) / (24 * hourMs))),
  )
  close(value(1, 'item.purchases_fortnight'), Math.log1p(1))
  close(value(1, 'item.impressions_fortnight'), Math.log1p(1))
  close(value(0, 'item.day'), Math.log1p(2))
  close(value(0, 'both.times'), Math.log1p(2))
  // i1 twice viewed, i4 bought once: both of category c1.
  close(value(0, 'both.category'), 1)
  assert.equal(
    tokenNames.length * 2,
    featuresOf({ userId: 'u', user, nowMs: startMs }, [1, 4], state).tokens.length,
  )
})

test('a stranger has defaults, and a vector without a single NaN', () => {
  const { numbers } = featuresOf(
    { userId: 'x', user: coldUser, nowMs: startMs },
    [0, 5, 99],
    shop(),
  )
  assert.ok(numbers.every((value) => Number.isFinite(value)))
})

test('windows count what lies within them, whatever the order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(60 * hourMs), { maxLength: 80 }),
      fc.nat(30 * hourMs),
      (times, later) => {
        const one = new HourWindows()
        const other = new HourWindows()
        for (const timeMs of times) one.count(3, startMs + timeMs)
        for (const timeMs of times.toReversed()) other.count(3, startMs + timeMs)
        const newest = Math.max(0, ...times)
        const nowMs = startMs + newest + later
        for (const hours of [1, 2, 24]) {
          const first = Math.floor(nowMs / hourMs) - hours + 1
          const expected = times.filter(
            (timeMs) => Math.floor((startMs + timeMs) / hourMs) >= first,
          )
          assert.equal(one.sum(3, hours, nowMs), expected.length)
          assert.equal(other.sum(3, hours, nowMs), expected.length)
        }
      },
    ),
  )
})
