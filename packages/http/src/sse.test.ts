import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '@spate/runtime/fault'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import type { Response } from './exchange.ts'
import { encodeEvent, SseHub } from './sse.ts'
import { testRequest } from './test-request.ts'

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()
const frames = (answer: Response): AsyncIterator<Uint8Array> =>
  (answer.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()

test('events are written as the standard says, and cannot forge further lines', () => {
  assert.equal(text(encodeEvent({ data: { a: 1 } })), 'data: {"a":1}\n\n')
  assert.equal(
    text(encodeEvent({ data: 'one\r\ntwo\rthree\nid: 9', event: 'x\ndata: y', id: '7\n8' })),
    'event: x data: y\nid: 7 8\ndata: one\ndata: two\ndata: three\ndata: id: 9\n\n',
  )
})

test('a subscriber gets what was sent first, what is published later, and then the end', async () => {
  const hub = new SseHub({ clock: new VirtualClock() })
  const reader = frames(hub.subscribe(testRequest(), [{ data: 'first' }]))
  hub.publish({ data: 'second' })
  assert.equal(text((await reader.next()).value as Uint8Array), 'data: first\n\ndata: second\n\n')
  const third = reader.next()
  hub.publish({ data: 'third' })
  assert.equal(text((await third).value as Uint8Array), 'data: third\n\n')
  const end = reader.next()
  hub.close()
  assert.equal((await end).done, true)
  assert.equal(hub.size, 0)
  assert.throws(() => hub.subscribe(testRequest()), Fault)
})

test('a slow subscriber is dropped at its limit and costs the others nothing', async () => {
  const hub = new SseHub({ clock: new VirtualClock(), queueMax: 3 })
  const slow = frames(hub.subscribe(testRequest()))
  const quick = frames(hub.subscribe(testRequest()))
  for (let n = 1; n <= 3; n++) {
    hub.publish({ data: `${n}` })
    await quick.next()
  }
  assert.deepEqual([hub.size, hub.counters.dropped], [2, 0], 'at the limit it still stays')
  hub.publish({ data: '4' })
  assert.deepEqual([hub.size, hub.counters.dropped], [1, 1])
  assert.match(text((await slow.next()).value as Uint8Array), /data: 3\n\n$/)
  assert.equal((await slow.next()).done, true)
  assert.equal(text((await quick.next()).value as Uint8Array), 'data: 4\n\n')
})

test('silence is filled with comments', async () => {
  const clock = new VirtualClock()
  const hub = new SseHub({ clock, keepAliveMs: 1000 })
  const reader = frames(hub.subscribe(testRequest()))
  clock.advance(999)
  const first = reader.next()
  clock.advance(1)
  assert.equal(text((await first).value as Uint8Array), ': keep-alive\n\n')
  hub.close()
  assert.equal(clock.pending, 0)
})

test('a client that goes away, or returns early, is forgotten', async () => {
  const hub = new SseHub({ clock: new VirtualClock() })
  const away = new AbortController()
  const reader = frames(hub.subscribe(testRequest({ signal: away.signal })))
  const waiting = reader.next()
  away.abort()
  assert.equal((await waiting).done, true)
  const other = frames(hub.subscribe(testRequest(), [{ data: '' }]))
  await other.next()
  await other.return?.()
  hub.subscribe(testRequest({ method: 'HEAD' }))
  assert.equal(hub.size, 0)
})

test('subscribers: the limit is taken, one more is refused and counted', () => {
  const hub = new SseHub({ clock: new VirtualClock(), subscribersMax: 2 })
  hub.subscribe(testRequest())
  hub.subscribe(testRequest())
  assert.throws(
    () => hub.subscribe(testRequest()),
    (caught: unknown) => caught instanceof Fault && caught.code === 'overloaded',
  )
  assert.deepEqual([hub.size, hub.counters.refused], [2, 1])
  hub.close()
})
