import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldSource } from './fields.ts'
import { acceptedCodings, normalisedSelector, selectorOf, selects, varyOf } from './vary.ts'

function matches(
  response: readonly string[],
  first: readonly string[],
  second: readonly string[],
): boolean {
  const selector = selectorOf(response, fieldSource(first))
  return selector !== undefined && selects(selector, fieldSource(second))
}

test('a star anywhere in Vary matches nothing (RFC 9111 4.1)', () => {
  for (const value of ['*', '*, *', ', *', '*, foo', 'foo, *'])
    assert.equal(varyOf(['vary', value]).kind, 'any', value)
  assert.equal(varyOf(['vary', '', 'vary', '*']).kind, 'any')
  assert.deepEqual(varyOf(['vary', 'Foo, bar, FOO']), { kind: 'fields', names: ['bar', 'foo'] })
})

test('selecting fields must agree, absence included (RFC 9111 4.1)', () => {
  const vary = ['vary', 'Foo, Bar']
  assert.equal(matches(vary, ['foo', '1'], ['foo', '1', 'other', '2']), true)
  assert.equal(matches(vary, ['foo', '1'], ['foo', '2']), false)
  assert.equal(matches(vary, ['foo', '1'], []), false)
  assert.equal(matches(vary, [], ['foo', '1']), false)
  assert.equal(matches(vary, ['foo', ''], []), false, 'empty is not absent')
  assert.equal(matches(vary, ['foo', '1, 2'], ['foo', '1', 'foo', '2']), true, 'lines join')
  assert.equal(matches(vary, ['foo', '1,2'], ['foo', ' 1 ,  2']), true, 'blanks do not count')
})

test('Accept-Language compares by preference, not by spelling', () => {
  const vary = ['vary', 'accept-language']
  const same = (one: string, other: string): boolean =>
    matches(vary, ['accept-language', one], ['accept-language', other])
  assert.equal(same('en, de', 'de, en'), true)
  assert.equal(same('en, de', 'eN ,  De'), true)
  assert.equal(same('en;q=0.5, de', 'de, en;q=0.50'), true)
  assert.equal(same('en, de;q=0.5', 'de, en;q=0.5'), false)
})

test('a stored language the request likes best is selected; one it merely accepts is not', () => {
  const stored = ['vary', 'accept-language', 'content-language', 'de']
  const asked = (value: string): boolean =>
    matches(stored, ['accept-language', 'en, de'], ['accept-language', value])
  assert.equal(asked('fr;q=0.5, de;q=1.0'), true)
  assert.equal(asked('fr, de;q=0.9'), false)
  assert.equal(asked('fr, de'), false, 'a tie is for the origin to break')
  assert.equal(asked('de;q=0'), false)
})

test('Accept-Encoding is cut to the codings that go on to the origin', () => {
  assert.equal(acceptedCodings('gzip, deflate, br, zstd'), 'zstd, br, gzip')
  assert.equal(acceptedCodings('br;q=0.1, gzip;q=1'), 'br, gzip')
  assert.equal(acceptedCodings('x-gzip, br;q=0'), 'gzip')
  assert.equal(acceptedCodings('*'), 'gzip')
  assert.equal(acceptedCodings('identity'), '')
  assert.equal(acceptedCodings('exotic'), '')
  assert.equal(
    normalisedSelector('accept-encoding', 'GZIP,br'),
    normalisedSelector('accept-encoding', 'br;q=0.9, gzip;q=0.2'),
  )
})
