import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import { createClient } from '@spate/http/client'
import { createGrpcServer } from '@spate/http/grpc'
import { createGrpcClient } from '@spate/http/grpc-client'
import type { GrpcCall } from '@spate/http/grpc-method'
import { listen } from '@spate/http/listener'
import { jsonResponse } from '@spate/http/problem'
import { createRouter } from '@spate/http/router'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { extractHeaders, injectHeaders } from '@spate/telemetry/propagator'
import { createTelemetry } from '@spate/telemetry/telemetry'

interface Methods {
  readonly [method: string]: readonly [object, object]
  readonly Say: [{ text: string }, { text: string }]
}

const proto = join(import.meta.dirname, '..', '..', '..', 'packages/http/src/grpc-test.proto')
const name = 'spate.http.test.v1.Echo'
const clock = systemClock

/** Flags, random included, and the foreign part of the state as they arrive at a hop. */
interface Seen {
  readonly hop: string
  readonly traceId: string
  readonly flags: number
  readonly vendor: string | undefined
}

function seenIn(hop: string, context: Context): Seen {
  const span = trace.getSpanContext(context)
  return {
    hop,
    traceId: span?.traceId ?? '',
    flags: span?.traceFlags ?? -1,
    vendor: span?.traceState?.get('vendor'),
  }
}

test('trace id, flags with the random one, and foreign state survive HTTP, gRPC and the event log', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'spate-hops-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const telemetry = createTelemetry({
    serviceName: 'hops',
    sampling: { strategy: 'fixed', rate: 1 },
  })
  const eventLog = await openEmbeddedEventLog({ folder, clock, log: silentLog })
  const seen: Seen[] = []
  const say = async (_request: unknown, call: GrpcCall): Promise<object> => {
    seen.push(seenIn('gRPC', call.context))
    const headers = injectHeaders(call.context)
    await eventLog.publish('hops', [{ key: 'k', value: Buffer.from('{}'), headers }])
    return { text: 'said' }
  }
  const services = [{ proto, name, methods: { Say: say, Count: () => [] } }]
  const grpc = await createGrpcServer({
    host: '127.0.0.1',
    port: 0,
    clock,
    log: silentLog,
    telemetry,
    services,
  })
  const rpc = await createGrpcClient<Methods>({
    proto,
    name,
    address: grpc.address,
    clock,
    telemetry,
  })
  const routes = [
    {
      method: 'GET',
      path: '/hop',
      handler: async ({ context }: { context: Context }) => {
        seen.push(seenIn('HTTP', context))
        await rpc.call('Say', { text: 'x' }, { context })
        return jsonResponse(200, {})
      },
    },
  ]
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    handler: createRouter(routes, { log: silentLog }),
    clock,
    log: silentLog,
    telemetry,
  })
  const client = createClient({ clock, telemetry })
  t.after(async () => {
    await client.close()
    await listener.close()
    rpc.close()
    await grpc.close(AbortSignal.abort())
    await eventLog.close()
    await telemetry.shutdown()
  })
  const ids: string[] = []
  for (const [at, flags] of ['00', '01', '02', '03'].entries()) {
    const traceId = `5b8aa5a2d2c872e8321cf37308d69d0${at}`
    ids.push(traceId)
    const incoming = {
      traceparent: `00-${traceId}-051581bf3cb55c13-${flags}`,
      tracestate: 'vendor=kept',
    }
    const context = extractHeaders(incoming, ROOT_CONTEXT)
    await (await client.fetch(`${listener.url}/hop`, { context })).discard()
  }
  for (const [partition] of (await eventLog.bounds('hops')).entries())
    for await (const event of eventLog.read('hops', partition, 0))
      seen.push(seenIn('event', extractHeaders(event.headers, ROOT_CONTEXT)))
  for (const [flags, traceId] of ids.entries()) {
    const hops = seen.filter((each) => each.traceId === traceId)
    assert.deepEqual(
      hops.map(({ hop }) => hop),
      ['HTTP', 'gRPC', 'event'],
    )
    for (const hop of hops) {
      assert.equal(hop.flags, flags, `${hop.hop} of ${traceId}`)
      assert.equal(hop.vendor, 'kept', hop.hop)
    }
  }
  assert.equal(seen.length, 12)
})
