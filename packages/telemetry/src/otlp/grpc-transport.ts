import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import type { Signal } from './model.ts'
import { ProtoReader } from './proto-reader.ts'
import { answerBytesMax, readAnswer, type Sent, type Transport } from './transport.ts'

/**
 * OTLP over gRPC on `node:http2`: one session, a stream a request, gzip as `grpc-encoding`. A unary
 * call is a POST whose body is one message behind five bytes (compressed flag, length), and whose
 * verdict comes in the trailers.
 */

/** How to send by gRPC. */
export interface GrpcTransportOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly clock: Clock
}

const paths: Readonly<Record<Signal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
}

// CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS.
const retryable = new Set([1, 4, 10, 11, 14, 15])
const resourceExhausted = 8

/** OTLP over gRPC; connects when first used and again after a connection is lost. */
export function createGrpcTransport(options: GrpcTransportOptions): Transport {
  return new GrpcTransport(options)
}

class GrpcTransport implements Transport {
  readonly format = 'protobuf'
  readonly #options: GrpcTransportOptions
  #session: ClientHttp2Session | undefined

  constructor(options: GrpcTransportOptions) {
    this.#options = options
  }

  send(signal: Signal, body: Uint8Array, timeoutMs: number): Promise<Sent> {
    return new Promise((resolve) => {
      const stream = this.#open().request({
        ...this.#options.headers,
        ':method': 'POST',
        ':path': paths[signal],
        'content-type': 'application/grpc+proto',
        'grpc-encoding': 'gzip',
        'grpc-accept-encoding': 'identity',
        'grpc-timeout': `${Math.max(1, Math.floor(timeoutMs))}m`,
        te: 'trailers',
      })
      const parts: Buffer[] = []
      let length = 0
      let headers: IncomingHttpHeaders = {}
      let trailers: IncomingHttpHeaders = {}
      let failure: unknown
      const timer = this.#options.clock.after(timeoutMs, () => {
        failure = new Error('timed out')
        stream.close(constants.NGHTTP2_CANCEL)
      })
      stream.on('response', (received) => (headers = received))
      stream.on('trailers', (received) => (trailers = received))
      stream.on('data', (part: Buffer) => {
        length += part.length
        if (length <= answerBytesMax) parts.push(part)
      })
      stream.on('error', (caught) => (failure ??= caught))
      stream.on('close', () => {
        timer.cancel()
        const status = trailers['grpc-status'] ?? headers['grpc-status']
        if (status === undefined) resolve(lost(failure, headers))
        else resolve(judge(Number(status), { ...headers, ...trailers }, Buffer.concat(parts)))
      })
      const prefix = Buffer.allocUnsafe(5)
      prefix[0] = 1
      prefix.writeUInt32BE(body.length, 1)
      stream.write(prefix)
      stream.end(body)
    })
  }

  close(): void {
    this.#session?.close()
    this.#session?.destroy()
    this.#session = undefined
  }

  #open(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session
    const session = connect(new URL(this.#options.url).origin)
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined
    }
    // Each stream hears of the failure too; this only keeps it from being an uncaught one.
    session.on('error', forget)
    session.on('close', forget)
    session.on('goaway', forget)
    session.unref()
    this.#session = session
    return session
  }
}

function lost(failure: unknown, headers: IncomingHttpHeaders): Sent {
  const given: unknown = headers[':status']
  const status = typeof given === 'number' ? given : undefined
  const text = failure === undefined ? `HTTP ${status ?? 'nothing'}` : errorText(failure)
  // Answers without a gRPC status come from something in between (gRPC, "HTTP to gRPC status").
  const final = status !== undefined && ![429, 502, 503, 504, 200].includes(status)
  return final ? { kind: 'refused', text } : { kind: 'retry', afterMs: undefined, text }
}

function judge(status: number, headers: IncomingHttpHeaders, body: Buffer): Sent {
  if (status === 0) return readAnswer(body.length > 5 ? body.subarray(5) : new Uint8Array())
  const message = String(headers['grpc-message'] ?? '').slice(0, 200)
  const text = `gRPC status ${status}${message === '' ? '' : `: ${message}`}`
  const afterMs = retryDelayMs(headers['grpc-status-details-bin'])
  if (retryable.has(status) || (status === resourceExhausted && afterMs !== undefined))
    return { kind: 'retry', afterMs, text }
  return { kind: 'refused', text }
}

/** ms of a `google.rpc.RetryInfo` in the status details; undefined where there is none. */
export function retryDelayMs(details: string | string[] | undefined): number | undefined {
  if (typeof details !== 'string') return undefined
  try {
    const status = new ProtoReader(Buffer.from(details, 'base64'))
    while (status.next()) {
      if (status.field !== 3) {
        status.skip()
        continue
      }
      const any = status.message()
      let type = ''
      let value: ProtoReader | undefined
      while (any.next()) {
        if (any.field === 1) type = any.string()
        else if (any.field === 2) value = any.message()
        else any.skip()
      }
      if (type.endsWith('/google.rpc.RetryInfo') && value) return readRetryInfo(value)
    }
  } catch {
    // Details that cannot be read are as good as none.
  }
  return undefined
}

function readRetryInfo(info: ProtoReader): number | undefined {
  while (info.next()) {
    if (info.field !== 1) {
      info.skip()
      continue
    }
    const delay = info.message()
    let ms = 0
    while (delay.next()) {
      if (delay.field === 1) ms += delay.int() * 1000
      else if (delay.field === 2) ms += delay.int() / 1e6
      else delay.skip()
    }
    return Math.max(0, ms)
  }
  return undefined
}
