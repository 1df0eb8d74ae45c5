import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import type { ByteKeyValue } from '@spate/state/key-value'
import { MemoryKeyValue } from '@spate/state/memory-key-value'
import { RedisKeyValue } from '@spate/state/redis-key-value'
import { noRedis, RedisServer } from '@spate/state/redis-server'
import { parseRequestDirectives } from '../domain/cache-control.ts'
import { fieldSource } from '../domain/fields.ts'
import { emptyOrder } from '../store/response-index.ts'
import { one, sharedTierConformance } from './conformance.ts'
import { catchUpMax, PurgeLog } from './purge-log.ts'
import { freshMsMin, lookupsMax } from './shared-tier.ts'
import { clock, Node, noWishes, response, type Made } from './test-nodes.ts'

sharedTierConformance('memory', async () => new MemoryKeyValue({ clock }))

describe('with a real Redis', { skip: noRedis }, () => {
  let server: RedisServer
  let turn = 0
  before(async () => {
    server = await RedisServer.start()
  })
  after(() => server.stop())
  sharedTierConformance('redis', async () => {
    const parts = { url: server.url, clock: systemClock, log: silentLog, deadlineMs: 20_000 }
    const store = new RedisKeyValue({ ...parts, prefix: `${++turn}:` })
    await store.connected(AbortSignal.timeout(30_000))
    return store
  })
})

test('bodies, life times and requests have limits, met exactly', async () => {
  const store = new MemoryKeyValue({ clock })
  const node = new Node(store)
  const kept = async (made: Made): Promise<boolean> => {
    await node.tier.purge({ ...emptyOrder, keys: [one] })
    await node.write(response(one, made))
    return (await node.find(one)) !== undefined
  }
  for (const [bytes, fits] of [
    [999, true],
    [1000, true],
    [1001, false],
  ] as const)
    assert.equal(await kept({ body: Buffer.alloc(bytes) }), fits, `${bytes} bytes`)
  for (const [freshMs, fits] of [
    [freshMsMin - 1, false],
    [freshMsMin, true],
    [freshMsMin + 1, true],
  ] as const)
    assert.equal(await kept({ freshMs }), fits, `${freshMs} ms`)
  assert.equal(await kept({ headers: ['set-cookie', 'a=1'] }), false, 'a cookie')
  assert.equal(await kept({}), true)
  const wish = parseRequestDirectives('no-cache', undefined)
  assert.equal((await node.look(one, [], wish)).kind, 'nothing', 'the client wants it anew')
  clock.advance(60_000)
  assert.equal(await node.find(one), undefined, 'stale')
  await store.close()
})

test('what is damaged, or lies in the wrong place, is not given', async () => {
  const store = new MemoryKeyValue({ clock })
  const node = new Node(store)
  await node.write(response(one))
  const { lineage } = await node.stamp()
  const keys: string[] = []
  const spy: ByteKeyValue = Object.create(store, {
    history: { value: 'memory' },
    get: { value: (key: string) => store.get(key) },
    getBytes: {
      value: (key: string) => {
        keys.push(key)
        return store.getBytes(key)
      },
    },
  }) as ByteKeyValue
  await new Node(spy).find(one)
  const place = keys.find((key) => key.startsWith(lineage)) ?? assert.fail('never asked')
  const bytes = Buffer.from((await store.getBytes(place)) ?? assert.fail('nothing there'))
  for (let at = 0; at < bytes.length; at += 7) {
    const wrong = Buffer.from(bytes)
    wrong[at] = (wrong[at] as number) ^ 1
    await store.setBytes(place, wrong)
    assert.equal(await node.find(one), undefined, `byte ${at}`)
  }
  for (const length of [0, 3, 7, 8, bytes.length - 1]) {
    await store.setBytes(place, bytes.subarray(0, length))
    assert.equal(await node.find(one), undefined, `${length} bytes`)
  }
  assert.ok(node.tier.figures.damaged > 10)
  await node.find('http://s/two')
  await store.setBytes(place, bytes)
  assert.equal(await node.find(one), `body of ${one}`)
  await store.close()
})

