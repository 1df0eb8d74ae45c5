import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldSource, fieldValue } from './fields.ts'
import { formatHttpDate, parseHttpDate } from './http-date.ts'
import {
  headAgrees,
  identifies,
  ifRangeHolds,
  notModified,
  notModifiedFields,
  updatedFields,
  validators,
} from './validation.ts'

const now = Date.UTC(2026, 10, 23)
const date = (seconds: number): string => formatHttpDate(now + seconds * 1000)
const unchanged = (request: readonly string[], stored: readonly string[]): boolean =>
  notModified(fieldSource(request), stored, now)

test('If-None-Match compares weakly and goes before If-Modified-Since (RFC 9110 13.1.2, 13.2.2)', () => {
  assert.equal(unchanged(['if-none-match', '"a", W/"b"'], ['etag', '"b"']), true)
  assert.equal(unchanged(['if-none-match', '"a"'], ['etag', '"b"']), false)
  assert.equal(unchanged(['if-none-match', '*'], []), true)
  assert.equal(unchanged(['if-none-match', '"x,y"'], ['etag', '"x,y"']), true, 'a comma inside')
  const both = ['if-none-match', '"a"', 'if-modified-since', date(0)]
  assert.equal(unchanged(both, ['etag', '"b"', 'last-modified', date(-99)]), false)
})

test('If-Modified-Since takes Last-Modified, or Date where that is missing (RFC 9111 4.3.2)', () => {
  assert.equal(unchanged(['if-modified-since', date(-5)], ['last-modified', date(-5)]), true)
  assert.equal(unchanged(['if-modified-since', date(-6)], ['last-modified', date(-5)]), false)
  assert.equal(unchanged(['if-modified-since', date(1)], ['date', date(0)]), true)
  assert.equal(unchanged(['if-modified-since', date(-1)], ['date', date(0)]), false)
  assert.equal(unchanged(['if-modified-since', 'yesterday'], ['date', date(0)]), false)
})

test('If-Range needs a strong tag, or a date that is strong (RFC 9110 13.1.5)', () => {
  const stored = ['etag', '"a"', 'last-modified', date(-100), 'date', date(0)]
  assert.equal(ifRangeHolds(undefined, stored, now), true)
  assert.equal(ifRangeHolds('"a"', stored, now), true)
  assert.equal(ifRangeHolds('W/"a"', stored, now), false)
  assert.equal(ifRangeHolds(date(-100), stored, now), true)
  assert.equal(ifRangeHolds(date(-99), stored, now), false)
  const young = ['last-modified', date(-59), 'date', date(0)]
  assert.equal(ifRangeHolds(date(-59), young, now), false, 'a second may have held two versions')
})

test('a 304 replaces fields it has, keeps others, and never those that belong to the bytes (RFC 9111 3.2)', () => {
  const stored = ['a', '1', 'a', '2', 'b', '3', 'content-length', '9', 'age', '7']
  const merged = updatedFields(stored, ['a', '9', 'content-length', '0', 'c', '4'])
  assert.deepEqual(merged, ['b', '3', 'content-length', '9', 'a', '9', 'c', '4'])
})

test('a 304 must speak of what is stored (RFC 9111 4.3.4)', () => {
  assert.equal(identifies(['etag', '"a"'], ['etag', '"a"']), true)
  assert.equal(identifies(['etag', '"b"'], ['etag', '"a"']), false)
  assert.equal(identifies(['etag', 'W/"a"'], ['etag', '"a"']), true)
  assert.equal(identifies([], ['etag', '"a"']), true)
  assert.equal(identifies(['last-modified', date(1)], ['last-modified', date(0)]), false)
})

test('validating requests carry all stored validators (RFC 9111 4.3.1)', () => {
  assert.deepEqual(validators(['etag', '"a"', 'last-modified', 'x']), [
    'if-none-match',
    '"a"',
    'if-modified-since',
    'x',
  ])
})

test('a 304 has no fields about bytes it does not carry (RFC 9110 15.4.5)', () => {
  const fields = notModifiedFields(['etag', '"a"', 'content-type', 'x', 'content-length', '3'])
  assert.equal(fieldValue(fields, 'etag'), '"a"')
  assert.equal(fields.length, 2)
})

test('a HEAD shows whether the stored response still stands (RFC 9111 4.3.5)', () => {
  assert.equal(headAgrees(['content-length', '3'], ['content-length', '3', 'etag', '"a"']), true)
  assert.equal(headAgrees(['etag', '"b"'], ['etag', '"a"']), false)
})

test('HTTP dates are read in three forms, strictly but for case (RFC 9110 5.6.7)', () => {
  const at = Date.UTC(1994, 10, 6, 8, 49, 37)
  assert.equal(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT', now), at)
  assert.equal(parseHttpDate('sun, 06 nov 1994 08:49:37 gmt', now), at)
  assert.equal(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', now), at)
  assert.equal(parseHttpDate('Sun Nov  6 08:49:37 1994', now), at)
  for (const odd of [
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun 06 Nov 1994 08:49:37 GMT',
    'Sun, 06  Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    '0',
    '',
  ])
    assert.equal(parseHttpDate(odd, now), undefined, odd)
})
