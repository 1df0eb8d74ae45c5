import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openMetricsType, plainText } from './exposition.ts'
import { metricNames } from './names.ts'
import { createOtlpExporter } from './otlp/exporter.ts'
import { createTelemetry, type Telemetry } from './telemetry.ts'

const collector = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'spate',
  'otelcol',
  'otelcol',
)
const prometheus = '/usr/bin/prometheus'
const promtool = '/usr/bin/promtool'

function needed(path: string, name: string): { skip: string | false } {
  if (existsSync(path) || process.env['SPATE_REQUIRE_SERVICES'] === '1') return { skip: false }
  return { skip: `${name} is not installed; \`npm run services\` brings it` }
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'spate-servers-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function started(t: TestContext, path: string, args: readonly string[]): ChildProcess {
  const child = spawn(path, args, { stdio: 'ignore' })
  t.after(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  })
  return child
}

async function eventually<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  for (let turn = 0; turn < 150; turn++) {
    try {
      const found = await probe()
      if (found !== undefined) return found
    } catch {
      // Not up yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new assert.AssertionError({ message: `${what} did not happen in thirty seconds` })
}

function traffic(telemetry: Telemetry, requests: number): void {
  const headers = { get: () => undefined }
  for (let at = 0; at < requests; at++) {
    const arrivedMs = performance.now() - (at % 10 === 0 ? 300 : 3)
    telemetry
      .beginServer({
        method: 'GET',
        path: '/items/7',
        host: 'shop',
        httpVersion: '1.1',
        secure: false,
        arrivedMs,
        headers,
      })
      .end(at % 20 === 0 ? 500 : 200, '/items/{id}')
  }
}

test(
  'a real Collector takes spans and metrics over gRPC and HTTP, and its counts are ours',
  needed(collector, 'the Collector'),
  async (t) => {
    const folder = temporary(t)
    const [grpc, http, prom, own] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ]
    const config = join(folder, 'config.yaml')
    writeFileSync(
      config,
      `receivers:
  otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${grpc}" }, http: { endpoint: "127.0.0.1:${http}" } } }
processors:
  tail_sampling:
    decision_wait: 1s
    policies: [{ name: errors, type: status_code, status_code: { status_codes: [ERROR] } }]
exporters:
  file/all: { path: "${folder}/all.json", flush_interval: 200ms }
  file/tail: { path: "${folder}/tail.json", flush_interval: 200ms }
  prometheus: { endpoint: "127.0.0.1:${prom}" }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    traces: { receivers: [otlp], exporters: [file/all] }
    traces/tail: { receivers: [otlp], processors: [tail_sampling], exporters: [file/tail] }
    metrics: { receivers: [otlp], exporters: [prometheus] }
`,
    )
    assert.ok(own > 0)
    started(t, collector, ['--config', config])
    await eventually(
      'the Collector listens',
      async () => (await fetch(`http://127.0.0.1:${http}/`), true),
    )
    const requests = 1000
    for (const [protocol, port] of [
      ['grpc', grpc],
      ['http/protobuf', http],
      ['http/json', http],
    ] as const) {
      const exporter = await createOtlpExporter({ url: `http://127.0.0.1:${port}`, protocol })
      const telemetry = createTelemetry({
        serviceName: `test-${protocol}`,
        exporters: [exporter],
        sampling: { strategy: 'fixed', rate: 1 },
      })
      traffic(telemetry, requests)
      await telemetry.shutdown()
      assert.equal(exporter.counters.accepted.traces, requests, protocol)
      assert.deepEqual(exporter.counters.rejected, { traces: 0, metrics: 0, logs: 0 }, protocol)
    }
    const spansIn = (name: string): Record<string, number> => {
      const counts: Record<string, number> = {}
      if (!existsSync(join(folder, name))) return counts
      for (const line of readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean)) {
        const { resourceSpans } = JSON.parse(line) as {
          resourceSpans: {
            resource: { attributes: { key: string; value: { stringValue: string } }[] }
            scopeSpans: { spans: unknown[] }[]
          }[]
        }
        for (const { resource, scopeSpans } of resourceSpans) {
          const service =
            resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? ''
          for (const { spans } of scopeSpans)
            counts[service] = (counts[service] ?? 0) + spans.length
        }
      }
      return counts
    }
    const total = (counts: Record<string, number>): number =>
      Object.values(counts).reduce((a, b) => a + b, 0)
    await eventually(
      'all spans are on file',
      async () => total(spansIn('all.json')) === 3 * requests || undefined,
    )
    assert.deepEqual(spansIn('all.json'), {
      'test-grpc': requests,
      'test-http/protobuf': requests,
      'test-http/json': requests,
    })
    await eventually(
      'the tail sampler kept the errors',
      async () => total(spansIn('tail.json')) === (3 * requests) / 20 || undefined,
    )
    const text = await eventually('its Prometheus exporter shows our counters', async () => {
      const page = await (await fetch(`http://127.0.0.1:${prom}/metrics`)).text()
      return page.includes('spate_telemetry_spans') ? page : undefined
    })
    assert.match(text, /spate_telemetry_spans_total\{[^}]*outcome="kept"[^}]*\} 1000/)
  },
)

