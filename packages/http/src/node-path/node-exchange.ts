import { once } from 'node:events'
import { constants } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '@spate/runtime/fault'
import { bodyUntilClosed } from '../body-until-closed.ts'
import { isPrepared, type PreparedResponse, type Response } from '../exchange.ts'
import { bodyless, meaning } from '../fast-path/answer-batch.ts'
import { HeaderList } from '../header-list.ts'
import { isEventStream } from '../sse.ts'
import type { FastPathOptions } from '../fast-path/fast-path.ts'
import type { RefusalReason } from '../listener-counters.ts'
import { NodeRequest } from './node-request.ts'
import { checkHead } from './request-check.ts'

const pieceBytes = 65_536
/** How long a client may go on sending a body nobody wants, after its answer. */
const lingerMs = 2_000

/** What the node path needs; the same as the fast path. */
export type NodePathOptions = Omit<FastPathOptions, 'handOver'>

/** What an exchange needs of the server it came on. */
export interface NodeHouse {
  readonly options: NodePathOptions
  /** Counts a refusal. */
  count(reason: RefusalReason): void
  /** The answer to what a handler threw; what is no fault is logged. */
  failed(caught: unknown, request: NodeRequest | undefined): Response
}

/** One request and its answer on the node path. */
export class NodeExchange {
  close = false
  readonly #path: NodeHouse
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  readonly #expectsContinue: boolean
  #gone = false
  #request: NodeRequest | undefined

  // oxlint-disable-next-line max-params
  constructor(
    path: NodeHouse,
    message: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ) {
    this.#path = path
    this.#message = message
    this.#response = response
    this.#expectsContinue = expectsContinue
  }

  /** Checks, asks the handler, answers. Never rejects. */
  async run(): Promise<void> {
    const { counters, limits } = this.#path.options
    counters.node++
    const headers = new HeaderList(plainHeaders(this.#message))
    const checked = checkHead(
      {
        method: this.#message.method ?? '',
        url: this.#message.url ?? '',
        httpVersion: this.#message.httpVersion,
        headers,
      },
      limits,
    )
    if (checked.kind === 'refused') {
      this.#path.count(checked.reason)
      return this.#refuse(checked.fault)
    }
    const length = Number(headers.get('content-length') ?? 0)
    if (length > limits.bodyBytesMax) {
      this.#path.count('body_too_large')
      return this.#refuse(new Fault('payload_too_large'))
    }
    // Before its turn, node:http would put the interim answer behind the head of the final one.
    if (this.#expectsContinue && !this.#response.socket) await once(this.#response, 'socket')
    this.#request = this.#begin(headers, checked.target, checked.host)
    this.#response.once('close', this.#onClose)
    let answer: Response | PreparedResponse
    try {
      const request = this.#request
      answer = await request.exchange.run(() => this.#path.options.handler(request))
    } catch (caught) {
      answer = this.#path.failed(caught, this.#request)
    }
    await this.#answer(isPrepared(answer) ? answer.response() : answer)
  }

  #begin(headers: HeaderList, target: string, host: string): NodeRequest {
    const { telemetry, clock, limits, clientAddressOf } = this.#path.options
    const socket = this.#message.socket as { encrypted?: boolean; remoteAddress?: string }
    return new NodeRequest(this.#message, {
      target,
      host,
      headers,
      telemetry,
      clock,
      bodyBytesMax: limits.bodyBytesMax,
      slowBodyMs: limits.slowBodyMs,
      peerAddress: (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, ''),
      secure: socket.encrypted === true,
      clientAddressOf,
      ...(this.#expectsContinue ? { onRead: () => this.#response.writeContinue() } : {}),
      interim: (status, lines) => this.#interim(status, lines),
      onBroken: (fault) => this.#broken(fault),
    })
  }

  /** A body bound was passed: the answer, if there is still to be one, is the last one. */
  #broken(fault: Fault): void {
    this.close = true
    this.#path.count(fault.code === 'request_timeout' ? 'slow_body' : 'body_too_large')
    if (fault.code !== 'request_timeout') return
    // A reader waits for bytes that do not come; the answer goes out first, then the socket ends.
    void this.#answer(this.#path.failed(fault, this.#request)).then(() => this.#message.destroy())
  }

  #interim(status: number, lines: readonly string[]): void {
    if (status !== 103 || this.#response.headersSent) return
    const hints: Record<string, string | string[]> = {}
    for (let at = 0; at < lines.length; at += 2)
      hints[lines[at] as string] = lines[at + 1] as string
    this.#response.writeEarlyHints(hints)
  }

  readonly #onClose = (): void => {
    if (this.#response.writableFinished) return
    this.#gone = true
    this.#request?.abort()
  }

  async #refuse(fault: Fault): Promise<void> {
    this.close = true
    await this.#answer(this.#path.failed(fault, undefined))
  }

  async #answer(answer: Response): Promise<void> {
    const response = this.#response
    if (response.headersSent) return
    const exchange = this.#request?.exchange
    if (this.#gone || response.destroyed) {
      exchange?.end(499, answer.route, 'cancelled', 0)
      return
    }
    let bytes = 0
    try {
      this.#head(answer)
      if (isEventStream(answer.headers)) exchange?.streams()
      bytes = await this.#body(answer)
      this.#path.options.counters.byStatus[answer.status]!++
      this.#discard()
    } catch (caught) {
      this.#path.options.log.warn('an answer was cut short', { route: answer.route ?? '' })
      this.#path.options.log.debug('why', { error: String(caught) })
      this.#cut()
    }
    const { answered } = this.#path.options
    if (this.#request) answered?.(this.#request, answer, bytes, this.#request.exchange.sampled)
    exchange?.end(answer.status, answer.route, answer.errorType, bytes)
  }

  /** Cuts the answer: an HTTP/2 stream is reset, an HTTP/1.1 connection destroyed. */
  #cut(): void {
    const { stream } = this.#response as { stream?: { close(code: number): void } }
    if (stream) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    else this.#response.destroy()
  }

