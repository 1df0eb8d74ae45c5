import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SimulatedDisk } from '@spate/journal/simulated-disk'
import { SeededChance } from '@spate/runtime/chance'
import { Fault } from '@spate/runtime/fault'
import { silentLog } from '@spate/runtime/log'
import { emptyOrder, type PurgeOrder } from '../store/response-index.ts'
import { StoredResponse } from '../store/stored-response.ts'
import { sweepMax } from '../store/sweep.ts'
import { Tiers } from '../store/tiers.ts'
import type { DiskLimits } from './disk-tier.ts'
import { openDiskTier } from './open-disk-tier.ts'

const anyone = { get: (): undefined => undefined }
const limits: DiskLimits = {
  bytesMax: 4 * 1024 * 1024,
  objectsMax: 10_000,
  objectBytesMax: 1e9,
  promoteBytesMax: 1e6,
}

function simulated(seed = 1): SimulatedDisk {
  return new SimulatedDisk({ chance: new SeededChance(seed) })
}

async function open(
  disk: SimulatedDisk,
  changes: Partial<DiskLimits> = {},
  identity = 'o',
): Promise<Tiers> {
  const options = { folder: '/cache', log: silentLog, disk, identity }
  return new Tiers(2 ** 24, await openDiskTier({ ...options, limits: { ...limits, ...changes } }))
}

function response(key: string, body: string, tag = 't', encoding?: string): StoredResponse {
  return new StoredResponse({
    key: `http://h.example/${key}`,
    host: 'h.example',
    status: 200,
    headers: ['content-type', 'text/plain', 'x-body', body.slice(0, 20)],
    selector:
      encoding === undefined
        ? { names: [], values: [], language: undefined }
        : { names: ['accept-encoding'], values: [encoding], language: undefined },
    timing: {
      responseTimeMs: 1000,
      initialAgeMs: 0,
      lifetimeMs: 60_000,
      freshUntilMs: 61_000,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 0,
      neverStale: false,
    },
    tags: [tag],
    body: Buffer.from(body),
    partial: undefined,
  })
}

/** Lets the disk have everything: the write queue, then the index. */
async function settled(tiers: Tiers): Promise<void> {
  await tiers.disk?.written()
  await tiers.disk?.durable()
}

async function bodyOf(tiers: Tiers, key: string, fields = anyone): Promise<string | undefined> {
  const entry = tiers.findOnDisk(`http://h.example/${key}`, fields)
  const stored = entry && (await tiers.load(entry))
  if (!stored) return undefined
  if (!stored.source) return Buffer.from(stored.body).toString()
  const pieces: Uint8Array[] = []
  for await (const piece of stored.source.stream(0, stored.length - 1)) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

test('after a power cut, what was on disk is found again, every variant, byte for byte', async () => {
  const disk = simulated()
  const tiers = await open(disk)
  const long = 'long '.repeat(60_000)
  tiers.put(response('a', 'one'))
  tiers.put(response('long', long))
  tiers.put(response('v', 'packed', 't', 'gzip'))
  tiers.put(response('v', 'plain', 't', ''))
  await settled(tiers)
  disk.kill()
  const again = await open(disk)
  assert.equal(again.disk?.figures.objects, 4)
  assert.equal(await bodyOf(again, 'a'), 'one')
  assert.equal(await bodyOf(again, 'long'), long)
  const accepting = (value: string): { get: () => string } => ({ get: () => value })
  assert.equal(await bodyOf(again, 'v', accepting('gzip') as never), 'packed')
  assert.equal(await bodyOf(again, 'v', accepting('identity') as never), 'plain')
  const stored = again.find('http://h.example/a', anyone)
  assert.deepEqual(stored?.headers, response('a', 'one').headers)
  assert.deepEqual(stored?.timing, response('a', 'one').timing)
})

const orders: Readonly<Record<string, Partial<PurgeOrder>>> = {
  key: { keys: ['http://h.example/a'] },
  tag: { tags: ['t'] },
  prefix: { prefixes: ['http://h.example/'] },
  host: { hosts: ['h.example'] },
  everything: { all: true },
}
for (const [name, order] of Object.entries(orders))
  test(`a purge by ${name} that was acknowledged holds through a power cut`, async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const disk = simulated(seed)
      const tiers = await open(disk)
      tiers.put(response('a', 'old'))
      await settled(tiers)
      assert.equal(tiers.purge({ ...emptyOrder, ...order }, 2000), 1)
      assert.equal(await bodyOf(tiers, 'a'), undefined)
      await tiers.disk?.durable()
      disk.crash()
      assert.equal(await bodyOf(await open(disk), 'a'), undefined, `seed ${seed}`)
    }
  })

