import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '@spate/runtime/fault'
import { loadSettings } from '@spate/runtime/settings-load'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { listenSettings, rateLimiterOf, rateLimitSettings } from './settings.ts'

const table = { ...listenSettings(8081), ...rateLimitSettings }
const load = (...flags: string[]) => loadSettings(table, { program: 'test', flags, env: {} }).values

test('the defaults are the contract: loopback, no rate limit, loopback proxies', () => {
  const values = load()
  assert.deepEqual(
    [values.host, values.port, values.rateLimit, values.trustedProxies, values.adminToken],
    ['127.0.0.1', 8081, undefined, ['loopback'], undefined],
  )
  assert.equal(rateLimiterOf(values, new VirtualClock()), undefined)
})

test('a rate limit is read as it is written', () => {
  const limiter = rateLimiterOf(
    load('--rate-limit', '10/s', '--rate-burst', '20'),
    new VirtualClock(),
  )
  assert.deepEqual(limiter?.rate, { count: 10, perMs: 1000 })
  assert.equal(limiter?.burst, 20)
  assert.equal(rateLimiterOf(load('--rate-limit', '5/10s'), new VirtualClock())?.burst, 5)
})

test('bad values are refused by name', () => {
  for (const flags of [
    ['--rate-limit', '10'],
    ['--rate-limit', '0/s'],
    ['--rate-burst', '0'],
    ['--port', '65536'],
    ['--admin-token', 'short'],
    ['--trusted-proxies', 'example.com'],
    ['--forwarded-header', 'x-real-ip'],
  ])
    assert.throws(
      () => load(...flags),
      (caught: unknown) => caught instanceof Fault && caught.fields[0]?.field === flags[0],
      flags.join(' '),
    )
  assert.throws(() => rateLimiterOf(load('--rate-limit', '1/99999d'), new VirtualClock()), Fault)
})
