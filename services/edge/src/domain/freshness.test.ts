import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRequestDirectives } from './cache-control.ts'
import {
  currentAgeMs,
  freshnessLifetime,
  plainHeuristics,
  staleOnErrorAllowed,
  timingOf,
  usability,
  type Timing,
} from './freshness.ts'
import { formatHttpDate } from './http-date.ts'
import { effectiveDirectives } from './targeted-control.ts'

const now = Date.UTC(2026, 10, 23, 9, 0, 0)
const date = (offsetSeconds: number): string => formatHttpDate(now + offsetSeconds * 1000)

function received(
  headers: readonly string[],
  status = 200,
): {
  status: number
  headers: readonly string[]
  requestTimeMs: number
  responseTimeMs: number
} {
  return { status, headers, requestTimeMs: now, responseTimeMs: now }
}

function lifetimeSeconds(headers: readonly string[], status = 200): number {
  const response = received(headers, status)
  return freshnessLifetime(response, effectiveDirectives(headers)).ms / 1000
}

function timing(headers: readonly string[]): Timing {
  const response = received(headers)
  const effective = effectiveDirectives(headers)
  return timingOf(response, effective, freshnessLifetime(response, effective))
}

const nothing = parseRequestDirectives(undefined, undefined)

test('lifetime comes from s-maxage, then max-age, then Expires minus Date (RFC 9111 4.2.1)', () => {
  const expires = ['date', date(0), 'expires', date(300)]
  assert.equal(lifetimeSeconds(['cache-control', 's-maxage=60, max-age=10', ...expires]), 60)
  assert.equal(lifetimeSeconds(['cache-control', 'max-age=10', ...expires]), 10)
  assert.equal(lifetimeSeconds(expires), 300)
})

test('invalid freshness information makes a response stale (RFC 9111 4.2.1)', () => {
  for (const value of [
    'max-age',
    'max-age=',
    'max-age=1.5',
    'max-age=-1',
    "max-age='9'",
    'max-age =9',
    'max-age= 9',
  ])
    assert.equal(lifetimeSeconds(['cache-control', value, 'expires', date(99)]), 0, value)
  assert.equal(lifetimeSeconds(['cache-control', 'max-age=100, max-age=5']), 5)
  assert.equal(lifetimeSeconds(['expires', '0', 'date', date(0)]), 0)
  assert.equal(lifetimeSeconds(['expires', date(9), 'expires', date(9)]), 0)
  assert.equal(lifetimeSeconds(['expires', date(-9), 'date', date(0)]), 0)
})

test('max-age may be quoted, has no case, and is held at 2^31 (RFC 9111 1.2.2, 5.2)', () => {
  assert.equal(lifetimeSeconds(['cache-control', 'MaX-aGe="7"']), 7)
  assert.equal(lifetimeSeconds(['cache-control', 'x="max-age=9", max-age=007']), 7)
  assert.equal(lifetimeSeconds(['cache-control', `max-age=${2 ** 31 - 1}`]), 2 ** 31 - 1)
  assert.equal(lifetimeSeconds(['cache-control', `max-age=${2 ** 31}`]), 2 ** 31)
  assert.equal(lifetimeSeconds(['cache-control', `max-age=${2 ** 31 + 1}`]), 2 ** 31)
})

test('a silent response is fresh for a tenth of its age, a day at most (RFC 9111 4.2.2)', () => {
  const old = (seconds: number): string[] => ['date', date(0), 'last-modified', date(-seconds)]
  assert.equal(lifetimeSeconds(old(1000)), 100)
  assert.equal(lifetimeSeconds(old(10_000_000)), 86_400)
  assert.equal(lifetimeSeconds(old(1000), 404), 100)
  assert.equal(lifetimeSeconds(old(1000), 403), 0, 'not a heuristically cacheable status')
  assert.equal(lifetimeSeconds(['cache-control', 'public', ...old(1000)], 599), 100)
  assert.equal(lifetimeSeconds(['last-modified', date(60)]), 0, 'modified in the future')
})

test('negative caching gives a silent 404 the lifetime of the setting', () => {
  const response = received([], 404)
  const rules = { ...plainHeuristics, byStatus: { 404: 5000 } }
  assert.deepEqual(freshnessLifetime(response, effectiveDirectives([]), rules), {
    ms: 5000,
    source: 'default',
  })
})