test('a soft purge is remembered: the response comes back stale', async () => {
  const disk = simulated()
  const tiers = await open(disk)
  tiers.put(response('a', 'old'))
  await settled(tiers)
  assert.equal(tiers.purge({ ...emptyOrder, tags: ['t'], soft: true }, 2000), 1)
  await tiers.disk?.durable()
  disk.kill()
  const again = await open(disk)
  assert.equal(await bodyOf(again, 'a'), 'old')
  assert.equal(again.find('http://h.example/a', anyone)?.timing.freshUntilMs, 2000)
})

test('of a purge of many nothing comes back, whatever of it is cleared away when the power goes', async () => {
  for (const turns of [0, 1]) {
    const disk = simulated()
    const tiers = await open(disk, { bytesMax: 2 ** 30 })
    const many = 2 * sweepMax + 1
    for (let at = 0; at < many; at++) tiers.put(response(`${at}`, 'old'))
    await settled(tiers)
    assert.equal(tiers.disk?.figures.objects, many)
    assert.equal(tiers.purge({ ...emptyOrder, tags: ['t'] }, 2000), many)
    assert.equal(tiers.findOnDisk(`http://h.example/${many - 1}`, anyone), undefined)
    for (let turn = 0; turn < turns; turn++)
      await new Promise<void>((resolve) => void setImmediate(resolve))
    tiers.put(response('0', 'new'))
    await settled(tiers)
    disk.kill()
    const again = await open(disk, { bytesMax: 2 ** 30 })
    assert.equal(again.disk?.figures.objects, 1)
    assert.equal(await bodyOf(again, '0'), 'new')
  }
})

test('a purge reaches what is still on its way to disk', async () => {
  const disk = simulated()
  const tiers = await open(disk)
  tiers.put(response('a', 'old'))
  assert.equal(tiers.purge({ ...emptyOrder, all: true }, 2000), 1)
  await settled(tiers)
  assert.equal(tiers.disk?.figures.objects, 0)
  disk.kill()
  assert.equal(await bodyOf(await open(disk), 'a'), undefined)
})

test('newer fields after a validation are on disk too', async () => {
  const disk = simulated()
  const tiers = await open(disk)
  const stored = response('a', 'x'.repeat(300_000))
  tiers.put(stored)
  await settled(tiers)
  tiers.refresh(stored, ['x-new', '1'], { ...stored.timing, freshUntilMs: 99_000 })
  await settled(tiers)
  disk.kill()
  const again = await open(disk)
  assert.equal((await bodyOf(again, 'a'))?.length, 300_000)
  const found = again.find('http://h.example/a', anyone)
  assert.deepEqual(found?.headers, ['x-new', '1'])
  assert.equal(found?.timing.freshUntilMs, 99_000)
})

test('a flipped bit anywhere makes a miss, never a wrong byte', async () => {
  for (const position of [0, 1, 20, 40, 150, 250]) {
    const disk = simulated()
    const tiers = await open(disk)
    tiers.put(response('a', 'precious '.repeat(10)))
    await settled(tiers)
    await tiers.disk?.close()
    const [name] = await disk.list('/cache/data')
    disk.damage(`/cache/data/${name}`, position)
    const again = await open(disk)
    assert.equal(await bodyOf(again, 'a'), undefined, `position ${position}`)
    assert.equal(again.disk?.figures.objects, 0)
    assert.equal(again.disk?.figures.damaged, 1)
  }
})

test('a bad chunk in the middle of a long body ends the answer and drops the response', async () => {
  const disk = simulated()
  const tiers = await open(disk, { promoteBytesMax: 0 })
  tiers.put(response('a', 'y'.repeat(400_000)))
  await settled(tiers)
  await tiers.disk?.close()
  const [name] = await disk.list('/cache/data')
  disk.damage(`/cache/data/${name}`, 300_000)
  const again = await open(disk, { promoteBytesMax: 0 })
  await assert.rejects(
    bodyOf(again, 'a'),
    (caught) => caught instanceof Fault && caught.code === 'data_corrupt',
  )
  assert.equal(again.disk?.figures.objects, 0)
  assert.equal(again.find('http://h.example/a', anyone), undefined, 'memory has let go of it too')
})

test('a damaged index begins empty rather than bring back what was purged', async () => {
  const disk = simulated()
  const tiers = await open(disk)
  tiers.put(response('a', 'old'))
  await settled(tiers)
  tiers.purge({ ...emptyOrder, all: true }, 2000)
  tiers.put(response('b', 'new'))
  await settled(tiers)
  await tiers.disk?.close()
  const journal = (await disk.list('/cache/index')).find((name) => name.endsWith('.journal'))
  disk.damage(`/cache/index/${journal}`, 200)
  const again = await open(disk)
  assert.equal(again.disk?.figures.objects, 0)
  again.put(response('c', 'works'))
  await settled(again)
  disk.kill()
  assert.equal(await bodyOf(await open(disk), 'c'), 'works')
})

