import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { webhookBytesMax } from '../routes/payment-routes.ts'
import { openRoom, type Reply, type SeckillRoom } from '../seckill-room.ts'
import { WebhookKey } from './webhook-key.ts'

const secret = 'a-secret-between-two-0123456789'
const key = new WebhookKey({ secret, ageMsMax: 300_000 })
let calls = 0

function tell(room: SeckillRoom, type: string, data: object, atMs = Date.now()): Promise<Reply> {
  const body = JSON.stringify({ type, data })
  const headers = key.sign(`msg-${calls++}`, body, atMs)
  return room.call('POST', '/seckill/payments/webhook', body, headers)
}

async function buy(room: SeckillRoom, userId: string): Promise<string> {
  const { body } = await room.call('POST', '/seckill/purchase', { userId, productId: 'p' })
  return String(body['orderId'])
}

const statusOf = async (room: SeckillRoom, orderId: string): Promise<unknown> =>
  (await room.call('GET', `/seckill/orders/${orderId}`)).body['status']

/** A provider by HTTP: says of every payment what `states` says, and notes refunds. */
async function openProvider(t: TestContext): Promise<{
  url: string
  states: Map<string, string>
  refunds: string[]
  /** Answers refunds with this. */
  refundStatus: number
}> {
  const told = {
    url: '',
    states: new Map<string, string>(),
    refunds: [] as string[],
    refundStatus: 200,
  }
  const read = async (request: IncomingMessage): Promise<string> =>
    Buffer.concat((await request.toArray()) as Buffer[]).toString()
  const server = createServer((request, response) => {
    void (async () => {
      const body = await read(request)
      const headers = { get: (name: string) => String(request.headers[name]) }
      key.check(headers, Buffer.from(body), Date.now())
      if (request.method === 'POST') {
        told.refunds.push((JSON.parse(body) as { paymentId: string }).paymentId)
        response.writeHead(told.refundStatus).end()
        return
      }
      const state = told.states.get(String(request.url?.split('/').at(-1)))
      response.writeHead(state ? 200 : 404).end(JSON.stringify({ state }))
    })()
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => new Promise((resolve) => server.close(resolve)))
  told.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return told
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 300; turn++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail(`it did not come to this: ${what}`)
}

test('a signed notice pays an order, once; an unsigned, old or forged one changes nothing', async (t) => {
  const room = await openRoom({ paymentSecret: secret, paymentsSigned: true })
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 5 })
  const orderId = await buy(room, 'ann')
  const notice = { orderId, paymentId: 'm1' }
  const body = JSON.stringify({ type: 'payment.succeeded', data: notice })
  const good = key.sign('msg', body, Date.now())
  const forgeries: [object, string][] = [
    [{}, body],
    [good, body.replace('m1', 'm2')],
    [{ ...good, 'webhook-id': 'other' }, body],
    [key.sign('msg', body, Date.now() - 400_000), body],
    [key.sign('msg', body, Date.now() + 400_000), body],
    [new WebhookKey({ secret: 'wrong', ageMsMax: 1 }).sign('msg', body, Date.now()), body],
  ]
  for (const [headers, sent] of forgeries) {
    const reply = await room.call('POST', '/seckill/payments/webhook', sent, { ...headers })
    assert.deepEqual([reply.status, reply.body['code']], [401, 'unauthorized'])
  }
  const pay = `/seckill/orders/${orderId}/pay`
  assert.equal((await room.call('POST', pay, { paymentId: 'm1' })).status, 401)
  assert.equal(await statusOf(room, orderId), 'reserved')
  for (let time = 0; time < 3; time++) {
    const { status, body: said } = await room.call('POST', '/seckill/payments/webhook', body, good)
    assert.deepEqual(
      [status, said['received'], said['status'], said['refund']],
      [200, true, 'paid', undefined],
    )
  }
  const second = await tell(room, 'payment.succeeded', { orderId, paymentId: 'm2' })
  assert.deepEqual(second.body['refund'], { paymentId: 'm2' }, 'a second payment goes back')
  assert.equal((await room.admin('POST', pay, { paymentId: 'm1' })).body['status'], 'paid')
  const campaign = await room.call('GET', '/seckill/campaigns/p')
  assert.deepEqual([campaign.body['paid'], campaign.body['remaining']], [1, 4])
})

