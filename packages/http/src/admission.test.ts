import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '@spate/runtime/fault'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { Admission, admitted, priorities, type AdmissionOptions, type Pass } from './admission.ts'
import { simulateFlood, type Flood } from './flood.ts'
import { textResponse } from './problem.ts'
import { testRequest } from './test-request.ts'

/** 16 workers of 10 ms: 1,600 requests a second and no more. */
const small: Omit<Flood, 'rate'> = {
  seed: 20_261_123,
  seconds: 20,
  serviceMs: () => 10,
  workers: 16,
  deadlineMs: 100,
}
const admission = { concurrency: { latencyMsFine: 0 } } satisfies Omit<AdmissionOptions, 'clock'>
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

test('at five times the load, goodput is kept; without a limit nothing is answered in time', (t) => {
  const flood: Flood = { ...small, rate: () => 8000 }
  const [ours, control] = [simulateFlood({ ...flood, admission }), simulateFlood(flood)]
  const each = (result: typeof ours): number => mean(result.goodEachSecond.slice(5))
  t.diagnostic(
    `seed ${flood.seed}: good/s ${each(ours)} of 1600 (limit ${ours.limits.at(-1)}), control ${each(control)}`,
  )
  assert.ok(each(ours) >= 0.85 * 1600, `${each(ours)} good a second`)
  assert.ok(each(control) <= 0.02 * 1600, `the control answered ${each(control)} in time`)
  assert.ok(ours.late <= 0.02 * ours.good, `${ours.late} late of ${ours.good}`)
})

test('below capacity nobody is refused and nobody waits', () => {
  const { good, offered, refused } = simulateFlood({ ...small, rate: () => 800, admission })
  assert.equal(refused, 0)
  assert.ok(good >= offered - 30, 'all but those under way at the end')
})

test('a long flood does not become normal: the limit stays near the knee', () => {
  const { limits, goodEachSecond } = simulateFlood({
    ...small,
    seconds: 120,
    rate: () => 4000,
    admission,
  })
  for (const limit of limits.slice(10)) assert.ok(limit <= 150, `limit ${limit}`)
  assert.ok(mean(goodEachSecond.slice(60)) >= 0.85 * 1600, `${mean(goodEachSecond.slice(60))}`)
})

test('a server that slows down and recovers is followed both ways', () => {
  const slow = (atMs: number): boolean => atMs >= 20_000 && atMs < 40_000
  const { goodEachSecond } = simulateFlood({
    ...small,
    seconds: 60,
    rate: () => 3000,
    serviceMs: (atMs) => (slow(atMs) ? 30 : 10),
    admission,
  })
  assert.ok(mean(goodEachSecond.slice(5, 20)) >= 0.85 * 1600)
  assert.ok(
    mean(goodEachSecond.slice(25, 40)) >= 0.7 * 533,
    `${mean(goodEachSecond.slice(25, 40))}`,
  )
  assert.ok(
    mean(goodEachSecond.slice(45, 60)) >= 0.85 * 1600,
    `${mean(goodEachSecond.slice(45, 60))}`,
  )
})

test('under a flood the critical are served first and the background last', (t) => {
  const { goodBy, offeredBy } = simulateFlood({
    ...small,
    rate: () => 8000,
    admission,
    priorityOf: (chance) => (chance < 0.1 ? 'critical' : chance < 0.6 ? 'normal' : 'background'),
  })
  const share = (name: 'critical' | 'normal' | 'background'): number =>
    goodBy[name] / offeredBy[name]
  t.diagnostic(
    JSON.stringify({
      critical: share('critical'),
      normal: share('normal'),
      background: share('background'),
    }),
  )
  assert.ok(share('critical') >= 0.97, `${share('critical')}`)
  assert.ok(share('normal') > 2 * share('background'))
})

test('a latency said to be fine is never a reason to limit', () => {
  const clock = new VirtualClock()
  const batching = new Admission({ clock, concurrency: { latencyMsFine: 50, initial: 64 } })
  // A store that takes 1 ms alone and 40 ms with everyone, as a group commit does.
  for (let round = 0; round < 400; round++) {
    const passes: Pass[] = []
    while (batching.inflight < batching.limit) passes.push(batching.enter('critical') as Pass)
    clock.advance(round === 0 ? 1 : 40)
    for (const pass of passes) pass.release('ok')
  }
  assert.equal(batching.limit, 4096)
})

test('failures further down shrink the limit, and the room comes back', () => {
  const clock = new VirtualClock()
  const it = new Admission({ clock, concurrency: { initial: 100, latencyMsFine: 1000 } })
  const round = (ending: 'ok' | 'failed'): void => {
    const passes: Pass[] = []
    while (it.inflight < it.limit) passes.push(it.enter('critical') as Pass)
    clock.advance(100)
    for (const pass of passes) pass.release(ending)
  }
  for (let n = 0; n < 10; n++) round('failed')
  assert.equal(it.limit, 4)
  for (let n = 0; n < 40; n++) round('ok')
  assert.ok(it.limit > 100)
})

const fixed = (clock: VirtualClock, more: Partial<AdmissionOptions> = {}): Admission =>
  new Admission({ clock, queueMax: 2, ...more, concurrency: { initial: 2, min: 2, max: 2 } })
const refused = async (entry: Pass | Promise<Pass>): Promise<string> => {
  try {
    await entry
  } catch (caught) {
    assert.ok(caught instanceof Fault)
    return caught.code
  }
  return 'admitted'
}

