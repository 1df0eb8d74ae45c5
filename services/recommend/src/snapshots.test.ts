import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deserialize } from 'node:v8'
import { joined, LongPart, pieceSizeMax, piecesOf, sizeOf } from './domain/saved-pieces.ts'
import { RecommendState, stateLimits, type Interaction } from './domain/state.ts'
import { SeededChance } from '@spate/runtime/chance'
import { checkpointOf, framesOf } from './snapshots.ts'
import { benchState } from './testing/bench-shop.ts'
import { Feedback } from './domain/rank/feedback.ts'
import { onlineRankerDefaults } from './domain/rank/online-ranker.ts'
import type { ServedList } from './domain/rank/served-list.ts'

const offsets = {}

test('a checkpoint is copied in slices that do not grow with it, and comes back as it was', async () => {
  const slices: number[] = []
  for (const events of [2000, 20_000]) {
    const state = benchState({ users: 200, items: 80, events })
    const feedback = new Feedback(onlineRankerDefaults)
    for (let at = 0; at < events / 4; at++) feedback.served(servedList(at))
    let turns = 0
    const turn = (): Promise<void> => {
      turns++
      return Promise.resolve()
    }
    const checkpoint = { state: state.view(), feedback: feedback.view(), offsets }
    const frames = await framesOf(checkpoint, turn)
    assert.equal(turns, frames.length - 1)
    slices.push(turns)
    for (const frame of frames.slice(1)) {
      const size = sizeOf(deserialize(frame.subarray(4)))
      // A run may be a history, or a list with its features, longer than it should.
      assert.ok(size < pieceSizeMax + 4000, `${size} in a piece`)
    }
    const found = checkpointOf(Buffer.concat(frames))
    assert.deepEqual(found?.state, state.save())
    assert.deepEqual(found?.feedback, feedback.save())
    assert.deepEqual(new RecommendState(stateLimits, found?.state).save(), state.save())
    assert.deepEqual(new Feedback(onlineRankerDefaults, found?.feedback).save(), feedback.save())
  }
  assert.ok((slices[1] as number) > (slices[0] as number) + 5, `slices ${slices.join(', ')}`)
})

/** A list of one item, with the features it would have. */
function servedList(at: number): ServedList {
  return {
    requestId: `r${at}`,
    userId: 'u',
    atMs: at,
    model: 'm',
    variants: {},
    items: [{ itemId: 'i', score: at, propensity: 1, placement: 'ranked' }],
    features: { rows: 1, numbers: new Float32Array(60).fill(at), tokens: new Uint32Array(10) },
  }
}

test('long parts are cut at their bound: one below, at, and one above', () => {
  for (const length of [99, 100, 101]) {
    const things = Array.from({ length }, (_, at) => at)
    const numbers = new Float64Array(length * 16).map((_, at) => at)
    const pieces = [
      ...piecesOf({ things: new LongPart(() => things), numbers, plain: things }, 100),
    ]
    const runs = length > 100 ? 6 : 3
    assert.equal(pieces.filter(({ part }) => part === 'run').length, runs, `${length}`)
    assert.deepEqual(joined(pieces), { things, numbers, plain: things })
  }
})

test('a snapshot of another version, or with a piece missing, is passed over', async () => {
  const state = benchState({ users: 10, items: 30, events: 100 })
  const feedback = new Feedback(onlineRankerDefaults).view()
  const frames = await framesOf({ state: state.view(), feedback, offsets })
  assert.ok(checkpointOf(Buffer.concat(frames)))
  for (const missing of frames.keys())
    assert.equal(checkpointOf(Buffer.concat(frames.toSpliced(missing, 1))), undefined)
  const older = await framesOf({ state: { ...state.view(), version: 4 }, feedback, offsets })
  assert.equal(checkpointOf(Buffer.concat(older)), undefined)
  assert.equal(checkpointOf(Buffer.from([0xff, 0x0f, 1, 2, 3])), undefined)
})

test('a checkpoint and the events after it leave the very state of a single pass', async () => {
  const chance = new SeededChance(8)
  const events = Array.from({ length: 3000 }, (_, at): Interaction => {
    const late = chance.float() < 0.05 ? chance.integer(0, 3 * 86_400_000) : 0
    return {
      eventId: `e${at % 2900}`,
      userId: `u${chance.integer(0, 150)}`,
      itemId: `i${chance.integer(0, 60)}`,
      kind: chance.float() < 0.2 ? 'purchase' : 'view',
      weight: 1,
      timeMs: 1_700_000_000_000 + at * 600_000 - late,
    }
  })
  // Everything at its limit: users, events of each and ids have to go on the way.
  const limits = { itemsMax: 50, usersMax: 100, eventsPerUserMax: 10, eventIdsMax: 1000 }
  const single = new RecommendState(limits)
  let state = new RecommendState(limits)
  for (const [at, event] of events.entries()) {
    single.interact(event)
    state.interact(event)
    if (at % 700 !== 699) continue
    const feedback = new Feedback(onlineRankerDefaults).view()
    const frames = await framesOf({ state: state.view(), feedback, offsets })
    state = new RecommendState(limits, checkpointOf(Buffer.concat(frames))?.state)
  }
  assert.ok(single.histories.evictions > 0 && single.eventIds.forgotten > 0)
  assert.deepStrictEqual(state.save(), single.save())
})
