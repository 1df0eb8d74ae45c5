import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '@spate/runtime/fault'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { openRoom, type Reply } from '../seckill-room.ts'
import {
  deviceLengthMax,
  deviceOf,
  rateLimitsOf,
  type Attempt,
  type RateLimitsSettings,
} from './rate-limits.ts'

const off: RateLimitsSettings = {
  rateLimit: undefined,
  rateBurst: undefined,
  rateKeysMax: 1000,
  deviceRateLimit: undefined,
  deviceRateBurst: undefined,
  userRateLimit: undefined,
  userRateBurst: undefined,
  campaignRateLimit: undefined,
  campaignRateBurst: undefined,
  globalRateLimit: undefined,
  globalRateBurst: undefined,
}

const ann: Attempt = { clientAddress: '10.0.0.1', device: 'd1', userId: 'ann', products: ['p'] }

test('no limit is set: there is no limiter; a bad rate is refused by name', () => {
  assert.equal(rateLimitsOf(off, new VirtualClock()), undefined)
  assert.throws(
    () => rateLimitsOf({ ...off, userRateLimit: '5/40d' }, new VirtualClock()),
    (caught) => caught instanceof Fault && caught.fields?.[0]?.field === 'userRateLimit',
  )
})

test('each scope lets its burst pass, not one more, and the next after its time', () => {
  const scopes = {
    client: [{ rateLimit: '1/s', rateBurst: 3 }, { clientAddress: '10.0.0.2' }],
    device: [{ deviceRateLimit: '1/s', deviceRateBurst: 3 }, { device: 'd2' }],
    user: [{ userRateLimit: '1/s', userRateBurst: 3 }, { userId: 'bob' }],
    campaign: [{ campaignRateLimit: '1/s', campaignRateBurst: 3 }, { products: ['q'] }],
    global: [{ globalRateLimit: '1/s', globalRateBurst: 3 }, undefined],
  } as const
  for (const [scope, [settings, other]] of Object.entries(scopes)) {
    const clock = new VirtualClock()
    const limits = rateLimitsOf({ ...off, ...settings }, clock)
    assert.ok(limits)
    const take = (who = ann): { scope: string; retryAfterMs: number } | undefined =>
      limits.arrive(who) ?? limits.ask(who)
    for (let n = 0; n < 3; n++) assert.equal(take(), undefined, `${scope} ${n}`)
    assert.deepEqual(take(), { scope, retryAfterMs: 1000 })
    if (other) assert.equal(take({ ...ann, ...other }), undefined, `${scope}: others go on`)
    clock.advance(999)
    assert.equal(take()?.scope, scope)
    clock.advance(1)
    assert.equal(take(), undefined)
  }
})

test('IPv6 counts by /64, and what has no device is not counted by it', () => {
  const clock = new VirtualClock()
  const limits = rateLimitsOf({ ...off, rateLimit: '1/s', deviceRateLimit: '1/s' }, clock)
  const from = (clientAddress: string): unknown =>
    limits?.arrive({ clientAddress, device: undefined })
  assert.equal(from('2001:db8:1:2::1'), undefined)
  assert.notEqual(from('2001:db8:1:2:ffff::9'), undefined)
  assert.equal(from('2001:db8:1:3::1'), undefined)
})

test('a device is named by header or cookie, and not by something endless', () => {
  const named = (fields: Record<string, string>): string | undefined =>
    deviceOf({ headers: { get: (name: string) => fields[name] } } as Parameters<typeof deviceOf>[0])
  assert.equal(named({}), undefined)
  assert.equal(named({ 'seckill-device': 'a' }), 'a')
  assert.equal(named({ cookie: 'x=1; seckill_device=b; y=2' }), 'b')
  assert.equal(named({ cookie: 'no_seckill_device=b' }), undefined)
  assert.equal(named({ 'seckill-device': 'a'.repeat(deviceLengthMax) })?.length, deviceLengthMax)
  assert.equal(named({ 'seckill-device': 'a'.repeat(deviceLengthMax + 1) }), undefined)
})

test('over HTTP: 429 with the limit and Retry-After; a spoofed X-Forwarded-For changes nothing', async (t) => {
  const sale = await openRoom({ rateLimit: '1/m', rateBurst: 2, trustedProxies: [] })
  t.after(() => sale.close())
  await sale.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 9 })
  const buy = (n: number): Promise<Reply> =>
    sale.call(
      'POST',
      '/seckill/purchase',
      { userId: `u${n}`, productId: 'p' },
      { 'x-forwarded-for': `198.51.100.${n}`, forwarded: `for=198.51.100.${n}` },
    )
  assert.equal((await buy(1)).status, 200)
  assert.equal((await buy(2)).status, 200)
  const third = await buy(3)
  assert.deepEqual(
    [third.status, third.body['code'], third.body['limit']],
    [429, 'rate_limited', 'client'],
  )
  assert.ok(Number(third.headers.get('retry-after')) >= 50)
  assert.equal((await sale.call('GET', '/seckill/stock/p')).body['remaining'], 7)
})
