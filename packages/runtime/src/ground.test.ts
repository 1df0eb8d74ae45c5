import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededChance, secretBytes, systemChance, uuidv7 } from './chance.ts'
import { systemClock } from './clock.ts'
import { Fault, errorText, faultKinds, shown } from './fault.ts'
import { Lifecycle } from './lifecycle.ts'
import { createLog, jsonSink, silentLog, textSink, type LogRecord } from './log.ts'
import { BoundedQueue } from './queue.ts'
import { VirtualClock } from './virtual-clock.ts'

test('a virtual clock runs tasks by due time, then by registration, and stands still otherwise', () => {
  const clock = new VirtualClock(1000)
  const seen: string[] = []
  clock.after(20, () => seen.push(`b@${clock.now()}`))
  clock.after(10, () => seen.push(`a@${clock.now()}`))
  clock.after(20, () => seen.push(`c@${clock.now()}`))
  const beat = clock.every(15, () => seen.push(`beat@${clock.now()}`))
  const never = clock.after(5, () => seen.push('never'))
  never.cancel()
  assert.equal(clock.now(), 1000)
  clock.advance(30)
  assert.deepEqual(seen, ['a@1010', 'beat@1015', 'b@1020', 'c@1020', 'beat@1030'])
  beat.cancel()
  clock.advance(100)
  assert.equal(seen.length, 5)
  assert.equal(clock.pending, 0)
})

test('a sleeper on a virtual clock wakes in time or with the reason of its signal', async () => {
  const clock = new VirtualClock()
  let woke = false
  const asleep = clock.sleep(50).then(() => (woke = true))
  await clock.advanceAsync(49)
  assert.equal(woke, false)
  await clock.advanceAsync(1)
  await asleep
  const stop = new AbortController()
  const cut = clock.sleep(50, stop.signal)
  stop.abort(new Error('enough'))
  await assert.rejects(cut, /enough/)
})

test('the system clock sleeps, repeats and cancels', async () => {
  const before = systemClock.elapsed()
  let beats = 0
  const beat = systemClock.every(1, () => beats++)
  await systemClock.sleep(15)
  beat.cancel()
  const counted = beats
  await systemClock.sleep(5)
  assert.ok(counted >= 1 && beats === counted)
  assert.ok(systemClock.elapsed() > before)
  await assert.rejects(systemClock.sleep(1000, AbortSignal.abort(new Error('no'))), /no/)
})

test('the monotonic clock is the one of performance, so that readings of both can be compared', () => {
  for (let at = 0; at < 100; at++) {
    const before = performance.now()
    const between = systemClock.elapsed()
    const after = performance.now()
    assert.ok(between >= before - 0.01 && between <= after + 0.01, `${before} ${between} ${after}`)
  }
})

test('seeded chance repeats itself and differs between seeds', () => {
  const draw = (seed: number): number[] => {
    const chance = new SeededChance(seed)
    return Array.from({ length: 50 }, () => chance.integer(0, 1_000_000))
  }
  assert.deepEqual(draw(7), draw(7))
  assert.notDeepEqual(draw(7), draw(8))
  assert.equal(secretBytes(16).length, 16)
  assert.ok(systemChance.float() < 1)
})

test('seeded chance is uniform: chi-square over 16 cells stays under its 99.9 % bound', () => {
  const chance = new SeededChance(42)
  const cells = Array.from({ length: 16 }, () => 0)
  const draws = 160_000
  for (let at = 0; at < draws; at++) cells[chance.integer(0, 15)]!++
  const expected = draws / 16
  const square = cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  assert.ok(square < 37.7, `chi-square ${square}, seed 42`)
})

test('ids of one process are version 7, unique and strictly increasing, whatever the clock does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_050 }), {
        minLength: 100,
        maxLength: 400,
      }),
      (times) => {
        const ids = times.map((nowMs) => uuidv7(nowMs))
        for (const [at, id] of ids.entries()) {
          assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
          if (at > 0) assert.ok((ids[at - 1] as string) < id)
        }
      },
    ),
  )
})

test('anything that is thrown becomes a fault that keeps its cause and hides its text', () => {
  const secret = new Error('password=hunter2')
  const fault = Fault.from(secret)
  assert.equal(fault.code, 'internal')
  assert.equal(fault.cause, secret)
  assert.doesNotMatch(fault.message, /hunter2/)
  assert.equal(Fault.from(fault), fault)
  assert.equal(Fault.from(Object.assign(new Error('x'), { code: 'ENOSPC' })).code, 'disk_full')
  assert.equal(Fault.from(new DOMException('x', 'AbortError')).code, 'cancelled')
  assert.equal(Fault.from('a string', 'bad_gateway').status, 502)
  assert.equal(errorText('a string'), 'a string')
})

