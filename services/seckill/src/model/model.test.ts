import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock, type Clock } from '@spate/runtime/clock'
import { processHost } from '@spate/runtime/host'
import { openRoom, type Reply, type SeckillRoom } from '../seckill-room.ts'
import { SaleModel, type Expected, type Line, type ModelOrder } from './sale-model.ts'

/**
 * Runs; a long run sets SALE_MODEL_RUNS. SALE_MODEL_SEED, SALE_MODEL_PATH and SALE_MODEL_REPLAY
 * (seed, path and replayPath of a counterexample) play one again.
 */
const runs = Number(processHost.env['SALE_MODEL_RUNS'] ?? 15)
const seed = Number(processHost.env['SALE_MODEL_SEED'] ?? systemClock.now() % 0x7fffffff)
const path = processHost.env['SALE_MODEL_PATH']
const replayPath = processHost.env['SALE_MODEL_REPLAY']

const ttlMs = 3_600_000

/** The system's clock, which can be moved on: an hour passes in no time. */
class MovedClock implements Clock {
  aheadMs = 0

  now(): number {
    return systemClock.now() + this.aheadMs
  }

  elapsed(): number {
    return systemClock.elapsed() + this.aheadMs
  }

  after(delayMs: number, task: () => void): ReturnType<Clock['after']> {
    return systemClock.after(delayMs, task)
  }

  every(intervalMs: number, task: () => void): ReturnType<Clock['every']> {
    return systemClock.every(intervalMs, task)
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(delayMs, signal)
  }
}

/** The engine, and the names this run uses in it: every run has products and buyers of its own. */
interface Real {
  readonly room: SeckillRoom
  readonly clock: MovedClock
  readonly prefix: string
}

type Step = fc.AsyncCommand<SaleModel, Real>

/** A command by what it does to both; `text` is what a counterexample shows. */
function step(
  text: string,
  run: (model: SaleModel, real: Real) => Promise<void>,
  check: (model: SaleModel) => boolean = () => true,
): Step {
  return { check, run, toString: () => text }
}

function same(reply: Reply, expected: Expected, what: string): void {
  const told = `${what}: ${JSON.stringify(reply.body)}`
  assert.equal(reply.status, expected.status, told)
  assert.equal(reply.status < 400 ? undefined : reply.body['code'], expected.code, told)
  const { refund } = reply.body as { refund?: { paymentId: string } }
  assert.equal(refund?.paymentId, expected.refund, told)
}

const product = fc.constantFrom('p', 'q', 'r')
const user = fc.constantFrom('ann', 'bob', '李雷')
const key = fc.constantFrom('', '', 'k1', 'k2', 'k3')
const quantity = fc.integer({ min: 1, max: 3 })

const create = fc
  .tuple(product, fc.nat(6), fc.integer({ min: 1, max: 3 }))
  .map(([p, stock, limit]) =>
    step(`create ${p} stock ${stock} limit ${limit}`, async (model, { room, prefix }) => {
      const body = { productId: prefix + p, stock, perUserLimit: limit, reservationTtlMs: ttlMs }
      same(await room.admin('POST', '/seckill/campaigns', body), model.create(p, stock, limit), p)
    }),
  )

const adjust = fc.tuple(product, fc.integer({ min: -4, max: 4 }), key).map(([p, delta, k]) =>
  step(`adjust ${p} by ${delta} key '${k}'`, async (model, { room, prefix }) => {
    const headers = k === '' ? {} : { 'idempotency-key': prefix + k }
    const at = `/seckill/campaigns/${prefix}${p}`
    const reply = await room.admin('PATCH', at, { stockDelta: delta }, headers)
    same(reply, model.adjust(p, delta, k), p)
  }),
)

const verbs = fc.constantFrom(
  'pause' as const,
  'resume' as const,
  'resume' as const,
  'close' as const,
)
const set = fc.tuple(product, verbs).map(([p, verb]) =>
  step(`${verb} ${p}`, async (model, { room, prefix }) => {
    same(
      await room.admin('POST', `/seckill/campaigns/${prefix}${p}/${verb}`),
      model.set(p, verb),
      p,
    )
  }),
)

function buying(userId: string, lines: readonly Line[], k: string, cart: boolean): Step {
  const text = `${userId} buys ${lines.map((line) => `${line.quantity} ${line.productId}`).join(' + ')}`
  return step(`${text}${cart ? ' as a cart' : ''} key '${k}'`, async (model, { room, prefix }) => {
    const headers = k === '' ? {} : { 'idempotency-key': k }
    const named = lines.map((line) => ({ ...line, productId: prefix + line.productId }))
    const buyer = { userId: prefix + userId }
    const reply = cart
      ? await room.call('POST', '/seckill/carts', { ...buyer, items: named }, headers)
      : await room.call('POST', '/seckill/purchase', { ...buyer, ...named[0] }, headers)
    const expected = model.buy(userId, lines, k, cart)
    same(reply, expected, text)
    const { orders } = reply.body as { orders?: { orderId: string }[] }
    const ids = orders?.map(({ orderId }) => orderId) ?? [String(reply.body['orderId'])]
    for (const [at, order] of (expected.orders ?? []).entries()) {
      // The same key brings the same order; a new purchase, a new one.
      if (order.id !== '') assert.equal(ids[at], order.id)
      order.id = ids[at] ?? ''
    }
  })
}

