import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { Fault } from '@spate/runtime/fault'
import { silentLog, type Log } from '@spate/runtime/log'
import type { SpanRecord } from '../span-record.ts'
import { logsFromJson, metricsFromJson, tracesFromJson } from './decode-json.ts'
import { decodeLogs } from './decode-logs.ts'
import { decodeMetrics } from './decode-metrics.ts'
import { decodeTraces } from './decode-traces.ts'
import type { LogData, MetricData, Signal } from './model.ts'

/**
 * Takes OTLP from any program: gRPC (4317) and HTTP with protobuf or JSON (4318). Sizes are bounded
 * before and after decompression; what cannot be read is refused with the code OTLP asks for.
 */

/** Where received items go. Must not throw or wait. */
export interface ReceiverSinks {
  readonly spans?: (spans: readonly SpanRecord[]) => void
  readonly metrics?: (metrics: readonly MetricData[]) => void
  readonly logs?: (logs: readonly LogData[]) => void
}

/** How to receive. */
export interface ReceiverOptions {
  readonly host?: string
  /** gRPC port; 0 is any free one, undefined none. */
  readonly grpcPort?: number
  /** HTTP port; 0 is any free one, undefined none. */
  readonly httpPort?: number
  readonly sinks: ReceiverSinks
  readonly log?: Log
  /** Bytes of a request as it comes. Default 8 MiB. */
  readonly requestBytes?: number
  /** Bytes of a request once decompressed; of JSON a quarter. Default 32 MiB. */
  readonly messageBytes?: number
}

/** A running receiver. */
export interface Receiver {
  /** Ports in use; undefined where that way is off. */
  readonly grpcPort: number | undefined
  readonly httpPort: number | undefined
  /** Requests by what became of them. */
  readonly counters: { accepted: number; refused: number }
  close(): Promise<void>
}

const inflate = promisify(gunzip)
const headBytes = 5
const jsonShare = 4
const grpcInvalid = 3
const grpcExhausted = 8
const grpcUnimplemented = 12
const grpcInternal = 13

/** Starts to receive. Rejects with `address_in_use` where a port is taken. */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const counters = { accepted: 0, refused: 0 }
  const intake = new Intake(options, counters)
  const host = options.host ?? '127.0.0.1'
  const grpc = options.grpcPort === undefined ? undefined : grpcServer(intake)
  const http = options.httpPort === undefined ? undefined : httpServer(intake)
  try {
    if (grpc) await listening(grpc, options.grpcPort as number, host)
    if (http) await listening(http, options.httpPort as number, host)
  } catch (caught) {
    grpc?.close()
    throw new Fault('address_in_use', 'the OTLP port is taken', { cause: caught })
  }
  return {
    grpcPort: grpc && portOf(grpc),
    httpPort: http && portOf(http),
    counters,
    async close() {
      for (const session of intake.sessions) session.destroy()
      http?.closeAllConnections()
      await Promise.all([closed(grpc), closed(http)])
    },
  }
}

class Intake {
  readonly requestBytes: number
  readonly sessions = new Set<{ destroy(): void }>()
  readonly #messageBytes: number
  readonly #sinks: ReceiverSinks
  readonly #log: Log
  readonly #counters: Receiver['counters']

  constructor(options: ReceiverOptions, counters: Receiver['counters']) {
    this.requestBytes = options.requestBytes ?? 8 * 1024 ** 2
    this.#messageBytes = options.messageBytes ?? 32 * 1024 ** 2
    this.#sinks = options.sinks
    this.#log = options.log ?? silentLog
    this.#counters = counters
  }

  /** Decodes a request and hands it on. Rejects with a `Fault`. */
  async take(signal: Signal, body: Uint8Array, gzipped: boolean, json: boolean): Promise<void> {
    try {
      const message = gzipped ? await this.#inflated(body) : body
      // JSON grows tenfold once it is parsed.
      const bytesMax = json ? this.#messageBytes / jsonShare : this.#messageBytes
      if (message.length > bytesMax) throw new Fault('payload_too_large')
      this.#hand(signal, message, json)
      this.#counters.accepted++
    } catch (caught) {
      this.#counters.refused++
      const fault = Fault.from(caught)
      this.#log.debug('an OTLP request was refused', { signal, code: fault.code })
      throw fault
    }
  }

