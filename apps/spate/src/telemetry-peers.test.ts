import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adminToken } from '@spate/http/admin-token'
import { createClient } from '@spate/http/client'
import type { Request, Response } from '@spate/http/exchange'
import { listen } from '@spate/http/listener'
import { jsonResponse } from '@spate/http/problem'
import { createRouter } from '@spate/http/router'
import { telemetryRoutes } from '@spate/http/telemetry-routes'
import { systemChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { TraceStore } from '@spate/telemetry/trace-store'
import { tellPeers } from './telemetry-peers.ts'

const token = adminToken('a-token-for-peers-0001')

/** One program with a clock, and so a board, of its own, as in a process of its own. */
async function program(name: string, handler: (request: Request, call: Call) => Promise<Response>) {
  const clock = { ...systemClock }
  const traces = new TraceStore()
  const telemetry = createTelemetry({
    serviceName: name,
    clock,
    sampling: { strategy: 'tail', rate: 0.0001, spansPerSecond: 0 },
    sinks: [traces.sink],
  })
  const client = createClient({ clock, telemetry, chance: systemChance })
  const call: Call = async (url, request) => {
    const answer = await client.fetch(url, { context: request.context })
    await answer.discard()
  }
  const routes = [
    {
      method: 'GET',
      path: '/task/{how}',
      handler: (request: Request) => handler(request, call),
    },
    ...telemetryRoutes(telemetry, token),
  ]
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    handler: createRouter(routes, { log: silentLog }),
    clock,
    log: silentLog,
    telemetry,
  })
  return { name, clock, traces, telemetry, client, listener, url: listener.url }
}

type Call = (url: string, request: Request) => Promise<void>

test('an error that only the leaf of three saw is kept on all three', async (t) => {
  const passOn =
    (next: () => string) =>
    async (request: Request, call: Call): Promise<Response> => {
      // The answer of those above says nothing of the failure below.
      await call(`${next()}${request.path}`, request)
      return jsonResponse(200, {})
    }
  const leaf = await program('leaf', async (request) =>
    jsonResponse(request.params['how'] === 'badly' ? 500 : 200, {}),
  )
  const middle = await program(
    'middle',
    passOn(() => leaf.url),
  )
  const front = await program(
    'front',
    passOn(() => middle.url),
  )
  const nodes = [front, middle, leaf]
  const stops = nodes.map(({ telemetry, clock }) =>
    tellPeers(telemetry, {
      // Itself among them, as one list for all nodes has it.
      peers: nodes.map(({ url }) => url),
      adminToken: token.value,
      clock,
      log: silentLog,
    }),
  )
  t.after(async () => {
    for (const stop of stops) await stop()
    for (const { client, listener } of nodes) {
      await client.close()
      await listener.close()
    }
  })
  const traceId = (at: number): string => `5b8aa5a2d2c872e8${at.toString(16).padStart(16, '0')}`
  const plain = createClient({ clock: systemClock })
  t.after(() => plain.close())
  for (let at = 1; at <= 400; at++)
    await plain
      .fetch(`${front.url}/task/${at % 20 === 0 ? 'badly' : 'well'}`, {
        headers: { traceparent: `00-${traceId(at)}-051581bf3cb55c13-00` },
      })
      .then((answer) => answer.text())
  await systemClock.sleep(300)
  let expected = 0
  let recovered = 0
  for (let at = 20; at <= 400; at += 20) {
    for (const { name, traces } of nodes) {
      // A server span each, and a client span where it calls on.
      expected += name === 'leaf' ? 1 : 2
      const spans = traces.spans(traceId(at))
      recovered += spans.length
      for (const span of spans) assert.equal(span.traceState, 'ot=th:0', name)
    }
  }
  assert.equal(expected, 100)
  assert.ok(recovered >= 0.99 * expected, `recovered ${recovered} of ${expected}`)
  const well = Array.from({ length: 400 }, (_, at) => at + 1).filter((at) => at % 20 !== 0)
  const held = well.filter((at) => middle.traces.spans(traceId(at)).length > 0).length
  assert.ok(held < 0.1 * well.length, `those that went well are let go, but ${held} were kept`)
})

test('the channel takes no word without the admin token, nor ids that are none', async (t) => {
  const { listener, url } = await program('one', async () => jsonResponse(200, {}))
  t.after(() => listener.close())
  const post = (body: unknown, authorization: string): Promise<{ status: number }> =>
    fetch(`${url}/telemetry/keep`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify(body),
    })
  const good = { traces: [{ traceId: '5b8aa5a2d2c872e80000000000000001', threshold: '0' }] }
  const bearer = `Bearer ${token.value}`
  assert.equal((await post(good, bearer)).status, 202)
  assert.equal((await post(good, 'Bearer wrong')).status, 401)
  assert.equal((await post({ traces: [{ traceId: 'x' }] }, bearer)).status, 422)
  const many = (count: number) => ({ traces: Array(count).fill(good.traces[0]) })
  assert.equal((await post(many(500), bearer)).status, 202)
  assert.equal((await post(many(501), bearer)).status, 422)
})