test('limit and queue: each is taken whole, one more is refused with Retry-After', async () => {
  const it = fixed(new VirtualClock())
  const passes = [it.enter('critical'), it.enter('critical')] as Pass[]
  const waiting = [it.enter('critical'), it.enter('critical')]
  assert.deepEqual([it.inflight, it.waiting], [2, 2])
  await assert.rejects(
    async () => it.enter('critical'),
    (caught: unknown) =>
      caught instanceof Fault && caught.code === 'overloaded' && caught.retryAfterSeconds === 1,
  )
  passes[0]?.release('ok')
  passes[0]?.release('ok')
  assert.deepEqual([it.inflight, it.waiting], [2, 1], 'a pass is given back once')
  ;(await waiting[0])?.release('ok')
  passes[1]?.release('ok')
  ;(await waiting[1])?.release('ok')
  assert.deepEqual([it.inflight, it.waiting], [0, 0])
  assert.deepEqual(it.counters, { admitted: 4, queued: 2, refused: 1, dropped: 0 })
})

test('who waits too long is refused, sooner once the queue does not drain', async () => {
  const clock = new VirtualClock()
  const it = fixed(clock, { queueMsMax: 100, queueMsBusy: 5, queueMax: 10 })
  const held = [it.enter('critical'), it.enter('critical')] as Pass[]
  const first = it.enter('critical')
  clock.advance(90)
  const second = it.enter('critical')
  clock.advance(9)
  assert.equal(it.waiting, 2)
  clock.advance(16)
  assert.equal(it.waiting, 0, 'the queue was not empty for 100 ms: now 5 ms is the most')
  assert.deepEqual([await refused(first), await refused(second)], ['overloaded', 'overloaded'])
  assert.equal(it.counters.dropped, 2)
  for (const pass of held) pass.release('ok')
})

test('a higher class pushes a lower one out of a full queue, never the other way', async () => {
  const it = fixed(new VirtualClock())
  const held = [it.enter('critical'), it.enter('critical')] as Pass[]
  const background = [it.enter('background'), it.enter('background')]
  const normal = it.enter('normal')
  assert.equal(await refused(background[0] as Promise<Pass>), 'overloaded')
  assert.equal(await refused(it.enter('background')), 'overloaded')
  const critical = it.enter('critical')
  assert.equal(await refused(background[1] as Promise<Pass>), 'overloaded')
  held[0]?.release('ok')
  const pass = await critical
  held[1]?.release('ok')
  pass.release('ok')
  ;(await normal).release('ok')
  assert.equal(it.inflight, 0)
})

test('a client that goes away leaves the queue', async () => {
  const it = fixed(new VirtualClock())
  const held = [it.enter('critical'), it.enter('critical')] as Pass[]
  const away = new AbortController()
  const waiting = it.enter('normal', () => away.signal)
  away.abort()
  assert.equal(await refused(waiting), 'cancelled')
  assert.equal(it.waiting, 0)
  for (const pass of held) pass.release('ok')
  assert.equal(it.inflight, 0)
})

test('whatever comes and goes, limit and queue hold and nobody is lost', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('enter' as const), priority: fc.constantFrom(...priorities) }),
    fc.record({ kind: fc.constant('release' as const), at: fc.nat() }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.nat({ max: 40 }) }),
    fc.record({ kind: fc.constant('leave' as const), at: fc.nat() }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const clock = new VirtualClock()
      const it = new Admission({
        clock,
        queueMax: 3,
        concurrency: { initial: 3, min: 1, max: 8, samplesMin: 1, probeSamples: 2 },
      })
      const passes: Pass[] = []
      const aways: AbortController[] = []
      let [asked, done] = [0, 0]
      for (const now of steps) {
        if (now.kind === 'enter') {
          const away = new AbortController()
          aways.push(away)
          asked++
          const before = it.inflight
          it.ask(
            now.priority,
            { admit: (pass) => (passes.push(pass), done++), refuse: () => done++ },
            away.signal,
          )
          assert.ok(it.inflight <= Math.max(before, it.limit))
        } else if (now.kind === 'release')
          passes.splice(now.at % (passes.length || 1), 1)[0]?.release('ok')
        else if (now.kind === 'advance') clock.advance(now.ms)
        else aways.splice(now.at % (aways.length || 1), 1)[0]?.abort()
        assert.ok(it.waiting <= 3)
        assert.equal(done + it.waiting, asked)
        assert.equal(it.inflight, passes.length)
      }
      clock.advance(1000)
      assert.equal(it.waiting, 0)
      assert.equal(done, asked)
    }),
  )
})

test('a handler behind it: synchronous stays synchronous, faults free the place, probes pass', async () => {
  const clock = new VirtualClock()
  const it = fixed(clock, { queueMax: 0 })
  let free = (): void => {}
  const handler = admitted(
    (request) => {
      if (request.path === '/now') return textResponse(200, 'now')
      if (request.path === '/throws') throw new Fault('conflict')
      if (request.path === '/rejects') return Promise.reject(new Fault('store_unavailable'))
      return new Promise((resolve) => {
        const before = free
        free = () => (before(), resolve(textResponse(200, 'later')))
      })
    },
    { admission: it, priorityOf: ({ path }) => (path === '/health' ? undefined : 'critical') },
  )
  const call = (target: string): ReturnType<typeof handler> => handler(testRequest({ target }))
  assert.ok(!(call('/now') instanceof Promise))
  assert.throws(() => call('/throws'), Fault)
  await assert.rejects(async () => call('/rejects'), Fault)
  assert.equal(it.inflight, 0)
  const calls = [call('/later'), call('/later')]
  await assert.rejects(async () => call('/later'), /Too busy/)
  const probe = call('/health')
  free()
  await Promise.all([...calls, probe])
  assert.equal(it.inflight, 0)
})
