/** `spate edge --upgradable`: new code behind an open port, as a user sees it. UPGRADES sets how many in a row. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startEdgeCommand, type EdgeCommand } from './edge-command.ts'
import { bodyOf, startLoad } from './edge-load.ts'
import { temporaryFolder } from './platform.ts'

const upgrades = Number(process.env['UPGRADES'] ?? 3)
const cachedPages = 40

interface Origin {
  readonly port: number
  /** Requests by path. */
  readonly asked: ReadonlyMap<string, number>
  /** Ends all answers to `/long` that have begun. */
  endLong(): void
}

/** Pages of `/kept/` may be stored, others may not; `/long` goes on until it is told to end. */
async function startOrigin(context: TestContext): Promise<Origin> {
  const asked = new Map<string, number>()
  const long = new Set<() => void>()
  const server: Server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.set(path, (asked.get(path) ?? 0) + 1)
    request.resume()
    response.setHeader('cache-control', path.startsWith('/kept/') ? 'max-age=600' : 'no-store')
    if (path === '/long') {
      response.write('begun')
      const more = setInterval(() => response.write('.'), 200)
      response.on('close', () => clearInterval(more))
      long.add(() => response.end('ended'))
    } else response.end(bodyOf(path))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const endLong = (): void => {
    for (const end of long) end()
  }
  return { port: (server.address() as AddressInfo).port, asked, endLong }
}

/** Sends a request by hand and reads until `body` has come. */
async function askOn(socket: Socket, path: string, body: string): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${socket.remotePort}\r\n\r\n`)
  let text = ''
  const closed = once(socket, 'close').then(() => assert.fail(`closed after "${text}"`))
  closed.catch(() => {
    // Heard of below, while an answer is waited for.
  })
  while (!text.includes(body))
    text += String((await Promise.race([once(socket, 'data'), closed]))[0])
  return text
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await pause(20)
}

/** One upgrade, by route or by signal in turn; resolves when the new generation answers. */
async function upgrade(edge: EdgeCommand, generation: number): Promise<void> {
  if (generation % 2 === 0) {
    const { status, body } = await edge.call('/upgrade')
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(body, { upgraded: true, workers: 1, generation, restart: [] })
  } else {
    process.kill(edge.pid, 'SIGUSR2')
    await edge.printed(new RegExp(`upgraded generation=${generation} `))
  }
}

test('upgrades under load: no request fails, every answer is right, the cache is kept', async (context) => {
  const origin = await startOrigin(context)
  const folder = temporaryFolder('upgrade')
  context.after(() => folder.remove())
  // However slow the machine: nobody's time is over before the test is.
  const patient = '--upgradable --drain-ms 30m --idle-ms 30m'.split(' ')
  const flags = ['--origin', `http://127.0.0.1:${origin.port}`, ...patient]
  const edge = await startEdgeCommand(flags, folder.path)
  context.after(() => edge.stop())
  const kept = (turn: number): string => `/kept/${turn % cachedPages}`
  for (let at = 0; at < cachedPages; at++) await (await fetch(`${edge.traffic}${kept(at)}`)).text()
  // Begun before the first upgrade, ended after the last one.
  const long = fetch(`${edge.traffic}/long`).then((answer) => answer.text())
  await until(() => origin.asked.has('/long'))
  const { port, hostname: host } = new URL(edge.traffic)
  const idle = connect({ port: Number(port), host })
  await once(idle, 'connect')
  assert.doesNotMatch(await askOn(idle, '/kept/1', bodyOf('/kept/1')), /connection: close/i)
  const load = startLoad(edge.traffic, [
    ...[1, 1, 2, 3].map((pauseMs) => ({ keepAlive: true, pauseMs, path: kept })),
    { keepAlive: true, pauseMs: 90, path: kept },
    { keepAlive: true, pauseMs: 400, path: kept },
    ...[2, 3, 5].map((pauseMs) => ({ keepAlive: false, pauseMs, path: kept })),
    { keepAlive: true, pauseMs: 4, path: (turn) => `/own/${turn}` },
    { keepAlive: true, pauseMs: 7, method: 'POST', path: (turn) => `/told/${turn}` },
    { keepAlive: false, pauseMs: 7, method: 'POST', path: (turn) => `/told/new/${turn}` },
  ])
  context.after(() => load.stop())
  const first = edge.children()
  for (let turn = 0; turn < upgrades; turn++) {
    const from = load.seen().requests
    await upgrade(edge, turn + 2)
    // Both generations are seen at work before the next upgrade.
    await until(() => load.seen().requests > from + 300)
  }
  const last = await askOn(idle, '/kept/2', bodyOf('/kept/2'))
  assert.match(last, /connection: close/i, 'an idle connection may ask once more')
  origin.endLong()
  assert.match(await long, /^begun\.+ended$/, 'what was under way is answered to its end')
  await until(() => edge.children().length === 1)
  const { requests, failed } = await load.stop()
  context.diagnostic(`${requests} requests, ${failed.length} failed, ${upgrades} upgrades`)
  assert.deepEqual(failed, [])
  assert.ok(requests > 300 * upgrades)
  for (let at = 0; at < cachedPages; at++)
    assert.equal(origin.asked.get(kept(at)), 1, `${kept(at)} was asked for again`)
  assert.ok(!first.includes(edge.children()[0] as number), 'another process answers')
  assert.equal(await edge.stop(), 0)
})

