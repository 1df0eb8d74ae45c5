import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Experiment } from './domain/experiment/experiment.ts'
import {
  choicesMax,
  ExperimentBook,
  experimentUsersMax,
} from './domain/experiment/experiment-book.ts'
import { ArmBook, armsMax } from './domain/rank/arm-book.ts'
import { earlyMax, Feedback } from './domain/rank/feedback.ts'
import { onlineRankerDefaults } from './domain/rank/online-ranker.ts'
import type { ServedList } from './domain/rank/served-list.ts'
import { ContentIndex } from './domain/recall/content.ts'
import { RecommendState } from './domain/state.ts'
import { evictedFrom, heldBy } from './held.ts'

const list = (at: number, propensity = 1): ServedList => ({
  requestId: `r${at}`,
  userId: `u${at}`,
  atMs: at,
  model: 'm',
  variants: { e: 'a' },
  items: [{ itemId: `i${at}`, score: 0, propensity, placement: 'ranked' }],
  features: { rows: 1, numbers: new Float32Array(60), tokens: new Uint32Array(10) },
})
const event = (at: number): { userId: string; itemId: string; eventId: string } => ({
  eventId: `e${at}`,
  userId: `u${at}`,
  itemId: `i${at}`,
})

/** Each structure with its limit: what it holds and has let go of after so many things. */
const structures: Readonly<
  Record<string, { readonly limit: number; readonly after: (count: number) => [number, number] }>
> = {
  items: {
    limit: 50,
    after: (count) => {
      const state = stateWith({ itemsMax: 50 })
      for (let at = 0; at < count; at++) state.catalogue.intern(`i${at}`)
      return figures('items', state)
    },
  },
  users: {
    limit: 50,
    after: (count) => {
      const state = stateWith({ usersMax: 50 })
      for (let at = 0; at < count; at++) state.describeUser(`u${at}`, { at })
      return figures('users', state)
    },
  },
  events: {
    limit: 30,
    after: (count) => {
      const state = stateWith({ eventsPerUserMax: 30 })
      const item = state.catalogue.intern('i') as number
      for (let at = 0; at < count; at++) state.record('u', item, at, 'view')
      return figures('events', state)
    },
  },
  event_ids: {
    limit: 50,
    after: (count) => {
      const state = stateWith({ eventIdsMax: 50 })
      for (let at = 0; at < count; at++)
        state.interact({ ...event(at), kind: 'view', weight: 1, timeMs: at })
      return figures('event_ids', state)
    },
  },
  content_terms: {
    limit: 20,
    after: (count) => {
      const index = new ContentIndex(undefined, 20)
      for (let at = 0; at < count; at++) index.put(at, item(`t${at}`))
      return [index.terms, index.termsRefused]
    },
  },
  arms: {
    limit: armsMax,
    after: (count) => {
      const arms = new ArmBook()
      for (let at = 0; at < count; at++) arms.shown(`i${at}`)
      return [arms.size, arms.evicted]
    },
  },
  early_lists: {
    limit: earlyMax,
    after: (count) => {
      const feedback = new Feedback()
      for (let at = 0; at < count; at++)
        feedback.follow({ ...event(at), requestId: `r${at}`, kind: 'click', weight: 1, timeMs: at })
      return figures('early_lists', stateWith({}), feedback)
    },
  },
  served_lists: {
    limit: 40,
    after: (count) => {
      const feedback = new Feedback({ ...onlineRankerDefaults, listsMax: 40 })
      for (let at = 0; at < count; at++) feedback.served(list(at))
      return figures('served_lists', stateWith({}), feedback)
    },
  },
  experiment_users: {
    limit: experimentUsersMax,
    after: (count) => {
      const book = new ExperimentBook()
      for (let at = 0; at < count; at++) book.served(list(at))
      return [book.users, book.usersRefused]
    },
  },
}

for (const [name, { limit, after }] of Object.entries(structures))
  test(`${name}: nothing goes below and at the limit of ${limit}, one thing above it`, () => {
    assert.deepEqual(after(limit - 1), [limit - 1, 0])
    assert.deepEqual(after(limit), [limit, 0])
    assert.deepEqual(after(limit + 1), [limit, 1])
  })

test('choices are held up to a thousand above their limit, and then down to it', () => {
  const book = new ExperimentBook()
  for (let at = 0; at < choicesMax + 1000; at++) book.served({ ...list(at, 0.5), variants: {} })
  assert.deepEqual(book.choices, { held: choicesMax + 1000, dropped: 0 })
  book.served({ ...list(0, 0.5), variants: {} })
  assert.deepEqual(book.choices, { held: choicesMax, dropped: 1001 })
})

test('terms that no item has any more make room, so that new descriptions do not add up', () => {
  const index = new ContentIndex(undefined, 8)
  for (let at = 0; at < 100; at++) index.put(0, item(`t${at}`))
  assert.deepEqual([index.terms, index.termsRefused], [1, 0])
  index.put(1, item('t99'))
  index.put(0, item('t99'))
  index.put(1, item('other'))
  assert.equal(index.terms, 2)
  assert.ok(index.between(0, 0) > 0)
  assert.equal(index.between(0, 1), 0)
})

test('an experiment that makes room takes its users along', () => {
  const book = new ExperimentBook()
  const experiment = (at: number): Experiment =>
    ({ name: `e${at}`, layer: 'l', variants: [], status: 'stopped' }) as unknown as Experiment
  book.put(experiment(0))
  book.served({ ...list(1), variants: { e0: 'a' } })
  for (let at = 1; at < 100; at++) book.put(experiment(at))
  assert.equal(book.users, 1)
  book.put(experiment(100))
  assert.equal(book.experiments.length, 100)
  assert.equal(book.users, 0)
})

function item(tag: string): Parameters<ContentIndex['put']>[1] {
  return { itemId: tag, title: '', categories: [], tags: [tag], hidden: false }
}

function stateWith(
  limits: Partial<ConstructorParameters<typeof RecommendState>[0]>,
): RecommendState {
  return new RecommendState({
    itemsMax: 1000,
    usersMax: 1000,
    eventsPerUserMax: 100,
    eventIdsMax: 1000,
    ...limits,
  })
}

function figures(name: string, state: RecommendState, feedback = new Feedback()): [number, number] {
  const parts = { state, feedback }
  return [heldBy(parts)[name] ?? NaN, evictedFrom(parts)[name] ?? NaN]
}