test('a node catches up with so many purges, and trusts nothing older', async () => {
  for (const [count, found] of [
    [catchUpMax - 1, true],
    [catchUpMax, true],
    [catchUpMax + 1, false],
  ] as const) {
    const store = new MemoryKeyValue({ clock })
    const log = new PurgeLog(store, clock, 60_000)
    await new Node(store).write(response(one))
    for (let purge = 0; purge < count; purge++)
      await log.append({ ...emptyOrder, tags: [`tag ${purge}`] })
    assert.equal((await new Node(store).find(one)) !== undefined, found, `${count} purges`)
    await store.close()
  }
})

test('a record of a purge that is gone may have named anything', async () => {
  const store = new MemoryKeyValue({ clock })
  const node = new Node(store)
  await node.write(response(one))
  await node.tier.purge({ ...emptyOrder, tags: ['other'] })
  const { lineage } = await node.stamp()
  assert.equal(await new Node(store).find(one), `body of ${one}`)
  await store.delete(`${lineage}.1`)
  assert.equal(await new Node(store).find(one), undefined)
  await store.close()
})

test('a store that says nothing costs each request its limit, then nothing at all', async () => {
  const never = new Promise<never>(() => {
    // A server that hangs.
  })
  const hung = { history: 'h', get: () => never, getBytes: () => never } as unknown as ByteKeyValue
  const { tier } = new Node(hung, { lookupMs: 50 })
  const wish = { key: one, fields: fieldSource([]), directives: noWishes }
  for (let turn = 1; turn <= 3; turn++) {
    const answer = tier.find(wish)
    let waiting = true
    void answer.then(() => (waiting = false))
    clock.advance(49)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(waiting, true)
    clock.advance(1)
    assert.deepEqual(await answer, { kind: 'nothing', stamp: undefined })
    assert.equal(tier.figures.errors, turn)
  }
  assert.equal(tier.figures.state, 'open')
  await tier.find(wish)
  assert.deepEqual([tier.figures.errors, tier.figures.skipped], [3, 1])
  clock.advance(1000)
  const probe = tier.find(wish)
  assert.equal(tier.figures.state, 'half-open')
  await tier.find(wish)
  assert.equal(tier.figures.skipped, 2)
  clock.advance(50)
  await probe
  assert.equal(tier.figures.state, 'open')
})

test('so many look-ups are under way, and one more asks the origin', async () => {
  const never = new Promise<never>(() => {
    // A server that hangs.
  })
  const hung = { history: 'h', get: () => never, getBytes: () => never } as unknown as ByteKeyValue
  const { tier } = new Node(hung)
  const wish = { key: one, fields: fieldSource([]), directives: noWishes }
  for (let at = 0; at < lookupsMax; at++) void tier.find(wish)
  assert.equal(tier.figures.skipped, 0)
  void tier.find(wish)
  assert.equal(tier.figures.skipped, 1)
})

test('a purge the store could not take is owed, and this node has nothing of it meanwhile', async () => {
  const store = new MemoryKeyValue({ clock })
  let broken = false
  const fragile: ByteKeyValue = Object.create(store, {
    history: { value: 'memory' },
    compareAndSet: {
      value: (...words: Parameters<ByteKeyValue['compareAndSet']>) =>
        broken ? Promise.reject(new Error('away')) : store.compareAndSet(...words),
    },
    get: { value: (key: string) => store.get(key) },
    getBytes: { value: (key: string) => store.getBytes(key) },
    setBytes: {
      value: (...words: Parameters<ByteKeyValue['setBytes']>) => store.setBytes(...words),
    },
  }) as ByteKeyValue
  const [node, other] = [new Node(fragile), new Node(store)]
  await node.write(response(one))
  await node.write(response('http://s/two'))
  broken = true
  assert.equal(await node.tier.purge({ ...emptyOrder, keys: [one] }), false)
  assert.equal(node.tier.figures.owed, 1)
  assert.equal(await node.find(one), undefined)
  assert.equal(await node.find('http://s/two'), 'body of http://s/two')
  assert.equal(await other.find(one), `body of ${one}`, 'the others have not heard of it')
  broken = false
  clock.advance(1000)
  while (node.tier.figures.owed > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await other.find(one), undefined)
  await store.close()
})