test('what another origin said is never served', async () => {
  const disk = simulated()
  const tiers = await open(disk)
  tiers.put(response('a', 'of o'))
  await settled(tiers)
  await tiers.disk?.close()
  const other = await open(disk, {}, 'another')
  assert.equal(await bodyOf(other, 'a'), undefined)
  await other.disk?.close()
  assert.equal(await bodyOf(await open(disk), 'a'), undefined, 'and going back brings nothing back')
})

test('a disk that fails stops the tier, and a purge is still for good', async () => {
  const disk = simulated()
  const tiers = await open(disk)
  tiers.put(response('a', 'old'))
  await settled(tiers)
  disk.failNext('sync', 'EIO')
  assert.equal(tiers.purge({ ...emptyOrder, all: true }, 2000), 1)
  await tiers.disk?.durable()
  tiers.put(response('b', 'memory only'))
  assert.equal(tiers.find('http://h.example/b', anyone)?.length, 11)
  disk.crash()
  const again = await open(disk)
  assert.equal(await bodyOf(again, 'a'), undefined)
  assert.equal(await bodyOf(again, 'b'), undefined)
})

test('bytes and objects stay within their limits, whatever is written', async () => {
  const disk = simulated()
  const tiers = await open(disk, { objectsMax: 200 })
  for (let at = 0; at < 600; at++) {
    tiers.put(response(`k${at}`, 'z'.repeat((at * 977) % 60_000)))
    if (at % 20 === 0) await settled(tiers)
  }
  await settled(tiers)
  const figures = tiers.disk?.figures
  assert.ok(figures && figures.bytes <= limits.bytesMax, `bytes ${figures?.bytes}`)
  assert.ok(figures.objects <= 201 && figures.objects > 50, `objects ${figures.objects}`)
  assert.ok(disk.usedBytes <= limits.bytesMax * 1.1, `on disk ${disk.usedBytes}`)
  const found = await bodyOf(tiers, 'k599')
  assert.equal(found?.length, (599 * 977) % 60_000)
})

test('an object of an eighth of the tier is taken, one byte more is not', async () => {
  const eighth = limits.bytesMax / 8
  for (const [length, taken] of [
    [eighth - 1, 1],
    [eighth, 1],
    [eighth + 1, 0],
  ] as const) {
    const tiers = await open(simulated())
    tiers.put(response('a', 'x'.repeat(length)))
    await settled(tiers)
    assert.equal(tiers.disk?.figures.objects, taken, `${length}`)
  }
})

const put = fc.record({
  kind: fc.constant('put' as const),
  key: fc.nat(5),
  tag: fc.nat(2),
  bytes: fc.nat(3000),
})
const purge = fc.record({
  kind: fc.constant('purge' as const),
  key: fc.nat(5),
  tag: fc.nat(2),
  by: fc.nat(2),
})
const settle = fc.record({ kind: fc.constant('settle' as const) })
const restart = fc.record({ kind: fc.constantFrom('kill' as const, 'crash' as const) })

test('after any history of writes, purges, kills and power cuts: the right bytes or none, and nothing purged comes back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(put, put, put, purge, settle, restart), { maxLength: 40 }),
      fc.nat(1000),
      async (steps, seed) => {
        const disk = simulated(seed)
        let tiers = await open(disk)
        let version = 0
        /** Versions of a key that may be found, with their bodies. */
        const allowed = new Map<number, Map<string, string>>()
        for (const step of steps) {
          if (step.kind === 'put') {
            const body = `${step.key}/${++version}/${'b'.repeat(step.bytes)}`
            const tags = `t${step.tag}`
            allowed.set(step.key, (allowed.get(step.key) ?? new Map()).set(body, tags))
            tiers.put(response(String(step.key), body, tags))
          } else if (step.kind === 'purge') {
            const tag = `t${step.tag}`
            const key = `http://h.example/${step.key}`
            const order = [{ keys: [key] }, { tags: [tag] }, { all: true }][step.by] ?? {}
            tiers.purge({ ...emptyOrder, ...order }, 2000)
            await tiers.disk?.durable()
            for (const [at, bodies] of allowed)
              for (const [body, bodyTag] of bodies)
                if (step.by === 2 || (step.by === 0 ? at === step.key : bodyTag === tag))
                  bodies.delete(body)
          } else if (step.kind === 'settle') await settled(tiers)
          else {
            if (step.kind === 'kill') disk.kill()
            else disk.crash()
            tiers = await open(disk)
          }
          for (let key = 0; key <= 5; key++) {
            const body = await bodyOf(tiers, String(key))
            if (body !== undefined)
              assert.ok(allowed.get(key)?.has(body), `key ${key}: ${body.slice(0, 10)}`)
          }
        }
      },
    ),
    { numRuns: 150 },
  )
})
