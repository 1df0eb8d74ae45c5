import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SimulatedDisk } from '@spate/journal/simulated-disk'
import { SeededChance } from '@spate/runtime/chance'
import type { Selector } from '../domain/vary.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { emptyOrder } from '../store/response-index.ts'
import { StoredResponse, type StoredParts } from '../store/stored-response.ts'
import { leaveBehind, takeUp, type HandOverPlace } from './memory-hand-over.ts'

const anyone: Selector = { names: [], values: [], language: undefined }

function response(key: string, more: Partial<StoredParts> = {}): StoredResponse {
  return new StoredResponse({
    key,
    host: 'h.example',
    status: 200,
    headers: ['content-type', 'text/plain', 'x-key', key],
    selector: anyone,
    timing: {
      responseTimeMs: 1000,
      initialAgeMs: 0,
      lifetimeMs: 60_000,
      freshUntilMs: 61_000,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 0,
      neverStale: false,
    },
    tags: [`tag-${key}`],
    body: Buffer.from(`body of ${key}`),
    partial: undefined,
    ...more,
  })
}

function placeOn(disk: SimulatedDisk, identity = 'http://o.test'): HandOverPlace {
  return { disk, folder: '/worker-0', identity }
}

const all = (memory: MemoryStore): StoredResponse[] => [
  ...memory.named({ ...emptyOrder, all: true }),
]
const keys = (memory: MemoryStore): string[] =>
  all(memory)
    .map(({ key }) => key)
    .toSorted()
const simulated = (): SimulatedDisk => new SimulatedDisk({ chance: new SeededChance(3) })

test('every response comes over as it was, variants and parts too, and the file is gone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ body: fc.uint8Array({ maxLength: 3000 }), encoding: fc.option(fc.string()) }),
      ),
      async (given) => {
        const place = placeOn(simulated())
        const [before, after] = [new MemoryStore(2 ** 26), new MemoryStore(2 ** 26)]
        for (const [at, { body, encoding }] of given.entries())
          before.put(
            response(`k${at % 7}`, {
              body,
              selector: {
                names: ['accept-encoding'],
                values: [encoding ?? undefined],
                language: undefined,
              },
              partial:
                at % 3 === 0 ? { first: 0, last: body.length - 1, complete: 9000 } : undefined,
            }),
          )
        const plain = (memory: MemoryStore): unknown[] =>
          all(memory)
            .map(({ key, host, status, headers, selector, timing, tags, partial, body }) =>
              JSON.stringify([
                key,
                host,
                status,
                headers,
                selector,
                timing,
                tags,
                partial,
                Buffer.from(body).toString('hex'),
              ]),
            )
            .toSorted()
        assert.equal(await leaveBehind(before, place), before.figures.objects)
        assert.equal(await takeUp(after, place), before.figures.objects)
        assert.deepEqual(plain(after), plain(before))
        assert.equal(after.figures.bytes, before.figures.bytes)
        assert.deepEqual(await place.disk.list(place.folder), [])
        assert.equal(await takeUp(after, place), 0, 'only once')
      },
    ),
    { numRuns: 50 },
  )
})

test('what is on disk stays there; of too much, what was hit comes over, and is evicted last', async () => {
  const place = placeOn(simulated())
  const before = new MemoryStore(2 ** 26)
  for (const key of ['a', 'b', 'c', 'd']) before.put(response(key))
  const find = (key: string): StoredResponse =>
    before.find(key, { get: () => undefined }) as StoredResponse
  find('b')
  const [one] = before.variants('d')
  if (one) one.place = { live: true }
  const { bytes } = find('b')
  const after = new MemoryStore(2 ** 26)
  assert.equal(await leaveBehind(before, place, 2 * bytes - 1), 1)
  await takeUp(after, place)
  assert.deepEqual(keys(after), ['b'])
  assert.equal(await leaveBehind(before, place, 2 * bytes), 2)
  assert.equal(await leaveBehind(before, place), 3)
  await takeUp(after, place)
  assert.deepEqual(keys(after), ['a', 'b', 'c'])
})

test('what another origin said, and what is damaged, does not come over', async () => {
  const disk = simulated()
  const before = new MemoryStore(2 ** 26)
  for (const key of ['a', 'b', 'c']) before.put(response(key))
  const after = new MemoryStore(2 ** 26)
  await leaveBehind(before, placeOn(disk))
  assert.equal(await takeUp(after, placeOn(disk, 'http://other.test')), 0)
  assert.deepEqual(await disk.list('/worker-0'), [])
  await leaveBehind(before, placeOn(disk))
  const file = await disk.open('/worker-0/hand-over', 'change')
  const size = await file.size()
  await file.write(Buffer.from('?'), size - 2)
  await file.close()
  assert.equal(await takeUp(after, placeOn(disk)), 2)
  await leaveBehind(before, placeOn(disk))
  const cut = await disk.open('/worker-0/hand-over', 'change')
  await cut.truncate(size - 1)
  await cut.close()
  assert.equal(await takeUp(new MemoryStore(2 ** 26), placeOn(disk)), 2)
})
