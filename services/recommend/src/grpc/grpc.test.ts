import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createGrpcClient, type GrpcClient } from '@spate/http/grpc-client'
import { systemClock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { startTestProgram, type TestProgram } from '../testing/program.ts'
import { recommendProto, recommendService } from './grpc-service.ts'

/** Answers are compared with those of HTTP, so their members are not spelled out. */
interface Answer {
  readonly [name: string]: unknown
}
type Methods = Readonly<Record<string, readonly [object, Answer]>>

let program: TestProgram
let client: GrpcClient<Methods>
before(async () => {
  program = await startTestProgram()
  const address = new URL(program.running.urls['grpc'] ?? '').host
  const clock = systemClock
  client = await createGrpcClient<Methods>({
    proto: recommendProto,
    name: recommendService,
    address,
    clock,
  })
})
after(async () => {
  client.close()
  await program.stop()
})

const refusal = async (method: string, message: object): Promise<Fault> => {
  try {
    await client.call(method, message)
  } catch (caught) {
    assert.ok(caught instanceof Fault)
    return caught
  }
  return assert.fail('it was not refused')
}

test('items come in one by one and many at once, and a bad one is named', async () => {
  const mug = { itemId: 'mug', title: 'Mug', categories: ['kitchen'], price: 3, publishedAt: 1e12 }
  const put = await client.call('PutItem', mug)
  assert.deepEqual([put['title'], put['publishedAt'], put['price']], ['Mug', 1e12, 3])
  const many = await client.call('PutItems', {
    items: [{ itemId: 'cup', title: 'Cup' }, { title: 'no id' }, { itemId: 'jug', price: -1 }],
  })
  assert.equal(many['accepted'], 1)
  assert.deepEqual(
    (many['rejected'] as { index: number }[]).map(({ index }) => index),
    [1, 2],
  )
  assert.equal((await client.call('GetItem', { itemId: 'cup' }))['title'], 'Cup')
  assert.equal((await refusal('GetItem', { itemId: 'nope' })).code, 'not_found')
})

test('events are taken, repeated ones counted, and bad ones named', async () => {
  const good = { eventId: 'e1', userId: 'ann', itemId: 'mug', type: 'purchase' }
  const events = [good, good, { ...good, eventId: 'e2', weight: -1 }]
  const answer = await client.call('RecordEvents', { events })
  assert.deepEqual([answer['accepted'], answer['duplicates']], [1, 1])
  assert.equal((answer['rejected'] as { index: number }[])[0]?.index, 2)
  const many = Array.from({ length: 10_001 }, () => good)
  assert.equal((await refusal('RecordEvents', { events: many })).code, 'payload_too_large')
})

test('a list by gRPC is the list by HTTP', async () => {
  await program.running.engine.applied()
  const body = { userId: 'bob', numItems: 2, filters: { priceMin: 1 } }
  const byHttp = (await program.call('POST', '/recommend', body)).body
  const byGrpc = await client.call('Recommend', { ...body, context: { page: { text: 'home' } } })
  assert.equal(byGrpc['model'], byHttp.model)
  const ids = (items: unknown): unknown[] => (items as { itemId: string }[]).map((i) => i.itemId)
  assert.deepEqual(ids(byGrpc['items']), ids(byHttp.items))
  assert.deepEqual(ids(byGrpc['items']), ['mug'])
  assert.equal((await refusal('Recommend', { userId: '' })).code, 'invalid_request')
  assert.equal((await refusal('Recommend', { userId: 'u', numItems: 201 })).code, 'invalid_request')
})

test('features, warm-ups, popular, similar, models and training go by gRPC too', async () => {
  const features = { segment: { text: 'vip' }, age: { number: 31 }, paying: { flag: true } }
  const put = await client.call('PutFeatures', { userId: 'ann', features })
  const said = put['features'] as Record<string, { text?: string; number?: number; flag?: boolean }>
  assert.deepEqual(
    [said['segment']?.text, said['age']?.number, said['paying']?.flag],
    ['vip', 31, true],
  )
  assert.equal((await client.call('GetFeatures', { userId: 'ann' }))['known'], true)
  const job = await client.call('WarmUp', { userIds: ['ann', 'x'] })
  assert.equal((await client.call('Warmup', { id: String(job['id']) }))['total'], 2)
  const popular = await client.call('PopularItems', { numItems: 1 })
  assert.deepEqual((popular['items'] as { itemId: string }[])[0]?.itemId, 'mug')
  assert.equal((await client.call('SimilarItems', { itemId: 'mug' }))['itemId'], 'mug')
  const models = await client.call('Models', {})
  assert.equal((JSON.parse(String(models['json'])) as Answer)['model'], models['model'])
  assert.equal((await refusal('Train', {})).code, 'unauthorized')
  const headers = { authorization: 'Bearer a-token-for-tests-only' }
  assert.equal((await client.call('Train', {}, { headers }))['status'], 'running')
  await program.running.engine.trainer.settled()
})
