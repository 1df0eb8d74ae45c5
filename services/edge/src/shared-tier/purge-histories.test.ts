import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryKeyValue } from '@spate/state/memory-key-value'
import { emptyOrder, type PurgeOrder } from '../store/response-index.ts'
import type { StoredResponse } from '../store/stored-response.ts'
import type { Stamp } from './purge-log.ts'
import { clock, Node, response } from './test-nodes.ts'

function weigh<Value>(weight: number, arbitrary: fc.Arbitrary<Value>): fc.WeightedArbitrary<Value> {
  return { weight, arbitrary }
}

const key = fc.constantFrom('http://s/a', 'http://r/a')
const node = fc.nat(2)
const order = fc.constantFrom<Partial<PurgeOrder>>(
  { keys: ['http://s/a'] },
  { tags: ['t'] },
  { prefixes: ['http://s/'] },
  { hosts: ['r'] },
  { all: true },
)
const step = fc.oneof(
  weigh(
    6,
    fc.record({ do: fc.constant('begin' as const), node, key, tag: fc.constantFrom('t', 'u') }),
  ),
  weigh(6, fc.record({ do: fc.constant('end' as const), fill: fc.nat(5) })),
  weigh(2, fc.record({ do: fc.constant('purge' as const), node, order })),
  weigh(8, fc.record({ do: fc.constant('find' as const), node, key })),
  weigh(1, fc.record({ do: fc.constant('restart' as const), node })),
  weigh(1, fc.record({ do: fc.constant('lose' as const) })),
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

/** Three nodes, and what a naive list of purges says they may still give. */
class World {
  found = 0
  readonly #store = new MemoryKeyValue({ clock })
  readonly #nodes = [0, 1, 2].map(() => new Node(this.#store))
  readonly #fills: { node: Node; stored: StoredResponse; stamp: Stamp }[] = []
  readonly #purged: { order: PurgeOrder; version: number }[] = []
  /** Each response begun has a number of its own for a body. */
  #version = 0

  async take(now: Step): Promise<void> {
    switch (now.do) {
      case 'begin': {
        const stored = response(now.key, { tags: [now.tag], body: String(++this.#version) })
        const at = this.#at(now.node)
        this.#fills.push({ node: at, stored, stamp: await at.stamp() })
        break
      }
      case 'end': {
        const [fill] = this.#fills.splice(now.fill % Math.max(1, this.#fills.length), 1)
        await fill?.node.write(fill.stored, fill.stamp)
        break
      }
      case 'purge': {
        const whole = { ...emptyOrder, ...now.order }
        assert.equal(await this.#at(now.node).tier.purge(whole), true)
        this.#purged.push({ order: whole, version: this.#version })
        break
      }
      case 'restart':
        this.#nodes[now.node] = new Node(this.#store)
        break
      case 'lose':
        await this.#store.delete(`${this.#store.history}:at`)
        break
      case 'find': {
        const answer = await this.#at(now.node).look(now.key)
        if (answer.kind === 'found') this.#judge(answer.stored)
      }
    }
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  #at(index: number): Node {
    return this.#nodes[index] as Node
  }

  #judge(stored: StoredResponse): void {
    this.found++
    const version = Number(Buffer.from(stored.body).toString())
    for (const { order: what, version: until } of this.#purged) {
      const concerned =
        what.all ||
        what.keys.includes(stored.key) ||
        what.hosts.includes(stored.host) ||
        what.tags.some((tag) => stored.tags.includes(tag)) ||
        what.prefixes.some((prefix) => stored.key.startsWith(prefix))
      assert.ok(!concerned || version > until, `${version} was purged at ${until}`)
    }
  }
}

test('whatever nodes write, purge and ask in whatever order: nothing purged is ever found', async () => {
  let found = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const world = new World()
      for (const now of steps) await world.take(now)
      await world.close()
      found += world.found
    }),
    { numRuns: 200 },
  )
  assert.ok(found > 30, `only ${found} were found`)
})
