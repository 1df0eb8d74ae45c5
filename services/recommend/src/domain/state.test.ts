import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventKinds } from './history.ts'
import { pieceSizeMax } from './saved-pieces.ts'
import { RecommendState, stateLimits, type Interaction } from './state.ts'

const startMs = 1_700_000_000_000
const itemIds = ['a', 'b', 'c', 'd', 'e']

/** Times are few, so that events often share one. */
const interaction = fc.record({
  userId: fc.constantFrom('u', 'v'),
  itemId: fc.constantFrom(...itemIds),
  kind: fc.constantFrom(...eventKinds),
  weight: fc.constantFrom(0, 0.5, 1, 3),
  timeMs: fc.integer({ min: 0, max: 20 }).map((step) => startMs + step * 3 * 3_600_000),
})

/** Everything a list is made from, by id and not by number, as of `nowMs`. */
function gist(state: RecommendState, nowMs: number): Record<string, number | string> {
  const found: Record<string, number | string> = {}
  const numbers = itemIds.map((itemId) => state.catalogue.intern(itemId) as number)
  const id = (number: number): string => state.catalogue.at(number)?.itemId ?? ''
  for (const userId of ['u', 'v']) {
    const { items, timesMs, kinds } = state.histories.of(userId)
    found[userId] = items.map((item, at) => `${id(item)} ${timesMs[at]} ${kinds[at]}`).join()
  }
  for (const from of numbers) {
    found[`popular ${id(from)}`] = state.popularity.value(from, 'day', nowMs)
    found[`day ${id(from)}`] = state.counters.within(from, 24, nowMs)
    const factor = state.counters.readFactor('fortnight', nowMs)
    found[`views ${id(from)}`] = state.counters.value(from, 'view', 'fortnight', factor)
    for (const to of numbers)
      found[`${id(from)} to ${id(to)}`] =
        (state.covisitation.row(from)?.get(to) ?? 0) * state.covisitation.unit
  }
  return found
}

test('late, repeated and shuffled events leave the state that a single ordered pass leaves', () => {
  fc.assert(
    fc.property(
      fc
        .array(interaction, { maxLength: 40 })
        .map((events) => events.map((event, at): Interaction => ({ eventId: `e${at}`, ...event })))
        .chain((events) =>
          fc.tuple(
            fc.constant(events),
            fc.shuffledSubarray([...events, ...events], {
              minLength: 2 * events.length,
              maxLength: 2 * events.length,
            }),
          ),
        ),
      ([events, shuffled]) => {
        const once = new RecommendState()
        for (const event of events.toSorted((a, b) => a.timeMs - b.timeMs)) once.interact(event)
        const again = new RecommendState()
        for (const event of shuffled) again.interact(event)
        const nowMs = startMs + 70 * 3_600_000
        const expected = gist(once, nowMs)
        for (const [name, value] of Object.entries(gist(again, nowMs))) {
          const other = expected[name]
          if (typeof value === 'number' && typeof other === 'number')
            assert.ok(Math.abs(value - other) <= 1e-9 * (1 + other), `${name}: ${value}, ${other}`)
          else assert.equal(value, other, name)
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('what training reads is copied in steps that do not grow with the state', () => {
  const limits = { ...stateLimits, usersMax: 700, eventsPerUserMax: 90 }
  const state = new RecommendState(limits)
  const numbers = itemIds.map((itemId) => state.catalogue.intern(itemId) as number)
  for (let at = 0; at < 80_000; at++)
    state.record(`u${(at * at) % 1009}`, numbers[at % 5] as number, startMs + (at % 977), 'view')
  const events = state.histories.events
  const work = state.copyInteractions()
  let steps = 0
  let step = work.next()
  for (; !step.done; step = work.next()) steps++
  const { start, items, timesMs } = step.value
  assert.ok(events > 4 * pieceSizeMax)
  assert.ok(steps >= Math.floor(events / (pieceSizeMax + 2 * limits.eventsPerUserMax)))
  assert.ok(items.buffer instanceof SharedArrayBuffer)
  let user = 0
  for (const [, history] of state.histories.entries()) {
    const [from, to] = [start[user], start[++user]]
    assert.deepEqual(Array.from(items.subarray(from, to)), history.items)
    assert.deepEqual(Array.from(timesMs.subarray(from, to)), history.timesMs)
  }
  assert.equal(start[user], events)
})
