import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseList } from 'structured-headers'
import { cacheStatus } from './cache-status.ts'
import { fieldValue } from './fields.ts'
import { endToEndFields, forwardedFields, viaLoops } from './forwarding.ts'
import { invalidated } from './invalidation.ts'
import { tagsOf } from './tags.ts'

test('hop-by-hop fields and those that Connection names go no further (RFC 9110 7.6.1)', () => {
  const kept = endToEndFields(
    'connection|a, B, date|a|1|b|2|c|3|date|x|keep-alive|x|te|x|transfer-encoding|x|upgrade|x|proxy-connection|x'.split(
      '|',
    ),
  )
  assert.deepEqual(
    kept,
    ['c', '3', 'date', 'x'],
    'a field that frames the message is never dropped',
  )
})

test('fields that could change the answer but not the key never reach the origin', () => {
  const by = { clientAddress: '192.0.2.9', secure: false, host: 'a.example', httpVersion: '1.1' }
  const fields = forwardedFields(
    [
      'x-forwarded-host',
      'evil',
      'x-original-url',
      '/admin',
      'x-http-method-override',
      'PUT',
      'via',
      '1.1 up',
      'q',
      '1',
    ],
    by,
    new Set(),
  )
  assert.equal(fieldValue(fields, 'x-forwarded-host'), 'a.example')
  assert.equal(fieldValue(fields, 'x-original-url'), undefined)
  assert.equal(fieldValue(fields, 'x-http-method-override'), undefined)
  assert.equal(fieldValue(fields, 'via'), '1.1 up, 1.1 spate')
  assert.equal(fieldValue(fields, 'x-forwarded-for'), '192.0.2.9')
  assert.equal(viaLoops('1.1 spate, 1.0 other, 1.1 spate'), 2)
})

test('Cache-Status is a Structured Field with the parameters of RFC 9211', () => {
  const text = cacheStatus({
    hit: false,
    fwd: 'uri-miss',
    fwdStatus: 200,
    ttl: -3,
    stored: true,
    collapsed: true,
    key: 'http://a/"\\',
    detail: 'x',
  })
  const [[name, parameters]] = parseList(text) as unknown as [
    [{ toString(): string }, Map<string, unknown>],
  ]
  assert.equal(name.toString(), 'spate')
  assert.deepEqual(
    [...parameters.keys()],
    ['fwd', 'fwd-status', 'ttl', 'stored', 'collapsed', 'key', 'detail'],
  )
  assert.equal(parameters.get('key'), 'http://a/"\\')
  assert.equal(cacheStatus({ hit: true, key: 'http://a/\u00fc' }), 'spate; hit')
})

test('unsafe requests invalidate their target and same-origin locations, unless they fail (RFC 9111 4.4)', () => {
  const of = (method: string, status: number, headers: readonly string[] = []): string[] =>
    invalidated({ method, url: 'http://a/x' }, { status, headers })
  assert.deepEqual(of('POST', 200), ['http://a/x'])
  assert.deepEqual(of('M-SEARCH', 204), ['http://a/x'])
  assert.deepEqual(of('POST', 500), [])
  assert.deepEqual(of('GET', 200), [])
  const locations = ['location', 'y', 'content-location', 'http://b/z']
  assert.deepEqual(of('PUT', 201, locations), ['http://a/x', 'http://a/y'])
})

test('tags come from Cache-Tag and Surrogate-Key, each once, within their limits', () => {
  assert.deepEqual(tagsOf(['cache-tag', 'a, b', 'surrogate-key', 'b c  d']), ['a', 'b', 'c', 'd'])
  const many = Array.from({ length: 300 }, (_, at) => `t${at}`).join(',')
  assert.equal(tagsOf(['cache-tag', many]).length, 256)
  assert.deepEqual(tagsOf(['cache-tag', 'x'.repeat(257)]), [])
})
