import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ListenLimits } from '../listener-limits.ts'

/** Certificate chain and key, PEM. */
export interface TlsOptions {
  readonly cert: string | Uint8Array
  readonly key: string | Uint8Array
}

/** Requests of one HTTP/2 connection answered at once. */
const streamsMax = 100

/** Serves one parsed request; the last argument is true where the client waits for `100 Continue`. */
export type Serve = (
  message: IncomingMessage,
  response: ServerResponse,
  expectsContinue: boolean,
) => void

/** TLS in front of HTTP/2 and HTTP/1.1 (ALPN), through Node's own servers. Sockets are given to it. */
export class SecurePath {
  readonly #server: Http2SecureServer
  readonly #sessions = new Set<ServerHttp2Session>()

  constructor(tls: TlsOptions, limits: ListenLimits, serve: Serve) {
    this.#server = createSecureServer({
      cert: tls.cert as string,
      key: tls.key as string,
      allowHTTP1: true,
      handshakeTimeout: limits.slowHeadMs,
      maxHeaderListPairs: limits.headersMax + 4,
      settings: { maxConcurrentStreams: streamsMax, maxHeaderListSize: limits.headBytesMax },
    })
    const server = this.#server
    // The compatibility classes have the face of node:http's; what differs is checked by version.
    server.on('request', (message, response) =>
      serve(message as unknown as IncomingMessage, response as unknown as ServerResponse, false),
    )
    server.on('session', (session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
      session.on('error', () => {})
      session.setTimeout(limits.idleMs, () => session.close())
    })
    server.on('sessionError', () => {})
    server.on('tlsClientError', (_caught, socket) => socket.destroy())
  }

  /** Takes a raw socket for good. */
  take(socket: Socket): void {
    this.#server.emit('connection', socket)
  }

  /** Lets sessions finish their streams and then close. */
  drain(): void {
    for (const session of this.#sessions) session.close()
  }
}
