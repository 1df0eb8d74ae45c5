import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { listen } from './listener.ts'
import { createRouter } from './router.ts'
import { SseHub } from './sse.ts'

const asked = {
  'the fast path': 'GET /events HTTP/1.1\r\nHost: a\r\n\r\n',
  // What the fast path does not parse goes to node:http.
  'node:http': 'GET /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
}

for (const [path, bytes] of Object.entries(asked)) {
  test(`a stream of events counts as a request until it begins, and its life apart: ${path}`, async (t) => {
    const clock = new VirtualClock()
    const hub = new SseHub({ clock })
    const telemetry = createTelemetry({ serviceName: 'test', clock })
    const events = {
      method: 'GET',
      path: '/events',
      handler: (request: Parameters<SseHub['subscribe']>[0]) => {
        clock.advance(250)
        return hub.subscribe(request, [{ data: 'first' }])
      },
    }
    const listener = await listen({
      host: '127.0.0.1',
      port: 0,
      handler: createRouter([events], { log: silentLog }),
      clock,
      log: silentLog,
      telemetry,
    })
    const socket = connect(Number(new URL(listener.url).port), '127.0.0.1')
    t.after(async () => {
      hub.close()
      socket.destroy()
      await listener.close()
      await telemetry.shutdown()
    })
    const heard = (word: string): Promise<void> =>
      new Promise((resolve) => {
        let text = ''
        socket.on('data', (piece) => {
          text += piece.toString('latin1')
          if (text.includes(word)) resolve()
        })
      })
    const first = heard('data: first')
    const last = heard('\r\n0\r\n\r\n')
    socket.write(bytes)
    await first
    clock.advance(10_000)
    hub.close()
    await last
    const figures = (): Record<string, number> =>
      Object.fromEntries(
        telemetry
          .exposition()
          .split('\n')
          .filter((line) => /^(http_server|spate_stream)\S+_(count|sum)\{\S*"\/events"/.test(line))
          .map((line) => [line.slice(0, line.indexOf('{')), Number(line.split(' ').at(-1))]),
      )
    while (figures()['spate_stream_duration_seconds_count'] === undefined)
      await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(figures(), {
      http_server_request_duration_seconds_count: 1,
      http_server_request_duration_seconds_sum: 0.25,
      spate_stream_duration_seconds_count: 1,
      spate_stream_duration_seconds_sum: 10,
    })
  })
}
