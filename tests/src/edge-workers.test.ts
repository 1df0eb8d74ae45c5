/** `spate edge --workers 2` as a user starts it: purge, reload, metrics and a worker that dies. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { temporaryFolder } from './platform.ts'

const spate = join(normalize(join(import.meta.dirname, '..', '..')), 'apps/spate/bin/spate.mjs')

interface Started {
  readonly traffic: string
  readonly admin: string
  readonly pid: number
  stop(): Promise<number | null>
}

/** Starts an edge and resolves when its own line `ready`, the last of `lines`, is there. */
async function startEdge(flags: readonly string[], cwd: string, lines: number): Promise<Started> {
  const child = spawn(process.execPath, [spate, 'edge', '--log-format', 'text', ...flags], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let out = ''
  child.stderr.on('data', (piece: Buffer) => (out += piece.toString()))
  const ready = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (piece: Buffer) => {
      out += piece.toString()
      const found = out.match(/^.* ready program=edge .*$/gm) ?? []
      if (found.length >= lines) resolve(found.at(-1) as string)
    })
    child.once('exit', (code) => reject(new Error(`edge ended with ${code}\n${out}`)))
  })
  const url = (name: string): string => new RegExp(`${name}=(\\S+)`).exec(ready)?.[1] as string
  return {
    traffic: url('traffic'),
    admin: url('admin'),
    pid: child.pid as number,
    stop: () => {
      child.kill('SIGTERM')
      return gone
    },
  }
}

test('workers share the port; purge, reload and metrics reach all; one that dies comes back', async () => {
  let asked = 0
  const origin = createServer((_, response) => {
    asked++
    response.setHeader('cache-control', 'max-age=600')
    response.end(`page ${asked}`)
  })
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const { port } = origin.address() as AddressInfo
  const folder = temporaryFolder('workers')
  const file = join(folder.path, 'spate.yaml')
  const settings = (ttl: string): string =>
    `edge:\n  origin: http://127.0.0.1:${port}\n  ttlMs: ${ttl}\n  dataDir: ${folder.path}/data\n`
  writeFileSync(file, settings('1h'))
  const flags = ['--port', '0', '--admin-port', '0', '--workers', '2', '--config', file]
  const edge = await startEdge(flags, folder.path, 3)
  const token = readFileSync(join(folder.path, 'data/admin-token'), 'utf8').trim()
  const admin = async (path: string, body?: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${edge.admin}${path}`, {
      method: path.startsWith('/stats') ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    return (await answer.json()) as Record<string, unknown>
  }
  // A connection a request, so that the kernel spreads them.
  const get = async (path: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`${edge.traffic}${path}`, { headers: { connection: 'close' } })
    return { status: answer.status, text: await answer.text() }
  }
  try {
    for (let at = 0; at < 40; at++) await get('/a')
    assert.equal(asked, 2, 'each worker asked once')
    assert.equal((await admin('/stats'))['requests'], 40)
    const window = await admin('/stats?window=60')
    assert.equal(window['requests'], 40)
    const { paths } = window['top'] as { paths: { path: string; requests: number }[] }
    assert.deepEqual([paths[0]?.path, paths[0]?.requests], ['/a', 40])
    const bad = await fetch(`${edge.admin}/log?filter=path`, {
      headers: { authorization: `Bearer ${token}` },
    })
    assert.equal(bad.status, 422)
    const log = await fetch(`${edge.admin}/log?filter=path^=/logged`, {
      headers: { authorization: `Bearer ${token}` },
    })
    for (let at = 0; at < 40; at++) await get(`/logged/${at}`)
    let told = ''
    for await (const chunk of log.body as ReadableStream<Uint8Array>) {
      told += Buffer.from(chunk).toString()
      if ((told.match(/"path":"\/logged\/\d+"/g) ?? []).length === 40) break
    }
    asked -= 40
    const { text } = await get('/metrics')
    assert.match(text, /^cache_requests_total 80$/m, 'any worker tells of all')
    assert.equal(
      (await admin('/purge', { urls: [`${edge.traffic}/a`] }))['purged'],
      2,
      'one of each',
    )
    for (let at = 0; at < 40; at++) await get('/a')
    assert.equal(asked, 4)
    writeFileSync(file, settings('2h'))
    assert.deepEqual((await admin('/reload'))['changed'], ['ttlMs'])
    writeFileSync(file, settings('soon'))
    const refused = await admin('/reload')
    assert.match(String(refused['detail']), /line 3: edge.ttlMs: got "soon", expected a duration/)
    assert.equal((await get('/a')).status, 200)
    const health = async (): Promise<string> => (await fetch(`${edge.admin}/health/ready`)).text()
    const worker = readFileSync(`/proc/${edge.pid}/task/${edge.pid}/children`, 'utf8').split(' ')[0]
    process.kill(Number(worker), 'SIGKILL')
    for (let turn = 0; turn < 300 && !(await health()).includes('1 restarts'); turn++)
      await pause(50)
    for (let turn = 0; turn < 300 && !(await health()).includes('"ready","dep'); turn++)
      await pause(50)
    for (let at = 0; at < 20; at++) assert.equal((await get('/a')).status, 200)
    assert.equal(await edge.stop(), 0)
  } finally {
    await edge.stop()
    origin.closeAllConnections()
    origin.close()
    folder.remove()
  }
})

test('a new process takes over the port beside the old one, which drains: hardly a request fails', async () => {
  const origin = createServer((_, response) => {
    response.setHeader('cache-control', 'max-age=600')
    response.end('page')
  })
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const folder = temporaryFolder('upgrade')
  const { port } = origin.address() as AddressInfo
  const flags = (traffic: string): string[] =>
    `--origin http://127.0.0.1:${port} --admin-port 0 --port ${traffic} --share-port`.split(' ')
  const old = await startEdge([...flags('0'), '--data-dir', 'old'], folder.path, 1)
  let failed = 0
  let done = 0
  const work = { over: false }
  const client = async (keep: boolean): Promise<void> => {
    while (!work.over) {
      const headers = keep ? {} : { connection: 'close' }
      const answer = await fetch(`${old.traffic}/a`, { headers }).catch(() => undefined)
      if (answer?.status !== 200) failed++
      await answer?.text()
      done++
      await pause(2)
    }
  }
  const clients = [client(true), client(true), client(false), client(false)]
  const next = await startEdge(
    [...flags(new URL(old.traffic).port), '--data-dir', 'new'],
    folder.path,
    1,
  )
  await pause(200)
  assert.equal(await old.stop(), 0)
  await pause(300)
  work.over = true
  await Promise.all(clients)
  assert.equal(await next.stop(), 0)
  origin.closeAllConnections()
  origin.close()
  folder.remove()
  assert.ok(done > 100, `${done} requests`)
  // What the kernel had given to the old one's closing sockets is reset: 2 of 1537 when measured.
  assert.ok(failed <= done * 0.01, `${failed} of ${done} failed`)
})
