import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deserialize } from 'node:v8'
import { pieceSizeMax, type SavedPiece } from './domain/saved-pieces.ts'
import { RecommendState, stateLimits } from './domain/state.ts'
import { checkpointOf, framesOf } from './snapshots.ts'
import { benchState } from './testing/bench-shop.ts'
import { Feedback } from './domain/rank/feedback.ts'
import { onlineRankerDefaults } from './domain/rank/online-ranker.ts'

const feedback = new Feedback(onlineRankerDefaults).save()
const offsets = {}

/** Numbers in the largest arrays of a frame. */
function numbersIn(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength / 4
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce<number>((sum, part) => sum + numbersIn(part), 0)
}

test('a state is copied in slices that do not grow with it, and comes back as it was', async () => {
  const slices: number[] = []
  const largest: number[] = []
  for (const events of [2000, 8000]) {
    const state = benchState({ users: 200, items: 80, events })
    let turns = 0
    const turn = (): Promise<void> => {
      turns++
      return Promise.resolve()
    }
    const frames = await framesOf({ pieces: state.pieces(), feedback, offsets }, turn)
    slices.push(turns)
    const pieces = frames.slice(2).map((frame) => deserialize(frame.subarray(4)) as SavedPiece)
    largest.push(Math.max(...pieces.map(numbersIn)))
    const found = checkpointOf(Buffer.concat(frames))
    assert.deepEqual(found?.state, state.save())
    assert.deepEqual(new RecommendState(stateLimits, found?.state).save(), state.save())
  }
  assert.ok((slices[1] as number) > (slices[0] as number), `slices ${slices.join(', ')}`)
  // The pieces are bounded: by the size of one, and by the counters of 80 items.
  for (const numbers of largest) assert.ok(numbers < 4 * pieceSizeMax, `${numbers} in a piece`)
})

test('a snapshot of another version, or with a part missing, is passed over', async () => {
  const state = benchState({ users: 10, items: 30, events: 100 })
  const frames = await framesOf({ pieces: state.pieces(), feedback, offsets })
  assert.ok(checkpointOf(Buffer.concat(frames)))
  for (const missing of frames.keys()) {
    const part =
      missing < 2
        ? undefined
        : (deserialize(frames[missing]?.subarray(4) as Uint8Array) as SavedPiece).part
    // Lists may be empty; what is there once must be there.
    if (part === undefined || ['items', 'users', 'rows', 'eventIds'].includes(part)) continue
    assert.equal(checkpointOf(Buffer.concat(frames.toSpliced(missing, 1))), undefined, part)
  }
  assert.equal(checkpointOf(Buffer.from([0xff, 0x0f, 1, 2, 3])), undefined)
})