test('age is the larger of apparent age and Age plus delay, and grows (RFC 9111 4.2.3)', () => {
  const headers = ['cache-control', 'max-age=60', 'date', date(-5), 'age', '20']
  const response = { ...received(headers), requestTimeMs: now - 2000 }
  const effective = effectiveDirectives(headers)
  const made = timingOf(response, effective, freshnessLifetime(response, effective))
  assert.equal(made.initialAgeMs, 22_000)
  assert.equal(currentAgeMs(made, now + 3000), 25_000)
  assert.equal(currentAgeMs(made, now - 3000), 22_000, 'a clock that went back')
  assert.equal(made.freshUntilMs, now + 38_000)
})

test('an Age list counts by its first member; an invalid one is ignored or means stale (RFC 9111 5.1)', () => {
  const fresh = (age: string, doubtful: 'ignore' | 'stale'): boolean => {
    const headers = ['cache-control', 'max-age=3600', 'date', date(0), 'age', age]
    const response = received(headers)
    const effective = effectiveDirectives(headers)
    const made = timingOf(response, effective, freshnessLifetime(response, effective), doubtful)
    return made.freshUntilMs > now
  }
  assert.equal(fresh('7200, 0', 'ignore'), false)
  assert.equal(fresh('0, 7200', 'ignore'), true)
  for (const odd of ['abc', '-7200', '7200.0', '7200;foo=bar']) {
    assert.equal(fresh(odd, 'ignore'), true, odd)
    assert.equal(fresh(odd, 'stale'), false, odd)
  }
  assert.equal(fresh('0, 0', 'stale'), false)
  assert.equal(fresh('2147483649', 'ignore'), false)
})

test('fresh up to the last moment, then validated (RFC 9111 4.2)', () => {
  const made = timing(['cache-control', 'max-age=10', 'date', date(0)])
  assert.equal(usability(made, nothing, now + 9999).kind, 'fresh')
  assert.equal(usability(made, nothing, now + 10_000).kind, 'validate')
})

test('requests may ask for fresher or allow staler answers (RFC 9111 5.2.1)', () => {
  const made = timing(['cache-control', 'max-age=100', 'date', date(0)])
  const at = (value: string, seconds: number): string =>
    usability(made, parseRequestDirectives(value, undefined), now + seconds * 1000).kind
  assert.equal(at('max-age=10', 10), 'fresh')
  assert.equal(at('max-age=10', 11), 'validate')
  assert.equal(at('min-fresh=10', 90), 'fresh')
  assert.equal(at('min-fresh=10', 91), 'validate')
  assert.equal(at('max-stale=10', 110), 'stale-allowed')
  assert.equal(at('max-stale=10', 111), 'validate')
  assert.equal(at('max-stale', 9999), 'stale-allowed')
  assert.equal(at('no-cache', 1), 'validate')
  assert.equal(
    usability(made, parseRequestDirectives(undefined, 'no-cache'), now).kind,
    'validate',
    'Pragma without Cache-Control (RFC 9111 5.4)',
  )
})

test('stale-while-revalidate and stale-if-error end with their windows (RFC 5861 3 and 4)', () => {
  const made = timing([
    'cache-control',
    'max-age=10, stale-while-revalidate=5, stale-if-error=20',
    'date',
    date(0),
  ])
  assert.equal(usability(made, nothing, now + 14_999).kind, 'stale-while-revalidate')
  assert.equal(usability(made, nothing, now + 15_000).kind, 'validate')
  assert.equal(staleOnErrorAllowed(made, nothing, now + 29_999), true)
  assert.equal(staleOnErrorAllowed(made, nothing, now + 30_000), false)
})

test('must-revalidate, proxy-revalidate, no-cache and s-maxage forbid stale answers (RFC 9111 4.2.4)', () => {
  const wish = parseRequestDirectives('max-stale, stale-if-error=999', undefined)
  for (const extra of ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=10']) {
    const made = timing(['cache-control', `max-age=10, ${extra}`, 'date', date(0)])
    assert.equal(usability(made, wish, now + 11_000).kind, 'validate', extra)
    assert.equal(staleOnErrorAllowed(made, wish, now + 11_000, 60_000), false, extra)
  }
  const plain = timing(['cache-control', 'max-age=10', 'date', date(0)])
  assert.equal(staleOnErrorAllowed(plain, nothing, now + 11_000, 60_000), true, 'disconnected')
  assert.equal(staleOnErrorAllowed(plain, nothing, now + 70_000, 60_000), false)
})
