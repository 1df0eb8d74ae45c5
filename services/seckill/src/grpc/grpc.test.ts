import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createGrpcClient, type GrpcClient } from '@spate/http/grpc-client'
import { loadService } from '@spate/http/grpc-proto'
import { GrpcRefusal, grpcStatus } from '@spate/http/grpc-status'
import { systemClock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { buy, line, ok, p, purchase, type Row, table } from './both-wires.ts'
import { openRoom, roomToken, type SeckillRoom } from '../seckill-room.ts'
import { seckillProto, seckillService } from './grpc-service.ts'

interface Outcome {
  readonly status: number
  readonly code: string | undefined
  readonly retry: number | undefined
  readonly value: object
}

type Ask = (row: Row, order: string) => Promise<Outcome>

async function settled(ask: Ask, row: Row, order: string): Promise<Outcome> {
  const outcome = await ask(row, order)
  const field = row.until
  const there = field === undefined || (outcome.value as Record<string, unknown>)[field]
  return there ? outcome : settled(ask, row, order)
}

const filled = <T>(value: T, order: string): T =>
  JSON.parse(JSON.stringify(value).replaceAll('$order', order)) as T

function byHttp(room: SeckillRoom): Ask {
  return async (row, order) => {
    const [method, path, body] = filled(row.http, order)
    const ask = row.admin ? 'admin' : 'call'
    const { status, headers, body: value } = await room[ask](method, path, body, row.headers ?? {})
    const retry = headers.get('retry-after')
    const code = status < 400 ? undefined : String(value['code'])
    const told = { message: value['message'], errors: value['errors'] ?? [] }
    return {
      status,
      code,
      retry: retry === null ? undefined : Number(retry),
      value: code ? told : value,
    }
  }
}

function byGrpc(client: GrpcClient<Record<string, [object, object]>>): Ask {
  return async (row, order) => {
    const [method, message] = filled(row.grpc, order)
    const admin = row.admin ? { authorization: `Bearer ${roomToken}` } : {}
    try {
      const value = await client.call(method, message, { headers: { ...row.headers, ...admin } })
      return { status: 0, code: undefined, retry: undefined, value: plain(value) }
    } catch (caught) {
      assert(caught instanceof Fault)
      const code = caught instanceof GrpcRefusal ? caught.reason : caught.code
      const value = { message: caught.message, errors: caught.fields }
      return { status: grpcStatus(caught).code, code, retry: caught.retryAfterSeconds, value }
    }
  }
}

const plain = (value: object): object => JSON.parse(JSON.stringify(value)) as object

/** What differs between two rooms by nature: ids, moments, hashes; null and absent are one. */
function alike(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(alike)
  if (typeof value !== 'object' || value === null) return value
  const natural = new Set(
    'atMs orderId cartId createdAt expiresAt chainHead challenge commitment seed arrivals now ticket'.split(
      ' ',
    ),
  )
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null)
      .map(([name, each]) => [name, natural.has(name) ? typeof each : alike(each)]),
  )
}

async function clientOf(
  t: TestContext,
  room: SeckillRoom,
): Promise<GrpcClient<Record<string, [object, object]>>> {
  const client = await createGrpcClient<Record<string, [object, object]>>({
    proto: seckillProto,
    name: seckillService,
    address: room.grpc,
    clock: systemClock,
  })
  t.after(() => client.close())
  return client
}

test('HTTP and gRPC give the same outcomes, row by row', async (t) => {
  const [one, two] = [await openRoom(), await openRoom()]
  t.after(() => Promise.all([one.close(), two.close()]))
  const wires = [byHttp(one), byGrpc(await clientOf(t, two))]
  const orders = ['', '']
  for (const row of table) {
    const seen: Outcome[] = []
    for (const [at, ask] of wires.entries()) {
      const outcome = await settled(ask, row, orders[at] ?? '')
      const { orderId } = outcome.value as { orderId?: string }
      if (orders[at] === '' && orderId !== undefined) orders[at] = orderId
      seen.push(outcome)
    }
    const [http, grpc] = seen as [Outcome, Outcome]
    const [status, grpcCode, code] = row.says
    assert.deepEqual(
      [http.status, grpc.status],
      [status, grpcCode],
      `${row.what} ${JSON.stringify(seen)}`,
    )
    assert.deepEqual([http.code, grpc.code], [code, code], row.what)
    assert.equal(grpc.retry, http.retry, row.what)
    assert.deepEqual(alike(grpc.value), alike(http.value), row.what)
  }
  const called = new Set([...table.map(({ grpc: [method] }) => method), 'WatchOrder', 'WatchQueue'])
  const { definition } = await loadService(seckillProto, seckillService)
  assert.deepEqual([...called].sort(), Object.keys(definition).sort(), 'every method is called')
})

test('a rate limit says when to come back, by both wires', async (t) => {
  const room = await openRoom({ rateLimit: '1/m' })
  t.after(() => room.close())
  const wires = [byHttp(room), byGrpc(await clientOf(t, room))]
  const row = purchase('', buy('a'), ok)
  const says: (string | undefined)[] = []
  for (const ask of [...wires, ...wires]) {
    const { code, retry } = await ask(row, '')
    says.push(code)
    if (code === 'rate_limited') assert.ok((retry ?? 0) >= 55, `after ${retry} s`)
  }
  assert.deepEqual(says, ['product_not_found', 'rate_limited', 'rate_limited', 'rate_limited'])
})

test('a place in line is watched by gRPC until the buyer is let in, with the ticket', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  const client = await clientOf(t, room)
  const sale = { ...p, ...line, admitPerSecond: 100, startsAt: '2089-01-01T00:00:00Z' }
  assert.equal((await room.admin('POST', '/seckill/campaigns', sale)).status, 201)
  await client.call('JoinQueue', { ...p, userId: 'ann' })
  const seen: string[] = []
  let ticket = ''
  for await (const each of client.stream('WatchQueue', { ...p, userId: 'ann' })) {
    const place = each as { status: string; ticket?: string }
    if (seen.push(place.status) === 1)
      await room.admin('PATCH', '/seckill/campaigns/p', { startsAt: null })
    ticket = place.ticket ?? ''
  }
  assert.deepEqual([seen[0], seen.at(-1)], ['before_start', 'admitted'])
  const headers = { 'seckill-ticket': ticket }
  const bought = await client.call('Purchase', buy('ann'), { headers })
  assert.equal((bought as { success: boolean }).success, true)
})

test('an order is watched by gRPC until it is refunded; one that is not there is refused', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  const client = await clientOf(t, room)
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 1 })
  const { body } = await room.call('POST', '/seckill/purchase', buy('ann'))
  const order = `/seckill/orders/${String(body['orderId'])}`
  const seen: string[] = []
  for await (const each of client.stream('WatchOrder', { orderId: body['orderId'] })) {
    const { status } = each as { status: string }
    seen.push(status)
    if (status === 'reserved') await room.call('POST', `${order}/pay`, { paymentId: 'm' })
    if (status === 'paid') await room.call('POST', `${order}/cancel`)
  }
  assert.deepEqual(seen, ['reserved', 'paid', 'refunded'])
  const nothing = client.stream('WatchOrder', { orderId: 'nope' }).next()
  await assert.rejects(nothing, { code: 'not_found' })
  const after = client.stream('WatchOrder', { orderId: body['orderId'], after: 'gone' }).next()
  await assert.rejects(after, { code: 'invalid_request' })
})
