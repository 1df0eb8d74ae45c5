/**
 * The way of every request the fast path leaves: `node:http` (llhttp) parses it, then it gets
 * the same checks, the same handler and the same answers. A socket that came here stays here.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { errorCode, Fault, type FaultCode } from '@spate/runtime/fault'
import type { RefusalReason } from '../listener-counters.ts'
import type { Draining } from '../fast-path/fast-path.ts'
import { faultResponse, refusalBytes } from '../refusal.ts'
import { SecurePath, type Serve, type TlsOptions } from './secure-path.ts'
import { NodeExchange, type NodeHouse, type NodePathOptions } from './node-exchange.ts'

const requestTimeoutMs = 300_000

/** One `node:http` server that does not listen: sockets are given to it. */
export class NodePath implements NodeHouse {
  readonly options: NodePathOptions
  readonly #server: Server
  readonly #secure: SecurePath | undefined
  #draining = false

  constructor(options: NodePathOptions, tls?: TlsOptions) {
    this.options = options
    const { limits } = options
    this.#server = createServer({
      maxHeaderSize: limits.headBytesMax,
      headersTimeout: limits.slowHeadMs,
      requestTimeout: Math.max(requestTimeoutMs, limits.slowHeadMs),
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.max(50, Math.min(5_000, limits.slowHeadMs / 4)),
      // We check Host ourselves, so that the refusal is ours.
      requireHostHeader: false,
    })
    const server = this.#server
    // One more than allowed: llhttp drops what is over, we must see that there was more.
    server.maxHeadersCount = limits.headersMax + 1
    server.maxRequestsPerSocket = 0
    server.on('request', (message, response) => this.#serve(message, response, false))
    server.on('checkContinue', (message, response) => this.#serve(message, response, true))
    server.on('checkExpectation', (_message, response) => {
      response.writeHead(417, ['Content-Length', '0', 'Connection', 'close']).end()
      options.counters.byStatus[417]!++
    })
    server.on('connect', (message, socket) => this.#connect(message, socket))
    server.on('clientError', (caught, socket) => this.#clientError(caught, socket))
    const serve: Serve = (...exchange) => this.#serve(...exchange)
    this.#secure = tls && new SecurePath(tls, limits, serve)
    // The server never listens itself; this starts its watch over slow heads.
    server.emit('listening')
  }

  /** Takes a socket for good. `unread` are bytes that were read from it and belong in front. */
  take(socket: Socket, unread: Buffer): void {
    socket.pause()
    if (unread.length > 0) socket.unshift(unread)
    this.#server.emit('connection', socket)
    socket.resume()
  }

  /** True where sockets speak TLS; all of them are then taken by `takeSecure`. */
  get secure(): boolean {
    return this.#secure !== undefined
  }

  /** Takes a raw socket that speaks TLS. */
  takeSecure(socket: Socket): void {
    this.#secure?.take(socket)
  }

  /** From now on every answer closes its connection; idle ones are closed at once, or after one more. */
  drain(how: Draining): void {
    this.#draining = true
    if (how === 'now') this.#server.closeIdleConnections()
    this.#secure?.drain()
  }

  /** Lets go of the server's timer. The sockets are the listener's to close. */
  close(): void {
    this.#server.closeAllConnections()
    this.#server.close(() => {})
  }

  #serve(message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const exchange = new NodeExchange(this, message, response, expectsContinue)
    exchange.close = this.#draining
    void exchange.run()
  }

  #connect(message: IncomingMessage, socket: Duplex): void {
    this.refuseSocket(socket, 'not_implemented', 'not_implemented')
    message.resume()
  }

  #clientError(caught: Error, socket: Duplex): void {
    const code = errorCode(caught)
    if (code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    if (code === 'HPE_HEADER_OVERFLOW') {
      this.refuseSocket(socket, 'headers_too_large', 'head_too_large')
    } else if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') {
      this.refuseSocket(socket, 'payload_too_large', 'body_too_large')
    } else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      this.refuseSocket(socket, 'request_timeout', 'slow_head')
    } else this.refuseSocket(socket, 'invalid_request', 'bad_request')
  }

  /** Ends a connection with a refusal; without one where an answer is already under way. */
  refuseSocket(socket: Duplex, code: FaultCode, reason: RefusalReason): void {
    const fault = new Fault(code)
    this.count(reason)
    const current = (socket as { _httpMessage?: { headersSent: boolean } })._httpMessage
    if (socket.writable && current?.headersSent !== true) {
      this.options.counters.byStatus[fault.status]!++
      socket.write(refusalBytes(fault))
    }
    ;(socket as Socket).destroySoon()
  }

  /** Counts a refusal. */
  count(reason: RefusalReason): void {
    this.options.counters.refused[reason]++
  }

  /** The answer to what a handler threw; what is no fault is logged. */
  failed(
    caught: unknown,
    request: Parameters<typeof faultResponse>[1],
  ): ReturnType<typeof faultResponse> {
    if (!(caught instanceof Fault)) this.options.log.error('a handler failed', {}, caught)
    return faultResponse(caught, request)
  }
}