test('a successor that cannot run leaves the old one at work and says why; so do bad settings', async (context) => {
  const origin = await startOrigin(context)
  const folder = temporaryFolder('upgrade')
  context.after(() => folder.remove())
  const file = join(folder.path, 'spate.yaml')
  const settings = (more = ''): void =>
    writeFileSync(file, `edge:\n  origin: http://127.0.0.1:${origin.port}\n${more}`)
  settings()
  // Nobody takes the telemetry: it waits on disk, in a folder of its own for each process.
  const flags = ['--upgradable', '--otlp', 'http://127.0.0.1:1', '--config', file]
  const edge = await startEdgeCommand(flags, folder.path)
  context.after(() => edge.stop())
  const [worker] = edge.children()
  const get = async (path: string): Promise<string> =>
    (await fetch(`${edge.traffic}${path}`)).text()
  await get('/kept/1')
  const load = startLoad(edge.traffic, [
    { keepAlive: true, pauseMs: 3, path: () => '/kept/1' },
    { keepAlive: false, pauseMs: 3, path: () => '/kept/1' },
  ])
  context.after(() => load.stop())

  settings('  ttlMs: soon\n')
  const bad = await edge.call('/upgrade')
  assert.equal(bad.status, 422)
  assert.match(String(bad.body['detail']), /line 3: edge.ttlMs: got "soon", expected a duration/)
  process.kill(edge.pid, 'SIGUSR2')
  await edge.printed(/the upgrade failed; the old one goes on .*edge.ttlMs/)

  // Good to read, and still nothing a node can run with: only the new process finds out.
  const site = (name: string): string =>
    `    - name: ${name}\n      hosts: [twin.test]\n      origins: [http://127.0.0.1:1]\n`
  settings(`  sites:\n${site('one')}${site('two')}`)
  const twins = await edge.call('/upgrade')
  assert.equal(twins.status, 409)
  assert.match(String(twins.body['detail']), /worker 0 could not start: .*twin.test/s)

  const { requests, failed } = await load.stop()
  assert.deepEqual(failed, [])
  assert.ok(requests > 10)
  assert.deepEqual(edge.children(), [worker], 'the old one is there, and nobody else')
  settings('  ttlMs: 2h\n')
  assert.equal((await edge.call('/reload')).status, 200, 'it can still be told something')
  assert.equal((await edge.call('/upgrade')).status, 200, 'and be replaced')
  assert.equal(await get('/kept/1'), bodyOf('/kept/1'))
  assert.equal(origin.asked.get('/kept/1'), 1)
  assert.equal(await edge.stop(), 0)
})
