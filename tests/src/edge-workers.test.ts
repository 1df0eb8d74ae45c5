/** `spate edge --workers 2` as a user starts it: purge, reload, metrics, upgrade, and a worker that dies. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startEdgeCommand } from './edge-command.ts'
import { bodyOf, startLoad } from './edge-load.ts'
import { startPlatform, temporaryFolder } from './platform.ts'

/** Asks `what` until it is true. */
async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await pause(20)
}

test('workers share the port; purge, reload and metrics reach all; one that dies comes back', async (context) => {
  let asked = 0
  const origin = createServer((request, response) => {
    request.resume()
    if (request.method === 'GET') asked++
    response.setHeader('cache-control', 'max-age=600')
    response.end(bodyOf(request.url ?? ''))
  })
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const { port } = origin.address() as AddressInfo
  const folder = temporaryFolder('workers')
  const file = join(folder.path, 'spate.yaml')
  const settings = (ttl: string): string =>
    `edge:\n  origin: http://127.0.0.1:${port}\n  ttlMs: ${ttl}\n`
  writeFileSync(file, settings('1h'))
  const edge = await startEdgeCommand(['--workers', '2', '--config', file], folder.path)
  context.after(async () => {
    await edge.stop()
    origin.closeAllConnections()
    origin.close()
    folder.remove()
  })
  // A connection a request, so that the kernel spreads them.
  const get = async (path: string, method = 'GET'): Promise<{ status: number; text: string }> => {
    const headers = { connection: 'close' }
    const answer = await fetch(`${edge.traffic}${path}`, { method, headers })
    return { status: answer.status, text: await answer.text() }
  }
  const many = async (path: string): Promise<void> => {
    for (let at = 0; at < 40; at++) await get(path)
  }
  await many('/a')
  assert.equal(asked, 2, 'each worker asked once')
  assert.equal((await edge.call('/stats')).body['requests'], 40)
  const window = (await edge.call('/stats?window=60')).body
  assert.equal(window['requests'], 40)
  assert.deepEqual(window['uniques'], { clients: 1 }, 'workers hash clients alike')
  const { paths } = window['top'] as { paths: { path: string; requests: number }[] }
  assert.deepEqual([paths[0]?.path, paths[0]?.requests], ['/a', 40])
  const headers = { authorization: `Bearer ${edge.token()}` }
  const bad = await fetch(`${edge.admin}/log?filter=path`, { headers })
  assert.equal(bad.status, 422)
  const log = await fetch(`${edge.admin}/log?filter=path^=/logged`, { headers })
  for (let at = 0; at < 40; at++) await get(`/logged/${at}`)
  let told = ''
  for await (const chunk of log.body as ReadableStream<Uint8Array>) {
    told += Buffer.from(chunk).toString()
    if ((told.match(/"path":"\/logged\/\d+"/g) ?? []).length === 40) break
  }
  asked -= 40
  const { text } = await get('/metrics')
  assert.match(text, /^cache_requests_total 80$/m, 'any worker tells of all')
  const purged = await edge.call('/purge', { urls: [`${edge.traffic}/a`] })
  assert.equal(purged.body['purged'], 2, 'one of each')
  await many('/a')
  assert.equal(asked, 4)

  assert.equal((await get('/a', 'POST')).status, 200)
  // The worker that saw it has forgotten the page at once, the other one hears of it from the crew.
  await until(async () => Number((await edge.call('/stats')).body['purged']) === 4)
  await many('/a')
  assert.equal(asked, 6, 'what an unsafe request changed is asked for anew by all')

  writeFileSync(file, settings('2h'))
  assert.deepEqual((await edge.call('/reload')).body['changed'], ['ttlMs'])
  writeFileSync(file, settings('soon'))
  const refused = await edge.call('/reload')
  assert.match(
    String(refused.body['detail']),
    /line 3: edge.ttlMs: got "soon", expected a duration/,
  )
  process.kill(edge.pid, 'SIGHUP')
  await edge.printed(/the new settings are refused .*edge.ttlMs/)
  writeFileSync(file, settings('3h'))
  const from = edge.output().length
  process.kill(edge.pid, 'SIGHUP')
  await until(
    () =>
      (
        edge
          .output()
          .slice(from)
          .match(/took up the settings changed=ttlMs/g) ?? []
      ).length === 2,
  )
  assert.equal((await get('/a')).status, 200)

  const health = async (): Promise<string> => (await fetch(`${edge.admin}/health/ready`)).text()
  process.kill(edge.children()[0] as number, 'SIGKILL')
  await edge.printed(/a worker died and is started again/)
  // New connections are taken by the other one meanwhile.
  for (let at = 0; at < 20; at++) assert.equal((await get('/a')).status, 200)
  await until(async () => {
    const told = await health()
    return told.includes('1 restarts') && told.includes('"ready","dep')
  })
  assert.equal(await edge.stop(), 0)
})

