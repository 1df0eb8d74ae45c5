import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import type { Command } from '@spate/runtime/command'
import { silentLog } from '@spate/runtime/log'
import { createTelemetry } from '../telemetry.ts'
import { compareCommand } from './compare-command.ts'
import { reportCommand } from './report-command.ts'
import { breakEven, plannedTraffic, reportSizes } from './report.ts'

async function json(command: Command, given: Readonly<Record<string, unknown>>): Promise<unknown> {
  let out = ''
  const defaults = Object.entries(command.settings).map(([name, row]) => [name, row.default])
  const code = await command.run({
    settings: { ...Object.fromEntries(defaults), ...given },
    words: [],
    json: true,
    host: {
      argv: [],
      env: {},
      cwd: '/',
      pid: 1,
      colours: false,
      interactive: false,
      write: (text) => void (out += text),
      writeError: () => {},
    },
    clock: systemClock,
    chance: new SeededChance(1),
    log: silentLog,
    addLogSink: () => {},
    reread: () => assert.fail('no settings to read again'),
    onSignal: () => {},
    signal: new AbortController().signal,
  })
  assert.equal(code, 0)
  return JSON.parse(out)
}

interface Compared {
  readonly strategies: readonly {
    readonly strategy: string
    readonly spansKept: number
    readonly wireBytes: number
    readonly failed: number
    readonly failedKept: number
    readonly failedWhole: number
  }[]
}

test('of the same traffic fixed keeps its share of errors, adaptive all failed spans, tail whole traces', async () => {
  const given = { requests: 1000, errorShare: 0.1, rounds: 1, sampleRate: 0.01, seed: 7 }
  const first = (await json(compareCommand, given)) as Compared
  const again = (await json(compareCommand, given)) as Compared
  const [fixed, adaptive, tail] = first.strategies
  assert.ok(fixed && adaptive && tail)
  assert.ok(fixed.failed > 50)
  for (const { failed } of first.strategies) assert.equal(failed, fixed.failed, 'same traffic')
  assert.ok(fixed.failedKept < 0.1 * fixed.failed)
  assert.equal(adaptive.failedKept, adaptive.failed)
  assert.ok(adaptive.failedWhole < adaptive.failed, 'a failure behind a 200 leaves its front out')
  assert.equal(tail.failedKept, tail.failed)
  assert.equal(tail.failedWhole, tail.failed)
  const figures = ({ strategies }: Compared): unknown =>
    strategies.map(({ spansKept, wireBytes }) => [spansKept, wireBytes])
  assert.deepEqual(figures(first), figures(again), 'the same seed, the same figures')
})

test('the aggregate of a minute saves 95 % and more, and breaks even where it says', async () => {
  const sizes = await reportSizes(plannedTraffic(20_000, 40, 3), 1)
  assert.equal(sizes.series, 120)
  assert.ok(1 - sizes.aggregate.gzip / sizes.spans.gzip > 0.97)
  assert.ok(1 - sizes.aggregate.gzip / sizes.points.gzip > 0.9)
  const at = breakEven(sizes, sizes.points, 0)
  const around = async (times: number): Promise<boolean> => {
    const each = Math.max(1, Math.round(at * times))
    const traffic = plannedTraffic(40, 40, 3).map((line) => ({ ...line, requests: each }))
    const { aggregate, points } = await reportSizes(traffic, 1)
    return aggregate.gzip < points.gzip
  }
  assert.equal(await around(3), true, 'well above the break-even it saves')
  assert.equal(await around(0.3), false, 'well below it costs more')
})

test('a report can take its traffic from a running program', async (t) => {
  const telemetry = createTelemetry({ serviceName: 'live' })
  t.after(() => telemetry.shutdown())
  const view = {
    method: 'GET',
    path: '/a',
    host: 'a',
    httpVersion: '1.1',
    secure: false,
    headers: { get: () => undefined },
  }
  const server = createServer((_request, response) => {
    for (let at = 0; at < 50; at++)
      telemetry
        .beginServer({ ...view, arrivedMs: systemClock.elapsed() })
        .end(at % 2 ? 200 : 404, at % 2 ? '/a' : '/b')
    response.end(telemetry.exposition())
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const report = await json(reportCommand, { url, watch: 50 })
  const { requests, series } = report as { requests: number; series: number }
  assert.deepEqual([requests, series], [60_000, 2], 'fifty in fifty milliseconds')
})
