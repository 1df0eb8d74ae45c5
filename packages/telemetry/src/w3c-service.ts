import { createServer, request as requestHttp, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Context } from '@opentelemetry/api'
import { SpanKind } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { SpanScope } from './context.ts'
import { injectHeaders } from './propagator.ts'
import type { Telemetry } from './telemetry.ts'

/**
 * The service side of the W3C trace-context harness: takes a JSON array of `{url, arguments}` and
 * posts each element's arguments to its URL, with the trace context it received. It calls only
 * addresses of this machine, and is bounded in calls and bytes.
 */

/** A running service. */
export interface W3cService {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

const bodyBytesMax = 1024 * 1024
const callsMax = 100
const callTimeoutMs = 5000

/** Starts the service on 127.0.0.1; port 0 is any free one. */
export async function startW3cService(
  telemetry: Telemetry,
  clock: Clock,
  port: number,
): Promise<W3cService> {
  const server = createServer((request, response) => {
    const exchange = telemetry.beginServer(
      {
        method: request.method ?? '',
        path: request.url ?? '/',
        host: request.headers.host ?? '',
        httpVersion: request.httpVersion,
        secure: false,
        arrivedMs: clock.elapsed(),
        headers: { get: (name) => request.headers[name]?.toString() },
      },
      lone(request, 'traceparent'),
      lines(request, 'tracestate').join(',') || undefined,
    )
    serve(telemetry, clock, request, exchange.context).then(
      () => finish(200),
      (caught: unknown) => finish(Fault.from(caught).status),
    )
    const finish = (status: number): void => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end('{}')
      exchange.end(status, '/test')
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${bound}/test`,
    port: bound,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  telemetry: Telemetry,
  clock: Clock,
  request: IncomingMessage,
  context: Context,
): Promise<void> {
  let text = ''
  for await (const part of request as AsyncIterable<Buffer>) {
    text += part.toString()
    if (text.length > bodyBytesMax) throw new Fault('payload_too_large')
  }
  for (const { url, body } of callsOf(text)) {
    const span = telemetry.tracer.startSpan('POST', { kind: SpanKind.CLIENT }, context)
    try {
      await post(clock, url, body, injectHeaders(new SpanScope(context, span)))
    } finally {
      span.end()
    }
  }
}

function callsOf(text: string): readonly { readonly url: URL; readonly body: string }[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (caught) {
    throw new Fault('invalid_request', 'the body is not JSON', { cause: caught })
  }
  if (!Array.isArray(parsed) || parsed.length > callsMax)
    throw new Fault('invalid_request', `expected an array of at most ${callsMax} calls`)
  return parsed.map((call: unknown) => {
    const { url, arguments: body } = (call ?? {}) as Record<string, unknown>
    if (typeof url !== 'string' || !URL.canParse(url))
      throw new Fault('invalid_request', 'expected a url in each call')
    const target = new URL(url)
    const local = ['127.0.0.1', 'localhost', '[::1]'].includes(target.hostname)
    if (!local || target.protocol !== 'http:')
      throw new Fault('forbidden', 'only addresses of this machine are called')
    return { url: target, body: JSON.stringify(body ?? []) }
  })
}

function post(
  clock: Clock,
  url: URL,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = requestHttp(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    })
    const timer = clock.after(callTimeoutMs, () => call.destroy(new Fault('upstream_timeout')))
    call.on('response', (response) => {
      response.resume().on('end', () => {
        timer.cancel()
        resolve()
      })
    })
    call.on('error', (caught) => {
      timer.cancel()
      reject(Fault.from(caught, 'bad_gateway'))
    })
    call.end(body)
  })
}

/** Values of every line of a header, in order. */
function lines(request: IncomingMessage, name: string): string[] {
  const values: string[] = []
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2)
    if (request.rawHeaders[at]?.toLowerCase() === name)
      values.push(request.rawHeaders[at + 1] as string)
  return values
}

/** The value of a header that must come once; undefined where it is absent or repeated. */
function lone(request: IncomingMessage, name: string): string | undefined {
  const values = lines(request, name)
  return values.length === 1 ? values[0] : undefined
}