test('both workers are replaced under load, and not a request fails', async (context) => {
  const asked = new Map<string, number>()
  const origin = createServer((request, response) => {
    const path = request.url ?? ''
    asked.set(path, (asked.get(path) ?? 0) + 1)
    response.setHeader('cache-control', 'max-age=600')
    response.end(bodyOf(path))
  })
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const folder = temporaryFolder('workers')
  const { port } = origin.address() as AddressInfo
  const flags = ['--workers', '2', '--origin', `http://127.0.0.1:${port}`]
  // Without a disk tier: what memory has is handed over too.
  const patient = '--drain-ms 30m --idle-ms 30m --disk-bytes 0'.split(' ')
  const edge = await startEdgeCommand([...flags, ...patient], folder.path)
  context.after(async () => {
    await edge.stop()
    origin.closeAllConnections()
    origin.close()
    folder.remove()
  })
  const path = (turn: number): string => `/${turn % 10}`
  const load = startLoad(
    edge.traffic,
    [true, true, true, true, false, false, false].map((keepAlive) => ({
      keepAlive,
      pauseMs: 2,
      path,
    })),
  )
  context.after(() => load.stop())
  const all = (times: number): boolean =>
    Array.from({ length: 10 }, (_, at) => asked.get(path(at))).every((each) => each === times)
  await until(() => all(2))
  const before = edge.children()
  const { status, body } = await edge.call('/upgrade')
  assert.deepEqual([status, body['workers']], [200, 2])
  await until(() => edge.children().length === 2)
  const { requests, failed } = await load.stop()
  context.diagnostic(`${requests} requests, ${failed.length} failed`)
  assert.deepEqual(failed, [])
  assert.ok(all(2), 'the cache is kept')
  assert.ok(edge.children().every((each) => !before.includes(each)))
  assert.equal(await edge.stop(), 0)
})

test('workers of the whole platform hear what is sold out, and read its settings file', async (context) => {
  const folder = temporaryFolder('workers')
  const file = join(folder.path, 'spate.yaml')
  writeFileSync(file, 'edge:\n  workers: 2\n')
  const platform = await startPlatform({ flags: ['--config', file] })
  context.after(async () => {
    await platform.stop()
    folder.remove()
  })
  const { urls, adminToken } = platform
  const call = async (url: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(url, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    return (await answer.json()) as Record<string, unknown>
  }
  await call(`${urls['seckill']}/seckill/campaigns`, { productId: 'last-one', stock: 1 })
  const order = { userId: 'u1', productId: 'last-one', quantity: 1 }
  assert.equal((await call(`${urls['seckill']}/seckill/purchase`, order))['success'], true)
  // That there is a sale, and that it is over, may be told together or one after the other.
  await until(async () => Number((await call(`${urls['edgeAdmin']}/stats`))['stockEvents']) >= 1)
  writeFileSync(file, 'edge:\n  workers: 2\n  ttlMs: 7m\n')
  assert.deepEqual((await call(`${urls['edgeAdmin']}/reload`, {}))['changed'], ['ttlMs'])
  assert.equal(await platform.stop(), 0)
})