test('every fault code has a status that HTTP knows and a title in words', () => {
  for (const [code, kind] of Object.entries(faultKinds)) {
    assert.ok(kind.status >= 400 && kind.status <= 599, code)
    assert.match(kind.title, /^[A-Z].* /)
  }
})

test('a value in a problem is one line of at most 80 characters', () => {
  assert.equal(shown('a\nb'), 'a?b')
  assert.equal(shown('x'.repeat(80)).length, 80)
  assert.equal(shown('x'.repeat(81)).length, 80)
  assert.equal(shown({ a: 1 }), '{"a":1}')
})

test('a bounded queue behaves like a list that refuses at its limit', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.option(fc.integer()), { maxLength: 200 }),
      (limit, steps) => {
        const queue = new BoundedQueue<number>(limit)
        const model: number[] = []
        for (const step of steps) {
          if (step === null) assert.equal(queue.shift(), model.shift())
          else {
            assert.equal(queue.push(step), model.length < limit)
            if (model.length < limit) model.push(step)
          }
          assert.equal(queue.size, model.length)
          assert.equal(queue.full, model.length === limit)
          assert.equal(queue.peek(), model[0])
        }
        assert.deepEqual(queue.take(1000), model)
      },
    ),
  )
})

test('parts start in order and stop in the opposite order, once', async () => {
  const seen: string[] = []
  const lifecycle = new Lifecycle({ clock: systemClock, log: silentLog })
  for (const name of ['disk', 'engine', 'listener']) {
    lifecycle.add({
      name,
      start: () => void seen.push(`+${name}`),
      stop: () => void seen.push(`-${name}`),
    })
  }
  await lifecycle.start()
  assert.equal(lifecycle.state, 'running')
  assert.deepEqual(await Promise.all([lifecycle.stop(), lifecycle.stop()]), [true, true])
  assert.deepEqual(seen, ['+disk', '+engine', '+listener', '-listener', '-engine', '-disk'])
  await assert.rejects(lifecycle.start(), { code: 'conflict' })
})

test('where a part cannot start, those before it are stopped and its error is told', async () => {
  const seen: string[] = []
  const lifecycle = new Lifecycle({ clock: systemClock, log: silentLog })
  lifecycle.add({ name: 'disk', stop: () => void seen.push('-disk') })
  lifecycle.add({
    name: 'port',
    start: () => Promise.reject(new Fault('address_in_use')),
    stop: () => void seen.push('-port'),
  })
  await assert.rejects(lifecycle.start(), { code: 'address_in_use' })
  assert.deepEqual(seen, ['-disk'])
})

test('a part that hangs is named and left when the drain deadline is past', async () => {
  const clock = new VirtualClock()
  const records: LogRecord[] = []
  const log = createLog({ name: 'test', clock, sink: (record) => records.push(record) })
  const lifecycle = new Lifecycle({ clock, log, drainMs: 100 })
  let stoppedAfter = false
  lifecycle.add({ name: 'first', stop: () => void (stoppedAfter = true) })
  lifecycle.add({ name: 'hung', stop: () => new Promise(() => {}) })
  await lifecycle.start()
  const stopping = lifecycle.stop()
  await clock.advanceAsync(100)
  assert.equal(await stopping, false)
  assert.equal(stoppedAfter, true)
  assert.deepEqual(
    records.map(({ fields }) => fields['part']),
    ['hung'],
  )
})

test('log lines carry time, name, fields and trace ids; below the level nothing is made', () => {
  const lines: string[] = []
  const clock = new VirtualClock(1_700_000_000_000)
  const log = createLog({
    name: 'edge',
    clock,
    sink: jsonSink((line) => lines.push(line)),
    trace: () => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }),
  }).child('cache', { site: 'shop' })
  log.debug('not seen')
  log.error('fill failed', { bytes: 3 }, new Error('outer', { cause: new Error('inner') }))
  assert.equal(lines.length, 1)
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '2023-11-14T22:13:20.000Z',
    severity: 'error',
    name: 'edge.cache',
    message: 'fill failed',
    site: 'shop',
    bytes: 3,
    error: 'outer: inner',
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
  })
})

test('readable lines hold no escape codes where colours are off', () => {
  const write = (colours: boolean): string => {
    let out = ''
    const clock = new VirtualClock(1_700_000_000_000)
    createLog({ name: 'edge', clock, sink: textSink((line) => (out += line), colours) }).warn(
      'slow',
      { path: '/a b' },
    )
    return out
  }
  assert.equal(write(false), '22:13:20.000 warn  edge: slow path="/a b"\n')
  assert.ok(write(true).includes('\u001b[33m'))
})
