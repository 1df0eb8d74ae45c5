import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effectiveDirectives, parseTargeted } from './targeted-control.ts'

test('the most specific valid targeted field rules, and Cache-Control does not count (RFC 9213 2.2)', () => {
  const headers = ['cache-control', 'no-store', 'cdn-cache-control', 'max-age=10']
  const cdn = effectiveDirectives(headers)
  assert.equal(cdn.targeted, 'cdn-cache-control')
  assert.equal(cdn.directives.noStore, false)
  assert.equal(cdn.directives.maxAge, 10)
  const own = effectiveDirectives([...headers, 'spate-cache-control', 'max-age=99, no-cache'])
  assert.equal(own.targeted, 'spate-cache-control')
  assert.equal(own.directives.maxAge, 99)
  assert.equal(own.directives.noCache, true)
})

test('a field that is no Structured Field is ignored whole (RFC 9213 2.1)', () => {
  for (const value of ['max-age=10, &&&&', 'MaX-aGe=10', 'max-age =10', 'max-age= 10', ''])
    assert.equal(parseTargeted(value), undefined, value)
  assert.equal(
    effectiveDirectives(['cdn-cache-control', '&', 'cache-control', 'no-store']).directives.noStore,
    true,
  )
})

test('a member of the wrong type is ignored; with nothing left the field is', () => {
  assert.equal(parseTargeted('max-age="10000"'), undefined)
  assert.equal(parseTargeted('max-age=1.5'), undefined)
  assert.equal(parseTargeted('max-age="1", private')?.private, true)
  assert.equal(parseTargeted('max-age="1", private')?.maxAge, undefined)
  assert.equal(parseTargeted('no-store=?0'), undefined)
  assert.equal(parseTargeted('foo, max-age=3600')?.maxAge, 3600)
  assert.equal(parseTargeted('max-age=-5')?.maxAge, 0)
  assert.equal(parseTargeted('max-age=99999999999')?.maxAge, 2 ** 31)
})
