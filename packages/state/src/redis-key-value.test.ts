import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { systemClock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { silentLog } from '@spate/runtime/log'

import { keyValueConformance } from './key-value-conformance.ts'
import { RedisKeyValue, type RedisKeyValueOptions } from './redis-key-value.ts'
import { noRedis, RedisServer } from './redis-server.ts'

const limit = { timeout: 60_000 }
let server: RedisServer
let prefixes = 0

async function opened(changes: Partial<RedisKeyValueOptions> = {}): Promise<RedisKeyValue> {
  const prefix = `test${++prefixes}:`
  const parts = { url: server.url, clock: systemClock, log: silentLog, prefix, deadlineMs: 20_000 }
  const store = new RedisKeyValue({ ...parts, ...changes })
  await store.connected(AbortSignal.timeout(30_000))
  return store
}

const refused =
  (...codes: string[]) =>
  (caught: unknown): boolean =>
    caught instanceof Fault && codes.includes(caught.code)

describe('Redis', { skip: noRedis, ...limit }, () => {
  before(async () => {
    server = await RedisServer.start()
  })
  after(() => server.stop())

  keyValueConformance('redis', async () => ({
    clock: systemClock,
    store: await opened(),
    wait: (ms) => sleep(ms),
  }))

  test('a killed server is refused at once, and used again when it is back, as another history', async () => {
    const store = await opened()
    const first = store.history
    await store.set('a', '1')
    await server.kill()
    await assert.rejects(store.get('a'), refused('store_unavailable'))
    await assert.rejects(store.get('a'), refused('store_unavailable'))
    assert.equal(store.history, undefined)
    await server.start()
    await store.connected(AbortSignal.timeout(30_000))
    assert.notEqual(store.history, first)
    assert.equal(await store.get('a'), undefined)
    await store.close()
  })

  test('a server that hangs is late, then the connection is made anew', async () => {
    const store = await opened({ deadlineMs: 20, silenceMsMax: 100 })
    server.signal('SIGSTOP')
    try {
      await assert.rejects(store.get('a'), refused('store_unavailable'))
      while (store.history !== undefined) await sleep(5)
      await assert.rejects(store.get('a'), refused('store_unavailable'))
    } finally {
      server.signal('SIGCONT')
    }
    await store.connected(AbortSignal.timeout(30_000))
    let answered = false
    // 20 ms may be too few where the machine is busy.
    while (!answered)
      answered = await store.get('a').then(
        () => true,
        () => false,
      )
    await store.close()
  })

  test('calls and bytes under way have limits, met exactly', async () => {
    const store = await opened({ pendingMax: 3, pendingBytesMax: 100 })
    const calls = [store.get('a'), store.get('b'), store.get('c'), store.get('d')]
    const fates = await Promise.allSettled(calls)
    assert.deepEqual(
      fates.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
    )
    await assert.rejects(store.setBytes('big', new Uint8Array(101)), refused('overloaded'))
    await store.setBytes('big', new Uint8Array(100))
    await store.setBytes('big', new Uint8Array(99))
    const sums = await Promise.allSettled([
      store.setBytes('x', new Uint8Array(60)),
      store.setBytes('y', new Uint8Array(41)),
      store.setBytes('z', new Uint8Array(40)),
    ])
    assert.deepEqual(
      sums.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    await store.close()
  })

  test('nobody there: refused at once, and closing ends it', async () => {
    const store = new RedisKeyValue({
      url: 'redis://127.0.0.1:1',
      clock: systemClock,
      log: silentLog,
    })
    await assert.rejects(store.get('a'), refused('store_unavailable'))
    await store.close()
    await assert.rejects(store.get('a'), refused('store_unavailable'))
  })
})
