import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { buy, create, room, start } from '../domain/rehearsal.ts'
import { StoreClock } from './store-clock.ts'

const fiveMinutes = 300_000
const slewPerMs = 0.005

/** A clock whose wall time is corrected while its monotonic time goes on. */
class CorrectedClock extends VirtualClock {
  #offByMs = 0

  override now(): number {
    return super.now() + this.#offByMs
  }

  setWall(ms: number): void {
    this.#offByMs += ms - this.now()
  }
}

const jumps = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 1, max: 2000 }),
    byMs: fc.integer({ min: -fiveMinutes, max: fiveMinutes }),
  }),
  { minLength: 10, maxLength: 30 },
)

test('a wall clock set back and forth by 5 minutes moves the sale by 5 ms a second at most, and never back', () => {
  fc.assert(
    fc.property(jumps, (steps) => {
      const clock = new CorrectedClock(start)
      const store = new StoreClock(clock)
      const begunMs = clock.elapsed()
      let lastMs = store.now()
      for (const { afterMs, byMs } of steps) {
        clock.advance(afterMs)
        clock.setWall(clock.now() + byMs)
        const nowMs = store.now()
        const passedMs = clock.elapsed() - begunMs
        assert.ok(nowMs >= lastMs, 'time ran backwards')
        assert.ok(Math.abs(nowMs - start - passedMs) <= 1 + passedMs * slewPerMs)
        lastMs = nowMs
      }
    }),
    { numRuns: 200, seed: 20_261_125 },
  )
})

test('not one unit is sold outside the window while the wall clock jumps by 5 minutes', () => {
  const opensMs = 2000
  const closesMs = 12_000
  let inside = 0
  fc.assert(
    fc.property(jumps, (steps) => {
      const clock = new CorrectedClock(start)
      const store = new StoreClock(clock)
      const begunMs = clock.elapsed()
      const { run } = room()
      run(create('p', 1000, { startsAtMs: start + opensMs, endsAtMs: start + closesMs }), start)
      for (const [n, { afterMs, byMs }] of steps.entries()) {
        clock.setWall(clock.now() + byMs)
        clock.advance(afterMs)
        const sold = run(buy(`u${n}`, 'p'), store.now()).kind === 'reserved'
        const passedMs = clock.elapsed() - begunMs
        // The clock may have been followed by so much: the window is kept by the store's time.
        const slackMs = 1 + passedMs * slewPerMs
        if (sold) {
          inside++
          assert.ok(passedMs >= opensMs - slackMs && passedMs < closesMs + slackMs)
        } else assert.ok(passedMs < opensMs + slackMs || passedMs >= closesMs - slackMs)
      }
    }),
    { numRuns: 200, seed: 20_261_125 },
  )
  assert.ok(inside > 200, 'some are sold inside it')
})

test('a clock that drifts is followed until it is right again', () => {
  const clock = new CorrectedClock(start)
  const store = new StoreClock(clock)
  clock.setWall(clock.now() + 1000)
  for (let second = 0; second < 250; second++) {
    clock.advance(1000)
    store.now()
  }
  assert.ok(Math.abs(store.now() - clock.now()) <= 1)
})
