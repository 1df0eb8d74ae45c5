import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { request as send } from 'undici'
import { plain, startTestEdge, startTestEdgeBefore, type TestEdge } from '../test-edge.ts'
import type { EdgeSettings } from '../settings.ts'

const folders: string[] = []
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))
async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'spate-disk-'))
  folders.push(made)
  return made
}

const MiB = 1024 ** 2
const small: Partial<EdgeSettings> = {
  diskBytes: 256 * MiB,
  memoryBytesMax: 8 * MiB,
  objectBytesMax: 128 * 1024,
}
const cached = { 'cache-control': 'max-age=600', etag: '"1"' }
/** 6 MB that differ everywhere. */
const large = Buffer.alloc(6 * MiB, 0)
for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2_654_435_761) >>> 0, at)
const sum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function bytesOf(
  it: TestEdge,
  path: string,
  headers = {},
): Promise<{ status: number; told: string; bytes: Buffer }> {
  const answer = await send(`${it.url}${path}`, { headers })
  const bytes = Buffer.from(await answer.body.arrayBuffer())
  return { status: answer.statusCode, told: String(answer.headers['cache-status']), bytes }
}

test('a restart finds what was stored: small from disk into memory, with one request to the origin in all', async () => {
  const dataDir = await folder()
  const it = await startTestEdge(plain('hello', cached), small, undefined, dataDir)
  assert.equal((await it.get('/a')).body, 'hello')
  const { origin } = it
  await it.stopEdge()
  const again = await startTestEdgeBefore(origin, { ...small }, { dataDir })
  const key = { host: new URL(it.url).host }
  const seen = await again.get('/a', key)
  assert.equal(seen.body, 'hello')
  assert.match(seen.headers['cache-status'] ?? '', /^spate; hit;.*detail=disk$/)
  assert.match(
    (await again.get('/a', key)).headers['cache-status'] ?? '',
    /^spate; hit; ttl=\d+; key=\S+$/,
  )
  assert.equal(origin.requests.length, 1)
  await again.stop()
})

test('a body larger than memory takes goes to disk as it comes; ranges, HEAD and conditions are answered from there', async () => {
  const it = await startTestEdge(
    (_, response) =>
      void response.writeHead(200, { ...cached, 'content-length': large.length }).end(large),
    small,
    undefined,
    await folder(),
  )
  const first = await bytesOf(it, '/big')
  assert.equal(sum(first.bytes), sum(large))
  assert.match(first.told, /fwd=uri-miss.*stored/)
  const again = await bytesOf(it, '/big')
  assert.equal(sum(again.bytes), sum(large))
  assert.match(again.told, /hit;.*detail=disk/)
  const part = await bytesOf(it, '/big', { range: 'bytes=65530-131080' })
  assert.equal(part.status, 206)
  assert.equal(sum(part.bytes), sum(large.subarray(65_530, 131_081)))
  const parts = await bytesOf(it, '/big', { range: 'bytes=0-9,5000000-5000009' })
  assert.equal(parts.status, 206)
  assert.ok(parts.bytes.includes(large.subarray(5_000_000, 5_000_010)))
  const head = await it.get('/big', {}, 'HEAD')
  assert.equal(head.headers['content-length'], String(large.length))
  assert.equal((await it.get('/big', { 'if-none-match': '"1"' })).status, 304)
  assert.equal(it.origin.requests.length, 1)
  assert.ok(it.edge.store.memory.figures.bytes < 100_000, 'memory holds its head only')
  await it.stop()
})

test('who reads a large fill slowly reads it back from disk; memory holds a window only', async () => {
  let finish = (): void => {}
  const it = await startTestEdge(
    (_, response) => {
      response.writeHead(200, { ...cached, 'content-length': large.length })
      response.write(large.subarray(0, large.length - 1000))
      finish = () => response.end(large.subarray(large.length - 1000))
    },
    small,
    undefined,
    await folder(),
  )
  const slow = await send(`${it.url}/big`)
  const late = await send(`${it.url}/big`)
  for (let turn = 0; turn < 200 && it.edge.store.disk?.figures.bytes !== undefined; turn++) {
    if ((it.edge.store.disk?.figures.bytes ?? 0) > 5 * MiB) break
    await pause(10)
  }
  assert.ok(
    it.edge.transfers.transient.bytes < 2.5 * MiB,
    `held ${it.edge.transfers.transient.bytes}`,
  )
  finish()
  assert.equal(sum(Buffer.from(await slow.body.arrayBuffer())), sum(large))
  assert.equal(sum(Buffer.from(await late.body.arrayBuffer())), sum(large))
  assert.equal(it.origin.requests.length, 1)
  await it.stop()
})