const buy = fc
  .tuple(user, product, quantity, key)
  .map(([u, productId, n, k]) => buying(u, [{ productId, quantity: n }], k, false))
const cart = fc
  .tuple(user, fc.shuffledSubarray(['p', 'q', 'r'], { minLength: 1 }), quantity, key)
  .map(([u, products, n, k]) =>
    buying(
      u,
      products.map((productId) => ({ productId, quantity: n })),
      k,
      true,
    ),
  )

const hasOrders = (model: SaleModel): boolean => model.orders.length > 0
const pick = (model: SaleModel, at: number): ModelOrder =>
  model.orders[at % model.orders.length] as ModelOrder

const pay = fc
  .tuple(fc.nat(11), fc.constantFrom('m1', 'm2'), fc.option(user, { nil: undefined, freq: 2 }))
  .map(([at, paymentId, by]) =>
    step(
      `pay order ${at} with ${paymentId} by ${by ?? 'anybody'}`,
      async (model, { room, prefix }) => {
        const order = pick(model, at)
        const body = { paymentId, ...(by === undefined ? {} : { userId: prefix + by }) }
        const reply = await room.call('POST', `/seckill/orders/${order.id}/pay`, body)
        same(reply, model.pay(order, paymentId, by), `order ${at}`)
        if (reply.status === 200) assert.equal(reply.body['status'], order.status)
      },
      hasOrders,
    ),
  )

const cancel = fc.nat(11).map((at) =>
  step(
    `cancel order ${at}`,
    async (model, { room }) => {
      const order = pick(model, at)
      const reply = await room.call('POST', `/seckill/orders/${order.id}/cancel`)
      same(reply, model.cancel(order), `order ${at}`)
      assert.equal(reply.body['status'], order.status)
    },
    hasOrders,
  ),
)

const lapse = fc.constant(
  step('all reservations lapse', async (model, { room, clock }) => {
    clock.aheadMs += ttlMs + 1
    const waiting = model.orders.filter(({ status }) => status === 'reserved')
    model.lapse()
    for (const { id } of waiting)
      await room.call('GET', `/seckill/orders/${id}?wait=5000&after=reserved`)
  }),
)

const restart = fc.constant(step('restart', async (_, { room }) => await room.restart()))

const agree = fc.constant(step('compare', compare))

async function compare(model: SaleModel, { room, prefix }: Real): Promise<void> {
  for (const order of model.orders) {
    const { body } = await room.call('GET', `/seckill/orders/${order.id}`)
    const { status, quantity: n, campaign } = order
    const told = [
      body['status'],
      body['quantity'],
      body['productId'],
      body['userId'],
      body['paymentId'],
    ]
    const spent = order.spent === '' ? undefined : order.spent
    assert.deepEqual(told, [status, n, prefix + campaign.productId, prefix + order.userId, spent])
  }
  for (const { productId, remaining, reserved, paid, returned } of model.campaigns.values()) {
    const { body } = await room.call('GET', `/seckill/campaigns/${prefix}${productId}`)
    const told = [
      body['remaining'],
      body['reserved'],
      body['paid'],
      body['returned'],
      body['soldOut'],
    ]
    assert.deepEqual(told, [remaining, reserved, paid, returned, remaining === 0])
  }
}

test(`the HTTP API does what a small model of the contract says, restarts included`, async (t) => {
  const clock = new MovedClock()
  const room = await openRoom({ expireEvery: 10 }, undefined, clock)
  t.after(() => room.close())
  t.diagnostic(`${runs} runs, seed ${seed}`)
  // Frequent kinds stand more than once.
  const steps = fc.commands(
    [create, buy, buy, buy, cart, cart, pay, pay, cancel, adjust, set, lapse, restart, agree],
    { maxCommands: 60, size: 'max', ...(replayPath === undefined ? {} : { replayPath }) },
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(steps, async (commands) => {
      const real = { room, clock, prefix: `${run++}-` }
      const model = new SaleModel()
      await fc.asyncModelRun(() => ({ model, real }), commands)
      await compare(model, real)
      for (const productId of model.campaigns.keys()) {
        const audit = await room.admin('GET', `/seckill/audit/${real.prefix}${productId}`)
        assert.equal(audit.body['consistent'], true, JSON.stringify(audit.body))
      }
    }),
    { numRuns: runs, seed, ...(path === undefined ? {} : { path }), endOnFailure: false },
  )
})