test(
  'a real Prometheus scrapes us and answers the documented queries',
  needed(prometheus, 'Prometheus'),
  async (t) => {
    const folder = temporary(t)
    const telemetry = createTelemetry({
      serviceName: 'test',
      sampling: { strategy: 'fixed', rate: 1 },
    })
    t.after(() => telemetry.shutdown())
    const hits = telemetry.metrics
      .counter(metricNames.cacheHits)
      .series({ 'edge.cache.result': 'hit' })
    const asked = telemetry.metrics.counter(metricNames.cacheRequests).series()
    traffic(telemetry, 1000)
    hits.add(0)
    asked.add(0)
    const page = createServer((_request, response) => {
      traffic(telemetry, 100)
      hits.add(80)
      asked.add(100)
      response.writeHead(200, { 'content-type': openMetricsType })
      response.end(telemetry.exposition())
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => page.once('listening', resolve))
    t.after(() => page.close())
    const config = join(folder, 'prometheus.yml')
    writeFileSync(
      config,
      `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: spate\n    static_configs: [{ targets: ["127.0.0.1:${(page.address() as AddressInfo).port}"] }]\n`,
    )
    const port = await freePort()
    started(t, prometheus, [
      `--config.file=${config}`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=error',
    ])
    const query = async (text: string): Promise<number | undefined> => {
      const answer = (await (
        await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(text)}`)
      ).json()) as { data: { result: { value: [number, string] }[] } }
      const value = Number(answer.data.result[0]?.value[1])
      return Number.isFinite(value) ? value : undefined
    }
    const near = (value: number, expected: number, what: string): void =>
      assert.ok(
        Math.abs(value / expected - 1) < 0.15,
        `${what}: ${value}, expected about ${expected}`,
      )
    near(
      await eventually('the hit rate', () =>
        query('sum(rate(cache_hits_total[1m])) / sum(rate(cache_requests_total[1m]))'),
      ),
      0.8,
      'hit rate',
    )
    near(
      await eventually('the error rate', () =>
        query(
          'sum(rate(http_requests_total{status=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))',
        ),
      ),
      0.05,
      'error rate',
    )
    const qps = await eventually('the request rate', async () => {
      const value = (await query('sum(rate(http_requests_total[5s]))')) ?? 0
      return value > 60 ? value : undefined
    })
    assert.ok(qps < 200, `about 100 requests a scrape, one scrape a second: ${qps}`)
    const p99 = await eventually('P99', () =>
      query(
        'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))',
      ),
    )
    assert.ok(
      p99 > 0.25 && p99 <= 0.5,
      `a tenth takes 0.3 s, so P99 lies in the bucket up to 0.5 s: ${p99}`,
    )
    const exemplars = (await (
      await fetch(
        `http://127.0.0.1:${port}/api/v1/query_exemplars?query=http_request_duration_seconds_bucket&start=0&end=4102444800`,
      )
    ).json()) as { data: { exemplars: { labels: { trace_id: string } }[] }[] }
    assert.match(exemplars.data[0]?.exemplars[0]?.labels.trace_id ?? '', /^[0-9a-f]{32}$/)
    if (!existsSync(promtool)) return
    const input = plainText(telemetry.exposition())
    const linted = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' })
    assert.equal(`${linted.stdout}${linted.stderr}`, '', 'promtool has nothing to say')
  },
)
