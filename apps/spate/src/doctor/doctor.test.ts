import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import type { Host } from '@spate/runtime/host'
import { commands } from '../commands.ts'
import { dispatch } from '../dispatch.ts'
import {
  dataFindings,
  diskBytes,
  judgedDisk,
  judgedSync,
  syncMsGood,
  tokenFinding,
} from './data-checks.ts'
import type { Finding } from './finding.ts'
import {
  clockSlipMs,
  judgedClock,
  judgedFiles,
  judgedMemory,
  memoryBytes,
  nodeFinding,
  openFiles,
} from './machine-checks.ts'
import { portFinding, serviceFinding, serviceOf } from './network-checks.ts'

const verdicts = (judged: (figure: number) => Finding, figures: readonly number[]): string =>
  figures.map((figure) => judged(figure).verdict).join(' ')

test('figures are judged at their bounds, and what is not well says what to do', () => {
  for (const [judged, { least, good }] of [
    [judgedMemory, memoryBytes],
    [judgedFiles, openFiles],
    [judgedDisk, diskBytes],
  ] as const) {
    assert.equal(verdicts(judged, [least - 1, least, least + 1]), 'fail warn warn')
    assert.equal(verdicts(judged, [good - 1, good, good + 1]), 'warn ok ok')
    assert.ok(judged(0).next)
    assert.equal(judged(good).next, undefined)
  }
  assert.equal(verdicts(judgedSync, [syncMsGood - 1, syncMsGood, syncMsGood + 1]), 'ok ok warn')
  const slips = [-clockSlipMs - 1, -clockSlipMs, clockSlipMs, clockSlipMs + 1]
  const today = Date.UTC(2026, 10, 25)
  assert.equal(
    verdicts((slip) => judgedClock(today, slip), slips),
    'warn ok ok warn',
  )
  assert.equal(judgedClock(0, 0).verdict, 'fail')
  const versions = ['23.11.0', '24.0.0', '25.9.0', '26.0.0', '27.1.0'].map(nodeFinding)
  assert.deepEqual(
    versions.map(({ verdict }) => verdict),
    ['fail', 'warn', 'warn', 'ok', 'ok'],
  )
})

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-doctor-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

test('a data folder is proved by durable writes that leave nothing behind', async (t) => {
  const folder = await folderFor(t)
  const found = await dataFindings(join(folder, 'new'), systemClock)
  assert.deepEqual(
    found.map(({ check }) => check),
    ['data folder', 'disk sync', 'disk space'],
  )
  assert.match(found[0]?.detail ?? '', /will be made/)
  assert.deepEqual(await readdir(folder), [])
  await writeFile(join(folder, 'file'), '')
  const [refused] = await dataFindings(join(folder, 'file', 'x'), systemClock)
  assert.equal(refused?.verdict, 'fail')
  assert.match(refused?.detail ?? '', /ENOTDIR/)
})

test('a token that others can read is warned of', async (t) => {
  const folder = await folderFor(t)
  assert.match((await tokenFinding(folder)).detail, /none yet/)
  const path = join(folder, 'admin-token')
  await writeFile(path, 'secret', { mode: 0o600 })
  assert.equal((await tokenFinding(folder)).verdict, 'ok')
  await chmod(path, 0o640)
  const open = await tokenFinding(folder)
  assert.deepEqual([open.verdict, open.next], ['warn', `chmod 600 ${path}`])
})

test('ports are free or taken, services reached or not', async (t) => {
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const taken = await portFinding('edgePort', '127.0.0.1', port)
  assert.equal(taken.verdict, 'fail')
  assert.match(taken.detail, /another program/)
  assert.match(taken.next ?? '', /edgePort/)
  assert.equal((await portFinding('edgePort', '127.0.0.1', 0)).verdict, 'ok')
  const reached = { setting: 'otlp', host: '127.0.0.1', port }
  assert.equal((await serviceFinding(reached)).verdict, 'ok')
  const away = await serviceFinding({ ...reached, port: 1 })
  assert.deepEqual(
    [away.verdict, away.detail],
    ['warn', '127.0.0.1:1 cannot be reached (ECONNREFUSED)'],
  )
  assert.deepEqual(serviceOf('redis', 'redis://[::1]'), {
    setting: 'redis',
    host: '::1',
    port: 6379,
  })
  assert.deepEqual(serviceOf('kafka', 'k:9092'), { setting: 'kafka', host: 'k', port: 9092 })
  assert.equal(serviceOf('kafka', 'nonsense'), undefined)
})

test('the command tells all in JSON, and its exit code says whether a check failed', async (t) => {
  const folder = await folderFor(t)
  const run = async (yaml: string): Promise<{ code: number; told: Record<string, unknown> }> => {
    await writeFile(join(folder, 'spate.yaml'), yaml)
    let out = ''
    const host: Host = {
      argv: ['doctor', '--json'],
      env: { SPATE_CONFIG: 'spate.yaml' },
      cwd: folder,
      pid: 1,
      colours: false,
      interactive: false,
      write: (each) => void (out += each),
      writeError: (each) => void (out += each),
    }
    const surroundings = { host, clock: systemClock, chance: new SeededChance(1) }
    const { signal } = new AbortController()
    const code = await dispatch(commands, { ...surroundings, signal, onSignal: () => {} })
    return { code, told: JSON.parse(out) as Record<string, unknown> }
  }
  const ports = [
    'edge',
    'edgeAdmin',
    'seckill',
    'seckillGrpc',
    'recommend',
    'recommendGrpc',
    'shop',
  ]
    .concat('console', 'otlpGrpc', 'otlpHttp')
    .map((name) => `  ${name}Port: 0\n`)
  const good = await run(`up:\n${ports.join('')}`)
  assert.deepEqual([good.code, good.told['fit']], [0, true])
  const bad = await run(`up:\n${ports.join('')}  edgePort: 99999\n`.replace('  edgePort: 0\n', ''))
  assert.deepEqual([bad.code, bad.told['fit']], [1, false])
  const failed = (bad.told['findings'] as Finding[]).filter(({ verdict }) => verdict === 'fail')
  assert.ok(failed.some(({ check, detail }) => check === 'settings' && /99999/.test(detail)))
})
