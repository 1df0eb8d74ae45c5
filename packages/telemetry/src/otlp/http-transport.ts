import { Agent, request as requestHttp, type IncomingMessage } from 'node:http'
import { Agent as AgentTls, request as requestHttps } from 'node:https'
import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import { suppressed, withContext } from '../context.ts'
import type { Signal } from './model.ts'
import {
  answerBytesMax,
  readAnswer,
  readJsonAnswer,
  retryAfterMs,
  type Sent,
  type Transport,
} from './transport.ts'

/** How to send by HTTP. */
export interface HttpTransportOptions {
  /** Base URL; `/v1/traces` and so on is put behind it. */
  readonly url: string
  readonly format: 'protobuf' | 'json'
  readonly headers?: Readonly<Record<string, string>>
  readonly clock: Clock
}

const retryable = new Set([429, 502, 503, 504])

/** OTLP over HTTP/1.1 with a kept-alive connection. */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const base = new URL(options.url)
  const tls = base.protocol === 'https:'
  const settings = { keepAlive: true, maxSockets: 4 }
  const agent = tls ? new AgentTls(settings) : new Agent(settings)
  const request = tls ? requestHttps : requestHttp
  const { format } = options
  const send = (signal: Signal, body: Uint8Array, timeoutMs: number): Promise<Sent> =>
    new Promise((resolve) => {
      const url = new URL(base)
      url.pathname = `${base.pathname.replace(/\/+$/, '')}/v1/${signal}`
      const call = request(url, {
        method: 'POST',
        agent,
        headers: {
          'content-type': format === 'json' ? 'application/json' : 'application/x-protobuf',
          'content-encoding': 'gzip',
          'content-length': body.length,
          ...options.headers,
        },
      })
      const timer = options.clock.after(timeoutMs, () => call.destroy(new Error('timed out')))
      call.on('response', (response) => {
        readBody(response).then(
          (answer) => {
            timer.cancel()
            resolve(judge(response, answer, format, options.clock.now()))
          },
          (caught: unknown) => {
            timer.cancel()
            resolve({ kind: 'retry', afterMs: undefined, text: errorText(caught) })
          },
        )
      })
      call.on('error', (caught) => {
        timer.cancel()
        resolve({ kind: 'retry', afterMs: undefined, text: errorText(caught) })
      })
      call.end(body)
    })
  return {
    format,
    // What sends telemetry must not be traced itself, or it would never end.
    send: (signal, body, timeoutMs) =>
      withContext(suppressed(ROOT_CONTEXT), () => send(signal, body, timeoutMs)),
    close: () => agent.destroy(),
  }
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length
    if (length <= answerBytesMax) parts.push(part)
  }
  return Buffer.concat(parts)
}

function judge(
  response: IncomingMessage,
  answer: Buffer,
  format: 'protobuf' | 'json',
  nowMs: number,
): Sent {
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300)
    return format === 'json' ? readJsonAnswer(answer.toString()) : readAnswer(answer)
  const text = `HTTP ${status}`
  if (!retryable.has(status)) return { kind: 'refused', text }
  return { kind: 'retry', afterMs: retryAfterMs(response.headers['retry-after'], nowMs), text }
}