test('a large body that the origin cuts short is not stored, and leaves no file', async () => {
  const dataDir = await folder()
  const it = await startTestEdge(
    (_, response) => {
      response.writeHead(200, { ...cached, 'content-length': large.length })
      response.write(large.subarray(0, 3 * MiB), () => response.destroy())
    },
    small,
    undefined,
    dataDir,
  )
  await assert.rejects(bytesOf(it, '/big'))
  for (let turn = 0; turn < 100 && (await readdir(`${dataDir}/cache/data`)).length > 0; turn++)
    await pause(10)
  assert.deepEqual(await readdir(`${dataDir}/cache/data`), [])
  assert.equal(it.edge.store.disk?.figures.objects, 0)
  await it.stop()
})

test('a purge of a large body while it comes in: who waits is served, nothing is stored', async () => {
  let finish = (): void => {}
  const it = await startTestEdge(
    (_, response) => {
      response.writeHead(200, { ...cached, 'cache-tag': 'k', 'content-length': large.length })
      response.write(large.subarray(0, 3 * MiB))
      finish = () => response.end(large.subarray(3 * MiB))
    },
    small,
    undefined,
    await folder(),
  )
  const waiting = await send(`${it.url}/big`)
  await it.purge({ tags: ['k'] })
  finish()
  assert.equal(sum(Buffer.from(await waiting.body.arrayBuffer())), sum(large))
  it.origin.answer = plain('new', cached)
  assert.equal((await it.get('/big')).body, 'new')
  await it.stop()
})

test('what memory has no room for is answered from disk, and the disk stays within its bytes', async () => {
  const dataDir = await folder()
  const it = await startTestEdge(
    (request, response) => plain((request.url ?? '').repeat(10_000), cached)(request, response),
    { ...small, memoryBytesMax: MiB, diskBytes: 16 * MiB },
    undefined,
    dataDir,
  )
  for (let at = 0; at < 100; at++) await it.get(`/o${at}`)
  await it.edge.store.disk?.written()
  const before = it.origin.requests.length
  let fromDisk = 0
  for (let at = 0; at < 100; at++) {
    const seen = await it.get(`/o${at}`)
    assert.equal(seen.body, `/o${at}`.repeat(10_000))
    if (/detail=disk/.test(seen.headers['cache-status'] ?? '')) fromDisk++
  }
  assert.equal(it.origin.requests.length, before)
  assert.ok(fromDisk > 50, `${fromDisk} from disk`)
  for (let at = 0; at < 500; at++) await it.get(`/p${at}`)
  await it.edge.store.disk?.written()
  let used = 0
  for (const name of await readdir(`${dataDir}/cache/data`))
    used += (await stat(`${dataDir}/cache/data/${name}`)).size
  for (const name of await readdir(`${dataDir}/cache/index`))
    used += (await stat(`${dataDir}/cache/index/${name}`).catch(() => ({ size: 0 }))).size
  assert.ok(used <= 16 * MiB * 1.1, `used ${used}`)
  await it.stop()
})

test('statistics and explain show the disk', async () => {
  const it = await startTestEdge(plain('hello', cached), small, undefined, await folder())
  await it.get('/a')
  await it.edge.store.disk?.written()
  const stats = await send(`${it.adminUrl}/stats`, { headers: it.adminHeaders })
  const { disk } = (await stats.body.json()) as { disk: Record<string, number> }
  assert.equal(disk['objects'], 1)
  const url = encodeURIComponent(`${it.url}/a`)
  const told = await send(`${it.adminUrl}/explain?url=${url}`, { headers: it.adminHeaders })
  const { onDisk, variants } = (await told.body.json()) as {
    onDisk: object[]
    variants: { body: string }[]
  }
  assert.deepEqual(onDisk, [{ bytes: 5, selectedBy: {}, tags: [], inMemory: true }])
  assert.equal(variants[0]?.body, 'memory')
  await it.stop()
})
