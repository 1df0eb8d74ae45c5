import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { RedisInstrumentation } from '@opentelemetry/instrumentation-redis'
import type * as redis from 'redis'
import { withContext } from './context.ts'
import type { SpanRecord } from './span-record.ts'
import { createTelemetry } from './telemetry.ts'

const server = '/usr/bin/redis-server'
const skip =
  existsSync(server) || process.env['SPATE_REQUIRE_SERVICES'] === '1'
    ? false
    : 'redis-server is not installed; `npm run services` brings it'

async function freePort(): Promise<number> {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as AddressInfo
  await new Promise((resolve) => taken.close(resolve))
  return port
}

async function redisAt(t: TestContext): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'spate-redis-'))
  const port = await freePort()
  const child = spawn(
    server,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  t.after(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('redis-server ended')))
    child.stdout.on('data', (piece: Buffer) => {
      if (piece.toString().includes('Ready to accept connections')) resolve()
    })
  })
  return `redis://127.0.0.1:${port}`
}

test(
  'the redis instrumentation, unchanged, hangs its spans under ours, and no value leaves',
  { skip },
  async (t) => {
    const url = await redisAt(t)
    const spans: SpanRecord[] = []
    const telemetry = createTelemetry({
      serviceName: 'foreign',
      sinks: [(some) => spans.push(...some)],
    })
    t.after(() => telemetry.shutdown())
    t.after(telemetry.register())
    const instrumentation = new RedisInstrumentation()
    instrumentation.setTracerProvider(telemetry.tracerProvider)
    instrumentation.enable()
    t.after(() => instrumentation.disable())
    // Patched as it is required, which must come after `enable`.
    const { createClient } = createRequire(import.meta.url)('redis') as typeof redis
    const client = createClient({ url })
    await client.connect()
    const parent = telemetry.tracer.startSpan('purchase')
    await withContext(trace.setSpan(ROOT_CONTEXT, parent), async () => {
      await client.set('stock:tea', 'secret-value')
      assert.equal(await client.get('stock:tea'), 'secret-value')
      await assert.rejects(client.sendCommand(['NO-SUCH-COMMAND']))
    })
    parent.end()
    await client.close()
    await new Promise((resolve) => setImmediate(resolve))
    const calls = spans.filter(({ parentSpanId }) => parentSpanId === parent.spanContext().spanId)
    assert.equal(calls.length, 3, spans.map(({ name }) => name).join())
    for (const { traceId, kind, attributes, scope } of calls) {
      assert.equal(traceId, parent.spanContext().traceId)
      assert.equal(kind, SpanKind.CLIENT)
      assert.equal(attributes['db.system'] ?? attributes['db.system.name'], 'redis')
      assert.equal(scope.name, '@opentelemetry/instrumentation-redis')
    }
    assert.deepEqual(
      calls.map(({ status }) => status.code === SpanStatusCode.ERROR),
      [false, false, true],
    )
    assert.doesNotMatch(JSON.stringify(spans), /secret-value/)
  },
)
