import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeEvent, encodeEvent, placeEvent, storedEvent } from './event-record.ts'

test('a live reader gets what is read back from the journal, whatever the event', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 })
  const headers = fc.option(
    fc.dictionary(fc.string({ minLength: 1 }), text, { noNullPrototype: true }),
  )
  fc.assert(
    fc.property(
      fc.oneof(text, fc.constant('a\ud800b')),
      headers,
      fc.uint8Array({ maxLength: 50 }),
      fc.nat(65_535),
      (key, given, value, partition) => {
        const event = { key, value, ...(given ? { headers: given } : {}) }
        const bytes = encodeEvent(event)
        placeEvent(bytes, { partition, offset: 7 }, 1234)
        const live = storedEvent('t', event, bytes)
        const read = decodeEvent('t', bytes)
        assert.deepEqual({ ...live, value: [...live.value] }, { ...read, value: [...read.value] })
      },
    ),
  )
})
