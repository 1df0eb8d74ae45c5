import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestProgram, type TestProgram } from './testing/program.ts'

let program: TestProgram
before(async () => {
  program = await startTestProgram()
})
after(() => program.stop())

const until = async (done: () => Promise<boolean>): Promise<void> => {
  for (let turn = 0; turn < 200; turn++) {
    if (await done()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.fail('it never came')
}

test('an empty catalogue gives an empty list that says so', async () => {
  const { status, body } = await program.call('POST', '/recommend', { userId: 'nobody' })
  assert.equal(status, 200)
  assert.deepEqual(body.items, [])
  assert.ok(body.degraded?.includes('catalogue'))
})

test('an item that was put is recommended at once, to anyone', async () => {
  for (const itemId of ['a', 'b', 'c', 'd'])
    assert.equal(
      (await program.call('PUT', `/recommend/items/${itemId}`, { title: `T ${itemId}`, price: 3 }))
        .status,
      200,
    )
  const { body } = await program.call('POST', '/recommend', { userId: 'nobody' })
  assert.deepEqual(new Set(body.items.map((item) => item.itemId)), new Set('abcd'))
  for (const item of body.items) assert.notEqual(item.reason.text, '')
})

test('what others did next is recommended, with the item it follows from as evidence', async () => {
  for (let user = 0; user < 5; user++) {
    for (const itemId of ['a', 'b'])
      assert.equal(
        (
          await program.call('POST', '/recommend/events', {
            eventId: `${user}-${itemId}`,
            userId: `u${user}`,
            itemId,
            type: 'purchase',
          })
        ).status,
        202,
      )
  }
  await program.call('POST', '/recommend/events', {
    eventId: 'x',
    userId: 'new',
    itemId: 'a',
    type: 'view',
  })
  await until(async () => {
    const { body } = await program.call(
      'POST',
      '/recommend',
      { userId: 'new' },
      { 'accept-language': 'en' },
    )
    const [first] = body.items
    return first?.itemId === 'b' && first.reason.evidence.items?.[0] === 'a'
  })
})

test('an event sent twice counts once', async () => {
  const event = { eventId: 'twice', userId: 'u9', itemId: 'c', type: 'click' }
  const first = await program.call('POST', '/recommend/events', [event, event])
  assert.deepEqual(first.body, { accepted: 1, duplicates: 1, rejected: [] })
  const second = await program.call('POST', '/recommend/events', [event])
  assert.deepEqual(second.body, { accepted: 0, duplicates: 1, rejected: [] })
})

test('bad events are named one by one and the good ones are taken', async () => {
  const { status, body } = await program.call('POST', '/recommend/events', [
    { userId: 'u1', itemId: 'a', type: 'view' },
    { userId: 'u1', type: 'view' },
    { userId: 'u1', itemId: 'a', type: 'view', weight: -1 },
    { userId: 'u1', itemId: 'a', type: 'view', timestamp: 9e15 },
    { userId: 'u1', itemId: 'a', type: 'view', extra: 1 },
  ])
  assert.equal(status, 202)
  assert.equal(body.accepted, 1)
  assert.deepEqual(
    body.rejected.map(({ index }) => index),
    [1, 2, 3, 4],
  )
  assert.deepEqual(new Set(body.rejected.map(({ code }) => code)), new Set(['invalid_request']))
})

test('a bad field is an invalid_request that names it, its value and what is accepted', async () => {
  const { status, body } = await program.call('POST', '/recommend', { userId: 'u', numItems: 0 })
  assert.equal(status, 422)
  assert.equal(body.code, 'invalid_request')
  assert.deepEqual(body.errors, [
    { field: 'numItems', value: '0', expected: 'a whole number from 1 to 200' },
  ])
})

test('an order takes stock, counts as a purchase, and a sold-out item is not shown', async () => {
  await program.call('PUT', '/recommend/items/s', { title: 'S', stock: 1 })
  const step = { orderId: 'o1', userId: 'buyer', productId: 's', quantity: 1, atMs: Date.now() }
  const publish = (type: string): Promise<unknown> =>
    program.eventLog.publish('orders', [
      { key: 'buyer', value: Buffer.from(JSON.stringify({ ...step, type })) },
    ])
  const shown = async (): Promise<boolean> => {
    const { body } = await program.call('POST', '/recommend', { userId: 'u77' })
    return body.items.some((item) => item.itemId === 's')
  }
  assert.equal(await shown(), true)
  await publish('order.reserved')
  await until(async () => !(await shown()))
  await publish('order.expired')
  await until(shown)
  assert.equal(program.running.engine.state.histories.of('buyer').items.length, 1)
})

test('items come line by line, and a bad line does not spoil the others', async () => {
  const { status, body } = await program.call(
    'POST',
    '/recommend/items',
    '{"itemId":"n1","title":"N1"}\nnot json\n\n{"title":"no id"}\n{"itemId":"n2"}',
    { 'content-type': 'application/x-ndjson' },
  )
  assert.equal(status, 200)
  assert.equal(body.accepted, 2)
  assert.deepEqual(
    body.rejected.map(({ line }) => line),
    [2, 4],
  )
})

test('a request is one trace: main, features, recall with its channels, rank, rerank', async () => {
  program.spans.length = 0
  await program.call('POST', '/recommend', { userId: 'u1' })
  await program.telemetry.flush()
  const names = new Set(program.spans.map(({ name }) => name))
  for (const name of [
    'recommend.main',
    'recommend.extract_features',
    'recommend.recall',
    'recommend.recall.covisitation',
    'recommend.rank',
    'recommend.rerank',
  ])
    assert.ok(names.has(name), `${name} in ${[...names].join(', ')}`)
})

test('training gives a new model, and lists name it', async () => {
  const token = { authorization: 'Bearer a-token-for-tests-only' }
  assert.equal((await program.call('POST', '/recommend/train')).status, 401)
  assert.equal((await program.call('POST', '/recommend/train', undefined, token)).status, 202)
  await program.running.engine.trainer.settled()
  const { body } = await program.call('POST', '/recommend', { userId: 'u1' })
  assert.equal(body.model, 'blend-1')
  assert.equal((await program.call('GET', '/recommend/models')).body.trainings[0]?.status, 'done')
  const similar = await program.call('GET', '/recommend/similar/a')
  assert.equal(similar.body.items[0]?.itemId, 'b')
})

test('after a restart the state is what it was', async () => {
  const before = program.running.engine.state.save()
  await program.stop()
  program = await startTestProgram({ folder: program.folder })
  await until(() => Promise.resolve(program.running.engine.caughtUp))
  const again = program.running.engine.state.save()
  assert.deepEqual(again.items, before.items)
  assert.deepEqual(again.users, before.users)
  assert.deepEqual(again.popularity, before.popularity)
})