  async #inflated(body: Uint8Array): Promise<Uint8Array> {
    try {
      // A small body can swell to gigabytes: zlib stops at the limit.
      return await inflate(body, { maxOutputLength: this.#messageBytes })
    } catch (caught) {
      const large = (caught as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE'
      throw new Fault(large ? 'payload_too_large' : 'invalid_request', undefined, { cause: caught })
    }
  }

  #hand(signal: Signal, message: Uint8Array, json: boolean): void {
    const text = (): string => Buffer.from(message).toString()
    const { spans, metrics, logs } = this.#sinks
    // Decoded even where nobody takes the signal: the sender must hear that it is broken.
    if (signal === 'traces') {
      const decoded = json ? tracesFromJson(text()) : decodeTraces(message)
      spans?.(decoded)
    } else if (signal === 'metrics') {
      const decoded = json ? metricsFromJson(text()) : decodeMetrics(message)
      metrics?.(decoded)
    } else {
      const decoded = json ? logsFromJson(text()) : decodeLogs(message)
      logs?.(decoded)
    }
  }
}

function httpServer(intake: Intake): Server {
  return createServer({ requestTimeout: 30_000 }, (request, response) => {
    answerHttp(intake, request, response).catch(() => response.destroy())
  })
}

async function answerHttp(
  intake: Intake,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const signal = /^\/v1\/(traces|metrics|logs)$/.exec(request.url ?? '')?.[1] as Signal | undefined
  const type = request.headers['content-type']?.split(';')[0]?.trim()
  const encoding = request.headers['content-encoding'] ?? 'identity'
  const json = type === 'application/json'
  try {
    if (!signal) throw new Fault('not_found')
    if (request.method !== 'POST') throw new Fault('method_not_allowed')
    if (!json && type !== 'application/x-protobuf') throw new Fault('unsupported_media_type')
    if (encoding !== 'gzip' && encoding !== 'identity') throw new Fault('unsupported_media_type')
    const body = await bodyOf(request, intake.requestBytes)
    await intake.take(signal, body, encoding === 'gzip', json)
    response.writeHead(200, { 'content-type': type })
    response.end(json ? '{}' : undefined)
  } catch (caught) {
    const fault = Fault.from(caught)
    // Unread bytes would be taken for the next request.
    response.writeHead(fault.status, { 'content-type': 'application/json', connection: 'close' })
    response.end(JSON.stringify({ code: grpcCode(fault), message: fault.message }))
  }
}

async function bodyOf(stream: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of stream) {
    length += part.length
    if (length > bytesMax) throw new Fault('payload_too_large')
    parts.push(part)
  }
  return Buffer.concat(parts)
}

const grpcPath = /^\/opentelemetry\.proto\.collector\.(trace|metrics|logs)\.v1\.\w+\/Export$/

function grpcServer(intake: Intake): Http2Server {
  const server = createHttp2Server({ settings: { maxConcurrentStreams: 100 } })
  server.on('session', (session) => {
    intake.sessions.add(session)
    session.on('close', () => intake.sessions.delete(session))
    session.on('error', () => session.destroy())
  })
  server.on('stream', (opened, headers) => {
    const stream = opened as ServerHttp2Stream
    stream.on('error', () => stream.destroy())
    const name = grpcPath.exec(headers[':path'] ?? '')?.[1]
    const gzipped = headers['grpc-encoding'] === 'gzip'
    if (name === undefined) return finishGrpc(stream, grpcUnimplemented, 'no such method')
    const signal = name === 'trace' ? 'traces' : (name as Signal)
    takeGrpc(intake, stream, signal, gzipped).then(
      () => finishGrpc(stream, 0, ''),
      (caught: unknown) => {
        const fault = Fault.from(caught)
        finishGrpc(stream, grpcCode(fault), fault.message)
      },
    )
  })
  return server
}

async function takeGrpc(
  intake: Intake,
  stream: ServerHttp2Stream,
  signal: Signal,
  gzipped: boolean,
): Promise<void> {
  const body = await bodyOf(stream as AsyncIterable<Buffer>, intake.requestBytes + headBytes)
  if (body.length < headBytes || body.readUInt32BE(1) !== body.length - headBytes)
    throw new Fault('invalid_request', 'the gRPC message is cut')
  await intake.take(signal, body.subarray(headBytes), gzipped && body[0] === 1, false)
}

function finishGrpc(stream: ServerHttp2Stream, status: number, message: string): void {
  if (stream.destroyed || stream.closed) return
  const trailers = {
    'grpc-status': String(status),
    ...(message === '' ? {} : { 'grpc-message': encodeURIComponent(message) }),
  }
  const head = { ':status': 200, 'content-type': 'application/grpc+proto' }
  if (status !== 0) {
    stream.respond({ ...head, ...trailers }, { endStream: true })
    return
  }
  stream.respond(head, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  // An empty answer message: everything was accepted.
  stream.end(Buffer.alloc(headBytes))
}

function grpcCode(fault: Fault): number {
  if (fault.code === 'payload_too_large') return grpcExhausted
  if (fault.status === 404 || fault.status === 405) return grpcUnimplemented
  return fault.status < 500 ? grpcInvalid : grpcInternal
}

function listening(server: Server | Http2Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
}

function portOf(server: Server | Http2Server): number {
  return (server.address() as { port: number }).port
}

function closed(server: Server | Http2Server | undefined): Promise<void> {
  return new Promise((resolve) => (server ? server.close(() => resolve()) : resolve()))
}
