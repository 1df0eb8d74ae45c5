import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startEdge } from '@spate/edge/main'
import { edgeSettings } from '@spate/edge/settings'
import { adminToken } from '@spate/http/admin-token'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { loadSettings } from '@spate/runtime/settings-load'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { dispatch } from './dispatch.ts'
import { tailCommand, topCommand, warmCommand } from './edge-watch.ts'

const token = 'a-token-for-tests-only'

interface Ran {
  readonly code: number
  readonly out: string
  readonly error: string
}

/** Runs a command line against the edge at `admin`, as it would be in a pipe, or on a terminal. */
async function run(
  admin: string,
  words: readonly string[],
  on: { readonly terminal?: boolean; readonly until?: (out: string) => boolean } = {},
): Promise<Ran> {
  const { terminal = false, until = (): boolean => false } = on
  const stop = new AbortController()
  let out = ''
  let error = ''
  const code = await dispatch([topCommand, tailCommand, warmCommand], {
    host: {
      argv: [...words, '--url', admin, '--admin-token', token, '--log-format', 'text'],
      env: {},
      cwd: tmpdir(),
      pid: 1,
      colours: terminal,
      interactive: terminal,
      write: (text) => {
        out += text
        if (until(out)) stop.abort()
      },
      writeError: (text) => {
        error += text
      },
    },
    clock: systemClock,
    chance: new SeededChance(1),
    signal: stop.signal,
    onSignal: () => {},
  })
  return { code, out, error }
}

test('spate warm, top and tail against a node that runs: in a pipe, on a terminal, and refused', async () => {
  const origin = createServer((request, response) => {
    response.setHeader('cache-control', 'max-age=60')
    if (request.url === '/gone') response.statusCode = 404
    response.end('page')
  })
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const folder = mkdtempSync(join(tmpdir(), 'spate-watch-'))
  const { values } = loadSettings(edgeSettings, {
    program: 'edge',
    flags: [
      `--origin=http://127.0.0.1:${(origin.address() as AddressInfo).port}`,
      '--port=0',
      '--admin-port=0',
      '--disk-bytes=0',
    ],
    env: {},
  })
  const edge = await startEdge({
    settings: values,
    clock: systemClock,
    chance: new SeededChance(2),
    log: silentLog,
    telemetry: noTelemetry,
    dataDir: folder,
    adminToken: adminToken(token),
  })
  const admin = edge.urls['admin'] as string
  const traffic = edge.urls['traffic'] as string
  try {
    const warmed = await run(admin, ['warm', `${traffic}/a`, `${traffic}/b`])
    assert.equal(warmed.code, 0, warmed.error)
    assert.match(warmed.out, /^done: 2 of 2 pages, 8 B; 2 brought in, 0 fresh before/)
    const again = await run(admin, ['warm', `${traffic}/a`, `${traffic}/gone`, '--json'])
    assert.equal(again.code, 1, 'a page failed')
    const job = JSON.parse(again.out) as { fresh: number; failed: number }
    assert.deepEqual([job.fresh, job.failed], [1, 1])
    assert.equal((await run(admin, ['warm'])).code, 2)
    assert.match((await run(admin, ['warm', 'ftp://x/'])).error, /absolute http or https URLs/)

    const tailing = run(admin, ['tail', 'cache=hit', 'path^=/a', '--lines', '2', '--json'])
    const work = { over: false }
    const visits = (async () => {
      while (!work.over) await (await fetch(`${traffic}/a?secret=1`)).text()
    })()
    const tailed = await tailing
    const visible = await run(admin, ['tail', 'path=/a'], {
      terminal: true,
      until: (out) => out.includes('/a'),
    })
    work.over = true
    await visits
    assert.equal(tailed.code, 0, tailed.error)
    const lines = tailed.out.trim().split('\n')
    assert.equal(lines.length, 2)
    for (const line of lines) {
      const { cache, path } = JSON.parse(line) as { cache: string; path: string }
      assert.deepEqual([cache, path], ['hit', '/a'])
    }
    assert.equal(visible.code, 0, 'Ctrl-C is no failure')
    assert.match(visible.out, /200 {2}hit .* GET 127\.0\.0\.1:\d+\/a /)
    const bad = await run(admin, ['tail', 'speed>1'])
    assert.equal(bad.code, 1)
    assert.match(bad.error, /a field: status, bytes, ms/)

    const top = await run(admin, ['top'])
    assert.equal(top.code, 0)
    assert.ok(!top.out.includes('\u001B'), 'no colours in a pipe')
    assert.match(top.out, /^requests {3}[\d.]+\/s {2}\(\d+ in [\d.]+ s\)$/m)
    assert.match(top.out, /^hit ratio {2}\d+\.\d %/m)
    assert.match(top.out, /^paths$/m)
    assert.match(top.out, /^ +\d+ {2}\/a$/m)
    assert.match(top.out, /healthy, breaker closed, \d+ under way$/m)
    const live = await run(admin, ['top'], {
      terminal: true,
      until: (out) => out.split('\u001B[H').length > 2,
    })
    assert.equal(live.code, 0)
    assert.ok(live.out.includes('\u001B[1m'), 'bold on a terminal')
    const view = JSON.parse((await run(admin, ['top', '--json'])).out) as { requests: number }
    assert.ok(view.requests > 0)
    assert.equal((await run('http://127.0.0.1:1', ['top'])).code, 1)
  } finally {
    await edge.stop()
    origin.closeAllConnections()
    origin.close()
    rmSync(folder, { recursive: true })
  }
})
