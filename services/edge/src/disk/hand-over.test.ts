import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedDisk } from '@spate/journal/simulated-disk'
import { SeededChance } from '@spate/runtime/chance'
import { silentLog } from '@spate/runtime/log'
import { emptyOrder } from '../store/response-index.ts'
import { StoredResponse } from '../store/stored-response.ts'
import { Tiers } from '../store/tiers.ts'
import type { DiskTier } from './disk-tier.ts'
import { missedMax, MissedPurges } from './missed-purges.ts'
import { openDiskTier } from './open-disk-tier.ts'

const anyone = { get: (): undefined => undefined }

function openTier(disk: SimulatedDisk): Promise<DiskTier> {
  const limits = {
    bytesMax: 4 * 1024 * 1024,
    objectsMax: 10_000,
    objectBytesMax: 1e9,
    promoteBytesMax: 1000,
  }
  return openDiskTier({ folder: '/cache', log: silentLog, disk, identity: 'o', limits })
}

function response(key: string, body: string): StoredResponse {
  return new StoredResponse({
    key: `http://h.example/${key}`,
    host: 'h.example',
    status: 200,
    headers: ['content-type', 'text/plain'],
    selector: { names: [], values: [], language: undefined },
    timing: {
      responseTimeMs: 1000,
      initialAgeMs: 0,
      lifetimeMs: 60_000,
      freshUntilMs: 61_000,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 0,
      neverStale: false,
    },
    tags: [key],
    body: Buffer.from(body),
    partial: undefined,
  })
}

/** What `tiers` answer at `key`, from memory or from disk. */
async function bodyOf(tiers: Tiers, key: string): Promise<string | undefined> {
  const name = `http://h.example/${key}`
  const entry = tiers.findOnDisk(name, anyone)
  const stored = tiers.find(name, anyone) ?? (entry && (await tiers.load(entry)))
  if (!stored) return undefined
  if (!stored.source) return Buffer.from(stored.body).toString()
  const pieces: Uint8Array[] = []
  for await (const piece of stored.source.stream(0, stored.length - 1)) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

const long = 'long '.repeat(1000)

/** Tiers with `a` in memory and on disk, and `b` and the long `c` on disk only. */
async function filled(disk: SimulatedDisk): Promise<Tiers> {
  const before = new Tiers(2 ** 24, await openTier(disk))
  for (const [key, body] of [
    ['a', 'one'],
    ['b', 'two'],
    ['c', long],
  ] as const)
    before.put(response(key, body))
  await before.disk?.close()
  const tiers = new Tiers(2 ** 24, await openTier(disk))
  assert.equal(await bodyOf(tiers, 'a'), 'one')
  return tiers
}

test("a released folder is another one's with all that was on its way, and still read by the first", async () => {
  const disk = new SimulatedDisk({ chance: new SeededChance(1) })
  const old = await filled(disk)
  old.put(response('d', 'just now'))
  await assert.rejects(openTier(disk), { code: 'data_locked' })
  await old.disk?.release()
  const next = new Tiers(2 ** 24, await openTier(disk))
  for (const [key, body] of [
    ['a', 'one'],
    ['b', 'two'],
    ['c', long],
    ['d', 'just now'],
  ] as const) {
    assert.equal(await bodyOf(next, key), body, key)
    assert.equal(await bodyOf(old, key), body, `the first one too: ${key}`)
  }
  // The first one stores, purges and lets go in its own memory; nothing of it touches the folder.
  old.put(response('a', 'its own'))
  old.put(response('e', 'its own'))
  old.purge({ ...emptyOrder, tags: ['b'] }, 2000)
  await old.disk?.durable()
  assert.equal(await bodyOf(old, 'a'), 'its own')
  assert.equal(await bodyOf(old, 'b'), undefined)
  await old.disk?.close()
  await next.disk?.close()
  const last = new Tiers(2 ** 24, await openTier(disk))
  assert.equal(await bodyOf(last, 'a'), 'one')
  assert.equal(await bodyOf(last, 'b'), 'two')
  assert.equal(await bodyOf(last, 'e'), undefined)
})

test('a folder nobody took is taken back: what was purged or stored meanwhile holds on disk too', async () => {
  const disk = new SimulatedDisk({ chance: new SeededChance(2) })
  const tiers = await filled(disk)
  assert.equal(await bodyOf(tiers, 'c'), long)
  await tiers.disk?.release()
  tiers.purge({ ...emptyOrder, tags: ['b'] }, 2000)
  tiers.put(response('a', 'newer'))
  tiers.put(response('e', 'new'))
  tiers.takeBack(await openTier(disk))
  const expected = { a: 'newer', b: undefined, c: long, e: 'new' }
  for (const [key, body] of Object.entries(expected)) assert.equal(await bodyOf(tiers, key), body)
  await tiers.disk?.close()
  const after = new Tiers(2 ** 24, await openTier(disk))
  for (const [key, body] of Object.entries(expected)) assert.equal(await bodyOf(after, key), body)
})

test('of more purges than are remembered, everything is purged', () => {
  const missed = new MissedPurges()
  const note = (): void =>
    missed.note({ kind: 'purge', order: { ...emptyOrder, tags: ['t'] }, atMs: 1 })
  for (let count = 0; count < missedMax; count++) note()
  assert.equal(missed.all.length, missedMax)
  assert.ok(missed.all.every(({ order }) => !order.all))
  note()
  assert.deepEqual(
    missed.all.map(({ order }) => order.all),
    [true],
  )
  missed.note({ kind: 'gone', ids: [1] })
  assert.equal(missed.all.length, 1)
})
