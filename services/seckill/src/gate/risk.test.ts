import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { openRoom, type Reply } from '../seckill-room.ts'
import { riskPoints, riskScales, RiskTrace, scoreOf, type RiskReason } from './domain/risk.ts'
import { RiskDesk, type RiskSettings } from './risk-desk.ts'

const settings: RiskSettings = {
  risk: 'on',
  riskHoldAt: 60,
  riskDenyAt: 90,
  riskPoints: [],
  riskTracesMax: 1000,
  riskReviewsMax: 100,
}

const nobody = Object.fromEntries(Object.keys(riskScales).map((reason) => [reason, 0])) as Record<
  RiskReason,
  number
>

/** A room full of people, each from a home of his own, at moments of chance. */
function honest(desk: RiskDesk, clock: VirtualClock, count: number): string[] {
  const refused: string[] = []
  for (let n = 0; n < count; n++) {
    clock.advance((n * 7919) % 113)
    const userId = `user-${((n * 2_654_435_761) % 2 ** 32).toString(36)}`
    const clientAddress = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`
    const attempt = { clientAddress, device: `device-${n}`, userId, products: ['p'] }
    for (let again = 0; again < 3; again++)
      if (desk.judge(attempt) !== 'allow') refused.push(userId)
  }
  return refused
}

test('each reason begins at its count, is full at its other, and says what was counted', () => {
  for (const reason of Object.keys(riskScales) as RiskReason[]) {
    const [from, full] = riskScales[reason]
    const at = (count: number): number => scoreOf({ ...nobody, [reason]: count }).score
    assert.equal(at(from - 1), 0, reason)
    assert.ok(at(from) > 0, reason)
    assert.equal(at(full), riskPoints[reason], reason)
    assert.equal(at(full + 1), riskPoints[reason], reason)
    const [finding] = scoreOf({ ...nobody, [reason]: full }).findings
    assert.deepEqual(finding, { reason, count: full, points: riskPoints[reason] })
  }
})

test('of 2000 people from homes of their own nobody is held', () => {
  const clock = new VirtualClock()
  const desk = new RiskDesk(settings, clock)
  assert.deepEqual(honest(desk, clock, 2000), [])
  assert.deepEqual(desk.reviews(), [])
})

test('accounts counted up from one address, a shared device, a metronome: held or denied, with reasons', () => {
  const clock = new VirtualClock()
  const desk = new RiskDesk(settings, clock)
  const verdicts: string[] = []
  for (let n = 0; n < 12; n++) {
    clock.advance(n * 37)
    const attempt = { clientAddress: '10.9.9.9', device: undefined, products: ['p'] }
    verdicts.push(desk.judge({ ...attempt, userId: `bot${String(n).padStart(5, '0')}` }))
  }
  assert.equal(verdicts[0], 'allow')
  assert.ok(verdicts.includes('hold'))
  assert.equal(verdicts.at(-1), 'deny')
  const [newest] = desk.reviews()
  assert.deepEqual(newest?.findings.map(({ reason }) => reason).sort(), [
    'enumerated_users',
    'shared_address',
  ])
  assert.ok(!JSON.stringify(desk.reviews()).includes('10.9.9.9'), 'addresses are hashed')
  const even = new RiskTrace()
  let beats = 0
  for (let n = 0; n < 14; n++) beats = even.beat(1000 + n * 250)
  assert.ok(beats >= 12)
})

test('watch lists but lets through; points and thresholds are settings; a decision goes before rules', () => {
  const clock = new VirtualClock()
  const bot = (
    n: number,
  ): { clientAddress: string; device: undefined; products: string[]; userId: string } => ({
    clientAddress: '10.9.9.9',
    device: undefined,
    products: ['p'],
    userId: `bot${n}`,
  })
  const watching = new RiskDesk({ ...settings, risk: 'watch' }, clock)
  for (let n = 0; n < 20; n++) assert.equal(watching.judge(bot(n)), 'allow')
  assert.ok(watching.reviews().length > 0)
  const lenient = new RiskDesk(
    { ...settings, riskPoints: ['enumerated_users:0', 'shared_address:0', 'address_velocity:0'] },
    clock,
  )
  for (let n = 0; n < 20; n++) assert.equal(lenient.judge(bot(n)), 'allow')
  const strict = new RiskDesk(settings, clock)
  for (let n = 0; n < 20; n++) strict.judge(bot(n))
  assert.notEqual(strict.judge(bot(20)), 'allow')
  assert.equal(strict.decide('bot20', 'allow')?.decided, 'allow')
  assert.equal(strict.judge(bot(20)), 'allow')
  strict.decide('ann', 'deny')
  assert.equal(strict.judge({ ...bot(1), clientAddress: '10.1.1.1', userId: 'ann' }), 'deny')
  assert.throws(() => new RiskDesk({ ...settings, riskPoints: ['beard:5'] }, clock), {
    code: 'settings_invalid',
  })
})

test('memory is bounded: traces and reviews forget the oldest, decisions refuse at their limit', () => {
  const clock = new VirtualClock()
  const desk = new RiskDesk({ ...settings, riskTracesMax: 10, riskReviewsMax: 3 }, clock)
  for (let n = 0; n < 50; n++)
    desk.judge({ clientAddress: '10.9.9.9', device: undefined, userId: `bot${n}`, products: ['p'] })
  assert.deepEqual(
    desk.reviews().map(({ userId }) => userId),
    ['bot49', 'bot48', 'bot47'],
  )
  for (const user of ['a', 'b', 'c']) desk.decide(user, 'hold')
  assert.throws(() => desk.decide('d', 'hold'), { code: 'overloaded' })
  desk.decide('c', 'allow')
})

test('over HTTP: held is 403 without reasons for the caller; administrators see and decide', async (t) => {
  const sale = await openRoom({ risk: 'on' })
  t.after(() => sale.close())
  await sale.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 100 })
  const buy = (userId: string): Promise<Reply> =>
    sale.call('POST', '/seckill/purchase', { userId, productId: 'p' })
  const replies: Reply[] = []
  for (let n = 0; n < 12; n++) replies.push(await buy(`bot${n}`))
  assert.equal(replies[0]?.status, 200)
  const refused = replies.find(({ status }) => status === 403)
  assert.ok(refused)
  assert.ok(['held', 'denied'].includes(String(refused.body['code'])))
  assert.equal(refused.body['findings'], undefined)
  assert.equal((await sale.call('GET', '/seckill/risk/reviews')).status, 401)
  const list = await sale.admin('GET', '/seckill/risk/reviews')
  const [review] = list.body['reviews'] as Record<string, unknown>[]
  assert.equal(review?.['userId'], 'bot11')
  assert.ok((review['findings'] as unknown[]).length > 0)
  await sale.admin('POST', '/seckill/risk/reviews', { userId: 'bot11', verdict: 'allow' })
  assert.equal((await buy('bot11')).status, 200)
})
