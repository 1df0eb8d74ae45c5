import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cacheKey, isPlainHost } from './cache-key.ts'

const rules = { dropQuery: ['utm_*', 'fbclid'], sortQuery: true }
const key = (host: string, path: string, query = '', secure = false): string =>
  cacheKey({ secure, host, path, query }, rules)

test('scheme, host, port, path and sorted query make the key (RFC 9111 2)', () => {
  assert.equal(key('a.example:80', '/x'), 'http://a.example/x')
  assert.equal(key('a.example:443', '/x', '', true), 'https://a.example/x')
  assert.equal(key('a.example.:8080', '/x'), 'http://a.example:8080/x')
  assert.equal(
    key('a.example', '/x', 'b=2&a=1&utm_source=z&fbclid=q'),
    'http://a.example/x?a=1&b=2',
  )
  assert.equal(key('a.example', '/x', 'utm_source=z'), 'http://a.example/x')
  assert.notEqual(key('a.example', '/x', 'a=1&a=2'), key('a.example', '/x', 'a=2&a=1'))
})

test('path forms an origin may tell apart stay apart', () => {
  const forms = [
    '/a/b',
    '/a%2fb',
    '/a/./b',
    '/a//b',
    '/a\\b',
    '/a;/b',
    '/A/b',
    '/a/x/../b',
    '/a/b/',
  ]
  assert.equal(new Set(forms.map((path) => key('h', path))).size, forms.length)
})

test('no two different requests share a key, whatever their parts hold', () => {
  const piece = fc.stringMatching(/^[a-z?=&%.:/@-]{0,6}$/)
  const target = fc.record({
    host: fc.constantFrom('a', 'b', 'a:81'),
    path: piece.map((text) => `/${text.replaceAll('?', '')}`),
    query: piece,
  })
  fc.assert(
    fc.property(target, target, (one, other) => {
      const plain = { dropQuery: [], sortQuery: false }
      const same = one.host === other.host && one.path === other.path && one.query === other.query
      const keys = [one, other].map((each) => cacheKey({ ...each, secure: false }, plain))
      return (keys[0] === keys[1]) === same
    }),
  )
})

test('hosts with userinfo, blanks, line ends or letters of other meaning are refused', () => {
  for (const host of ['a.example', 'a.example:8080', '127.0.0.1:1', '[::1]:80', 'a_b.c', 'a.'])
    assert.equal(isPlainHost(host), true, host)
  for (const host of [
    '',
    'a@b',
    'a b',
    'a\r\nb',
    'a/b',
    'a?b',
    'a#b',
    'a:',
    'a:b',
    '-a',
    'a:123456',
    'a,b',
  ])
    assert.equal(isPlainHost(host), false, host)
})
