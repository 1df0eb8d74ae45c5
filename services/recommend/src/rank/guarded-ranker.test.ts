import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { featureNames, type FeatureRows } from '../domain/features/feature-vector.ts'
import { tokenNames } from '../domain/features/token.ts'
import { GuardedRanker } from './guarded-ranker.ts'
import { faceOf } from './model-inputs.ts'
import type { Ranker } from './ranker.ts'

const rows: FeatureRows = {
  rows: 3,
  numbers: new Float32Array(3 * featureNames.length),
  tokens: new Uint32Array(3 * tokenNames.length),
}

type Way = 'right' | 'hangs' | 'fails' | 'short' | 'NaN'

function guarded(): {
  guard: GuardedRanker
  clock: VirtualClock
  become: (way: Way) => void
  calls: () => number
} {
  let way: Way = 'right'
  let calls = 0
  const ranker: Ranker = {
    name: 'test',
    open: () => Promise.resolve(),
    score: (given) => {
      calls++
      if (way === 'hangs') return new Promise(() => {})
      if (way === 'fails') return Promise.reject(new Error('broken on purpose'))
      const scores = Float64Array.from({ length: given.rows }, (_, at) => at)
      if (way === 'NaN') scores[1] = NaN
      return Promise.resolve(way === 'short' ? scores.subarray(1) : scores)
    },
    versions: () => Promise.resolve([{ version: '1', state: 'AVAILABLE' }]),
    close: () => Promise.resolve(),
  }
  const clock = new VirtualClock()
  const guard = new GuardedRanker({
    ranker,
    clock,
    log: silentLog,
    budgetMs: 50,
    breaker: { failuresMax: 3, pauseMs: 1000 },
  })
  return { guard, clock, become: (next) => void (way = next), calls: () => calls }
}

for (const way of ['hangs', 'fails', 'short', 'NaN'] as const)
  test(`a model that ${way} is a counted failure; the breaker opens, and closes again by itself`, async () => {
    const { guard, clock, become, calls } = guarded()
    assert.equal(await guard.score(rows, ROOT_CONTEXT), undefined, 'not ready yet')
    await guard.start()
    assert.deepEqual([...((await guard.score(rows, ROOT_CONTEXT)) ?? [])], [0, 1, 2])
    become(way)
    for (let turn = 0; turn < 3; turn++) {
      const answer = guard.score(rows, ROOT_CONTEXT)
      if (way === 'hangs') clock.advance(50)
      assert.equal(await answer, undefined)
    }
    const figures = await guard.figures()
    assert.equal(figures.breaker, 'open')
    assert.equal(figures.failures, 3)
    const before = calls()
    assert.equal(await guard.score(rows, ROOT_CONTEXT), undefined)
    assert.equal(calls(), before, 'no call while it is open')
    become('right')
    clock.advance(1000)
    assert.equal((await guard.score(rows, ROOT_CONTEXT))?.length, 3)
    assert.equal((await guard.figures()).breaker, 'closed')
    await guard.stop()
  })

test('one call tries a half-open breaker, and a failed try waits twice as long', async () => {
  const { guard, clock, become, calls } = guarded()
  await guard.start()
  become('fails')
  for (let turn = 0; turn < 3; turn++) await guard.score(rows, ROOT_CONTEXT)
  clock.advance(1000)
  const before = calls()
  await Promise.all([guard.score(rows, ROOT_CONTEXT), guard.score(rows, ROOT_CONTEXT)])
  assert.equal(calls(), before + 1)
  clock.advance(1999)
  await guard.score(rows, ROOT_CONTEXT)
  assert.equal(calls(), before + 1)
  clock.advance(1)
  await guard.score(rows, ROOT_CONTEXT)
  assert.equal(calls(), before + 2)
  await guard.stop()
})

test('a model with inputs we do not have is refused when it is opened', () => {
  const numbers = { name: 'x', kind: 'float', shape: [-1, featureNames.length] } as const
  const out = { name: 'y', kind: 'float' } as const
  assert.deepEqual(faceOf([numbers], [out]), { numbers: 'x', output: 'y' })
  assert.throws(() => faceOf([{ ...numbers, shape: [-1, 33] }], [out]), /none we have/)
  assert.throws(() => faceOf([{ ...numbers, kind: 'other' }], [out]), /none we have/)
  assert.throws(() => faceOf([numbers, numbers], [out]), /none we have/)
  assert.throws(() => faceOf([numbers], [{ ...out, kind: 'int64' }]), /no output of floats/)
})