  #head(answer: Response): void {
    const { headers, status, body } = answer
    const second = this.#message.httpVersionMajor >= 2
    const head = this.#message.method === 'HEAD'
    const kept: string[] = []
    for (let at = 0; at < headers.length; at += 2) {
      const kind = meaning(headers[at] as string)
      const streamed =
        body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array)
      if (kind === 'hop' || (kind === 'length' && !head && status !== 304 && !streamed)) continue
      kept.push(headers[at] as string, headers[at + 1] as string)
    }
    const length =
      typeof body === 'string'
        ? Buffer.byteLength(body)
        : body instanceof Uint8Array
          ? body.length
          : 0
    const given = kept.some((name, at) => at % 2 === 0 && meaning(name) === 'length')
    const known =
      body === undefined
        ? !head && status !== 304
        : typeof body === 'string' || body instanceof Uint8Array
    if (known && !given && status !== 204 && status >= 200)
      kept.push('Content-Length', String(length))
    if ((this.close || answer.close === true) && !second) kept.push('Connection', 'close')
    if (second) {
      for (let at = 0; at < kept.length; at += 2) {
        this.#response.appendHeader(kept[at] as string, kept[at + 1] as string)
      }
      this.#response.writeHead(status)
    } else this.#response.writeHead(status, kept)
  }

  async #body(answer: Response): Promise<number> {
    const response = this.#response
    const { body } = answer
    if (body === undefined || this.#message.method === 'HEAD' || bodyless(answer.status)) {
      if (body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array)) {
        await body[Symbol.asyncIterator]().return?.()
      }
      response.end()
      return 0
    }
    if (typeof body === 'string' || body instanceof Uint8Array) {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body
      for (let at = 0; bytes.length - at > pieceBytes; at += pieceBytes) {
        await this.#put(bytes.subarray(at, at + pieceBytes))
      }
      response.end(
        bytes.subarray(
          bytes.length - (bytes.length % pieceBytes || Math.min(bytes.length, pieceBytes)),
        ),
      )
      return bytes.length
    }
    let sent = 0
    for await (const piece of bodyUntilClosed(body, response)) {
      sent += piece.length
      if (piece.length > 0) await this.#put(piece)
    }
    response.end()
    return sent
  }

  /** Sends a piece; where the client does not take it within `slowReadMs`, cuts the connection. */
  async #put(piece: Uint8Array): Promise<void> {
    const response = this.#response
    if (this.#gone || response.destroyed) throw new Fault('cancelled')
    if (response.write(piece)) return
    const { clock, limits } = this.#path.options
    const timer = clock.after(limits.slowReadMs, () => {
      this.#path.count('slow_read')
      this.#cut()
    })
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        timer.cancel()
        response.off('drain', done)
        response.off('close', done)
        if (response.destroyed) reject(new Fault('cancelled'))
        else resolve()
      }
      response.on('drain', done)
      response.on('close', done)
    })
  }

  /** The rest of a body nobody read is dropped, for a while, so that the answer is not lost to a reset. */
  #discard(): void {
    const message = this.#message
    if (message.complete || message.httpVersionMajor >= 2) return
    const timer = this.#path.options.clock.after(lingerMs, () => message.socket.destroy())
    message.once('end', () => timer.cancel())
    message.once('close', () => timer.cancel())
    message.resume()
  }
}

/** Header lines without HTTP/2's pseudo-headers; `:authority` as `Host` where there is none. */
function plainHeaders(message: IncomingMessage): readonly string[] {
  const raw = message.rawHeaders
  if (message.httpVersionMajor < 2) return raw
  const kept: string[] = []
  const authority = (message.headers as Record<string, string | undefined>)[':authority']
  if (authority !== undefined && message.headers.host !== authority) kept.push('host', authority)
  for (let at = 0; at < raw.length; at += 2) {
    if (!raw[at]?.startsWith(':')) kept.push(raw[at] as string, raw[at + 1] as string)
  }
  return kept
}
