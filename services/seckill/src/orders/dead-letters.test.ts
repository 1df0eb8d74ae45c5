import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import type { EventLog } from '@spate/eventlog/event-log'
import { systemClock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { openRoom, type SeckillRoom } from '../seckill-room.ts'

interface Letter {
  readonly id: number
  readonly follower: string
  readonly orderId: string
  readonly state: string
  readonly error: string
  readonly attempts: number
}

/** Makes the order store refuse rows of `userId`, or takes that back. */
function poison(room: SeckillRoom, userId: string | undefined): void {
  const store = new DatabaseSync(`${room.folder}/seckill/orders.sqlite`, { timeout: 2000 })
  store.exec(
    userId === undefined
      ? 'DROP TRIGGER poison'
      : `CREATE TRIGGER poison BEFORE INSERT ON seckill_orders WHEN NEW.user_id = '${userId}'
         BEGIN SELECT RAISE(ABORT, 'poison'); END`,
  )
  store.close()
}

const path = '/seckill/dead-letters'
const letters = async (room: SeckillRoom, query = ''): Promise<Letter[]> =>
  (await room.admin('GET', `${path}${query}`)).body['letters'] as Letter[]

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let turn = 0; turn < 300; turn++) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return assert.fail(`it did not come to this: ${what}`)
}

const listed = async (room: SeckillRoom): Promise<string[]> => {
  const { body } = await room.admin('GET', '/seckill/orders?productId=p')
  return (
    (body['orders'] as { userId: string; status: string }[])?.map(
      ({ userId, status }) => `${userId} ${status}`,
    ) ?? []
  )
}

async function saleWithPoison(
  t: TestContext,
): Promise<{ room: SeckillRoom; orderId: string; letter: Letter }> {
  const room = await openRoom()
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 9 })
  poison(room, 'bad')
  const buys = ['a', 'bad', 'b'].map((userId) =>
    room.call('POST', '/seckill/purchase', { userId, productId: 'p' }),
  )
  const replies = await Promise.all(buys)
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 200, 200],
  )
  const letter = await until('the letter', async () => (await letters(room))[0])
  return { room, orderId: String(replies[1]?.body['orderId']), letter }
}

test('an order that cannot be stored is put aside and told of; the others move on; a retry stores it', async (t) => {
  const { room, orderId, letter } = await saleWithPoison(t)
  assert.deepEqual([letter.follower, letter.orderId, letter.state], ['orders', orderId, 'open'])
  assert.deepEqual((await listed(room)).sort(), ['a reserved', 'b reserved'])
  const audit = await room.admin('GET', '/seckill/audit/p')
  assert.equal(audit.body['consistent'], false, 'the audit says so too')
  // What happens to it meanwhile is not lost either.
  await room.call('POST', `/seckill/orders/${orderId}/pay`, { paymentId: 'm' })
  const again = await room.admin('POST', `${path}/${letter.id}/retry`)
  assert.deepEqual([again.status, again.body['code']], [409, 'conflict'])
  assert.equal((await letters(room))[0]?.attempts, 2)
  poison(room, undefined)
  for (let time = 0; time < 2; time++) {
    const done = await room.admin('POST', `${path}/${letter.id}/retry`)
    assert.deepEqual([done.status, done.body['state']], [200, 'retried'])
  }
  assert.deepEqual((await listed(room)).sort(), ['a reserved', 'b reserved', 'bad paid'])
  assert.equal((await room.admin('GET', '/seckill/audit/p')).body['consistent'], true)
  assert.deepEqual(await letters(room, '?state=open'), [])
})

test('a letter is compensated by giving the order up, or discarded with a note; both once', async (t) => {
  const { room, orderId, letter } = await saleWithPoison(t)
  assert.equal((await room.call('GET', path)).status, 401)
  assert.equal((await room.admin('POST', `${path}/99/retry`)).status, 404)
  assert.equal((await room.admin('POST', `${path}/0/retry`)).status, 422)
  const resolve = (action: string): ReturnType<SeckillRoom['admin']> =>
    room.admin('POST', `${path}/${letter.id}/resolve`, { action, note: 'by hand' })
  assert.equal((await resolve('drop')).status, 422)
  for (let time = 0; time < 2; time++)
    assert.deepEqual((await resolve('compensate')).body['state'], 'compensated')
  assert.equal((await resolve('discard')).status, 409)
  const order = await room.call('GET', `/seckill/orders/${orderId}`)
  assert.equal(order.body['status'], 'cancelled')
  assert.equal((await room.call('GET', '/seckill/stock/p')).body['remaining'], 7)
})

test('an event that cannot be published is put aside too, and the others keep their order', async (t) => {
  const inner = await openEmbeddedEventLog({ folder: await openFolder(t), clock: systemClock })
  t.after(() => inner.close())
  let refuse = true
  const eventLog = Object.create(inner) as EventLog
  eventLog.publish = async (topic, events) => {
    if (refuse && events.some(({ value }) => Buffer.from(value).includes('"bad"')))
      throw new Fault('payload_too_large', 'too large')
    return await inner.publish(topic, events)
  }
  const room = await openRoom({}, eventLog)
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 9 })
  for (const userId of ['a', 'bad', 'b'])
    await room.call('POST', '/seckill/purchase', { userId, productId: 'p' })
  const letter = await until('the letter', async () => (await letters(room))[0])
  assert.equal(letter.follower, 'outbox')
  refuse = false
  assert.equal((await room.admin('POST', `${path}/${letter.id}/retry`)).body['state'], 'retried')
})

async function openFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'letters-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
