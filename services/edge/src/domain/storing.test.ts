import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRequestDirectives } from './cache-control.ts'
import { plainHeuristics } from './freshness.ts'
import { storing, type StoringRequest, type StoringRules } from './storing.ts'

const rules: StoringRules = {
  setCookie: 'refuse',
  heuristics: plainHeuristics,
  doubtfulAge: 'ignore',
  disconnectedMs: 0,
}
const url = 'http://a.example/x'
const get: StoringRequest = {
  method: 'GET',
  directives: parseRequestDirectives(undefined, undefined),
  authorization: false,
  url,
}

function verdict(
  headers: readonly string[],
  { status = 200, request = get, policy = rules } = {},
): string {
  const response = { status, headers, requestTimeMs: 0, responseTimeMs: 0 }
  const made = storing(request, response, policy)
  return made.kind === 'store' ? 'store' : made.why
}

test('what RFC 9111 section 3 forbids is not stored, and why is told', () => {
  const fresh = ['cache-control', 'max-age=60']
  assert.equal(verdict(fresh), 'store')
  assert.equal(verdict(['cache-control', 'max-age=60, no-store']), 'no-store')
  assert.equal(verdict(['cache-control', 'max-age=60, private']), 'private')
  assert.equal(verdict(['cache-control', 'max-age=60, private="a"']), 'store')
  assert.equal(verdict([...fresh, 'vary', 'a, *']), 'vary-any')
  assert.equal(verdict([]), 'no-freshness')
  assert.equal(verdict(['etag', '"a"']), 'store', 'a validator makes it worth keeping')
  assert.equal(verdict(['etag', '"a"'], { status: 403 }), 'no-freshness')
  assert.equal(verdict(fresh, { status: 503 }), 'store', 'explicit freshness counts for any status')
  assert.equal(verdict(fresh, { status: 304 }), 'status')
  assert.equal(verdict(fresh, { status: 206 }), 'content-range')
  const noStore = { ...get, directives: parseRequestDirectives('no-store', undefined) }
  assert.equal(verdict(fresh, { request: noStore }), 'request-no-store')
})

test('must-understand lifts no-store only for statuses whose rules are known (RFC 9111 5.2.2.3)', () => {
  const headers = ['cache-control', 'max-age=60, no-store, must-understand']
  assert.equal(verdict(headers), 'store')
  assert.equal(verdict(headers, { status: 599 }), 'not-understood')
})

test('answers to requests with Authorization are stored only where they say so (RFC 9111 3.5)', () => {
  const request = { ...get, authorization: true }
  const of = (value: string): string => verdict(['cache-control', value], { request })
  assert.equal(of('max-age=60'), 'authorization')
  assert.equal(of('max-age=60, public'), 'store')
  assert.equal(of('max-age=60, must-revalidate'), 'store')
  assert.equal(of('s-maxage=60'), 'store')
})

test('a cookie is never given to a second client unless the operator or `public` says so', () => {
  const headers = ['cache-control', 'max-age=60', 'set-cookie', 'a=b']
  assert.equal(verdict(headers), 'set-cookie')
  assert.equal(verdict(['cache-control', 'max-age=60, public', 'set-cookie', 'a=b']), 'store')
  assert.equal(verdict(headers, { policy: { ...rules, setCookie: 'store' } }), 'store')
  const made = storing(
    get,
    { status: 200, headers, requestTimeMs: 0, responseTimeMs: 0 },
    { ...rules, setCookie: 'strip' },
  )
  assert.equal(made.kind === 'store' && made.omit.has('set-cookie'), true)
})

test('a POST is stored for GET only with explicit freshness and its own Content-Location (RFC 9110 9.3.3)', () => {
  const request = { ...get, method: 'POST' }
  const own = ['content-location', '/x']
  assert.equal(verdict(['cache-control', 'max-age=60', ...own], { request }), 'store')
  assert.equal(
    verdict(['cache-control', 'max-age=60', 'content-location', '/y'], { request }),
    'method',
  )
  assert.equal(verdict(['cache-control', 'max-age=60'], { request }), 'method')
  assert.equal(verdict(['etag', '"a"', ...own], { request }), 'method')
  assert.equal(
    verdict(['cache-control', 'max-age=60'], { request: { ...get, method: 'PUT' } }),
    'method',
  )
})

test('fields named by no-cache and private are left out of what is stored (RFC 9111 5.2.2.4, 5.2.2.7)', () => {
  const headers = ['cache-control', 'max-age=60, no-cache="A, b", private="c"']
  const made = storing(get, { status: 200, headers, requestTimeMs: 0, responseTimeMs: 0 }, rules)
  assert.deepEqual(made.kind === 'store' && [...made.omit].sort(), ['a', 'b', 'c'])
})
