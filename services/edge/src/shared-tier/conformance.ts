/** What the shared tier must do, whatever store it is in. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ByteKeyValue } from '@spate/state/key-value'
import { emptyOrder, type PurgeOrder } from '../store/response-index.ts'
import { Node, response } from './test-nodes.ts'

/** A key. */
export const one = 'http://s/one'

/** Declares what a shared tier on any store must do. */
export function sharedTierConformance(name: string, open: () => Promise<ByteKeyValue>): void {
  describe(`shared tier: ${name}`, { timeout: 120_000 }, () => {
    test('what one node wrote another finds, as it was', async () => {
      const store = await open()
      const [a, b, other] = [new Node(store), new Node(store), new Node(store, {}, 'http://p')]
      const body = Buffer.from(Uint8Array.from({ length: 1000 }, (_, at) => at))
      const stored = response(one, { body, tags: ['t'], headers: ['content-type', 'text/x'] })
      await a.write(stored)
      const answer = await b.look(one)
      assert.equal(answer.kind, 'found')
      if (answer.kind !== 'found') return
      assert.deepEqual(answer.stored.body, body)
      for (const part of ['key', 'host', 'status', 'headers', 'timing', 'tags'] as const)
        assert.deepEqual(answer.stored[part], stored[part])
      assert.equal(await other.find(one), undefined, 'another origin')
      assert.equal(await b.find('http://s/on'), undefined)
      assert.deepEqual([b.tier.figures.hits, b.tier.figures.misses], [1, 1])
      await store.close()
    })

    test('variants are found by what selects them', async () => {
      const store = await open()
      const [a, b] = [new Node(store), new Node(store)]
      const vary = ['vary', 'x-kind, accept-language']
      for (const kind of ['x', 'y'])
        await a.write(response(one, { headers: vary, asked: ['x-kind', kind], body: kind }))
      await a.write(response(one, { headers: vary, body: 'neither' }))
      assert.equal(await b.find(one, ['x-kind', 'x']), 'x')
      assert.equal(await b.find(one, ['x-kind', 'y']), 'y')
      assert.equal(await b.find(one), 'neither')
      assert.equal(await b.find(one, ['x-kind', 'z']), undefined)
      assert.equal(await b.find(one, ['x-kind', 'x', 'accept-language', 'de']), undefined)
      await store.close()
    })

    purgeTests(open)

    test('purges of many nodes at once are all known', async () => {
      const store = await open()
      const nodes = Array.from({ length: 5 }, () => new Node(store))
      const keys = Array.from({ length: 40 }, (_, at) => `http://s/${at}`)
      const [first] = nodes as [Node]
      for (const key of [...keys, one]) await first.write(response(key))
      const purges = keys.map((key, at) =>
        (nodes[at % 5] as Node).tier.purge({ ...emptyOrder, keys: [key] }),
      )
      assert.deepEqual(new Set(await Promise.all(purges)), new Set([true]))
      for (const node of [...nodes, new Node(store)]) {
        for (const key of keys) assert.equal(await node.find(key), undefined)
        assert.equal(await node.find(one), `body of ${one}`)
      }
      await store.close()
    })

    test('where the count was lost nothing older is found', async () => {
      const store = await open()
      const [a, b] = [new Node(store), new Node(store)]
      await a.write(response(one))
      assert.equal(await b.tier.purge({ ...emptyOrder, keys: [one] }), true)
      await store.delete(`${store.history}:at`)
      for (const node of [a, b, new Node(store)]) assert.equal(await node.find(one), undefined)
      await a.write(response(one, { body: 'new' }))
      assert.equal(await b.find(one), 'new')
      await store.close()
    })
  })
}

function purgeTests(open: () => Promise<ByteKeyValue>): void {
  const named: [string, Partial<PurgeOrder>][] = [
    ['a key', { keys: [one] }],
    ['a tag', { tags: ['t'] }],
    ['a beginning', { prefixes: ['http://s/o'] }],
    ['a host', { hosts: ['s'] }],
    ['everything', { all: true }],
    ['a tag, softly', { tags: ['t'], soft: true }],
  ]
  for (const [what, order] of named) {
    test(`purged by ${what} on one node: gone for all, all variants, for fills under way and for who was not there`, async () => {
      const store = await open()
      const [a, b] = [new Node(store), new Node(store)]
      const vary = { headers: ['vary', 'x-kind'], tags: ['t'] }
      await a.write(response(one, { ...vary, asked: ['x-kind', 'x'] }))
      await a.write(response(one, { ...vary, asked: ['x-kind', 'y'] }))
      await a.write(response('http://r/two', { tags: ['u'] }))
      const before = await a.stamp()
      assert.equal(await b.tier.purge({ ...emptyOrder, ...order }), true)
      const late = new Node(store)
      for (const node of [a, b, late])
        for (const kind of ['x', 'y'])
          assert.equal(await node.find(one, ['x-kind', kind]), undefined)
      await a.write(response(one, { ...vary, asked: ['x-kind', 'x'] }), before)
      for (const node of [a, b, late, new Node(store)])
        assert.equal(await node.find(one, ['x-kind', 'x']), undefined, 'a fill brought it back')
      for (const node of [b, late, new Node(store)])
        assert.equal((await node.find('http://r/two')) === undefined, order.all === true)
      await a.write(response(one, { ...vary, asked: ['x-kind', 'x'], body: 'new' }))
      for (const node of [a, b, late]) assert.equal(await node.find(one, ['x-kind', 'x']), 'new')
      await store.close()
    })
  }
}