test('bad notices are refused by name; unknown kinds and orders', async (t) => {
  const room = await openRoom({ paymentSecret: secret })
  t.after(() => room.close())
  const data = { orderId: 'nope', paymentId: 'm' }
  assert.deepEqual((await tell(room, 'invoice.made', data)).body, { received: true, ignored: true })
  for (const type of ['payment.pending', 'payment.succeeded', 'payment.failed'])
    assert.equal((await tell(room, type, data)).status, 404)
  const bad = await tell(room, 'payment.succeeded', { orderId: 'x', paymentId: '' })
  assert.equal(bad.status, 422)
  assert.match(JSON.stringify(bad.body['errors']), /data\.paymentId/)
  for (const [size, status] of [
    [webhookBytesMax, 400],
    [webhookBytesMax + 1, 413],
  ] as const) {
    const body = 'x'.repeat(size)
    const headers = key.sign('big', body, Date.now())
    assert.equal(
      (await room.call('POST', '/seckill/payments/webhook', body, headers)).status,
      status,
    )
  }
})

test('before a reservation ends the provider is asked, and a payment under way keeps it', async (t) => {
  const provider = await openProvider(t)
  const room = await openRoom({ paymentSecret: secret, paymentUrl: provider.url })
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', {
    productId: 'p',
    stock: 3,
    reservationTtlMs: 300,
  })
  const [slow, failing, silent] = [await buy(room, 'a'), await buy(room, 'b'), await buy(room, 'c')]
  for (const [orderId, paymentId] of [
    [slow, 'slow'],
    [failing, 'fail'],
  ]) {
    provider.states.set(String(paymentId), 'pending')
    const said = await tell(room, 'payment.pending', { orderId, paymentId })
    assert.equal(said.body['status'], 'reserved')
  }
  await until('who does not pay loses it', async () => (await statusOf(room, silent)) === 'expired')
  assert.equal(await statusOf(room, slow), 'reserved', 'kept past its deadline')
  provider.states.set('slow', 'succeeded')
  provider.states.set('fail', 'failed')
  await until('asked and paid', async () => (await statusOf(room, slow)) === 'paid')
  await until('asked and ended', async () => (await statusOf(room, failing)) === 'expired')
  // The webhook that comes at last changes nothing.
  const late = await tell(room, 'payment.succeeded', { orderId: slow, paymentId: 'slow' })
  assert.equal(late.body['refund'], undefined)
  assert.deepEqual(provider.refunds, [])
})

test('late money is reinstated while units are left, else it is sent back, also over a restart', async (t) => {
  const provider = await openProvider(t)
  const room = await openRoom({ paymentSecret: secret, paymentUrl: provider.url })
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', {
    productId: 'p',
    stock: 2,
    reservationTtlMs: 200,
  })
  const [one, two] = [await buy(room, 'a'), await buy(room, 'b')]
  await until(
    'both lapse',
    async () =>
      (await statusOf(room, two)) === 'expired' && (await statusOf(room, one)) === 'expired',
  )
  const first = await tell(room, 'payment.succeeded', { orderId: one, paymentId: 'm1' })
  assert.equal(first.body['status'], 'paid')
  await room.admin('PATCH', '/seckill/campaigns/p', { stockDelta: -1 })
  provider.refundStatus = 503
  const second = await tell(room, 'payment.succeeded', { orderId: two, paymentId: 'm2' })
  assert.deepEqual(
    [second.body['status'], second.body['refund']],
    ['refunded', { paymentId: 'm2' }],
  )
  await until('the provider was asked', () => provider.refunds.length > 0)
  provider.refundStatus = 200
  await room.restart()
  const asked = provider.refunds.length
  await until('asked again after the restart', () => provider.refunds.length > asked)
  await room.call('POST', `/seckill/orders/${one}/cancel`)
  await until('a paid order that is cancelled', () => provider.refunds.includes('m1'))
  assert.deepEqual([...new Set(provider.refunds)], ['m2', 'm1'])
})
