import type { Context, Span } from '@opentelemetry/api'

/**
 * What a handler sees and gives back. It is the same whichever path parsed the request: our
 * HTTP/1.1 fast path, `node:http`, HTTP/2 or TLS.
 */

/** Header fields of a message; names are matched without regard to case (RFC 9110 section 5.1). */
export interface Headers {
  /** Value of `name` (lower case); several lines are joined by `, ` (RFC 9110 section 5.3). Undefined where absent. O(fields). */
  get(name: string): string | undefined
  /** Every line of `name` (lower case), in order; empty where absent. */
  all(name: string): readonly string[]
  has(name: string): boolean
  /** Flat list `name, value, name, value`, in order and case of arrival. Do not change it. */
  readonly raw: readonly string[]
}

/** A request body. It can be read once. */
export interface RequestBody {
  /** The whole body where it was already in hand when the handler ran; undefined where it must be awaited. */
  readonly whole: Uint8Array | undefined
  /** Content-Length in bytes; undefined where it is chunked. */
  readonly length: number | undefined
  /** The whole body. Throws `Fault('payload_too_large')` past `bytesMax`, `Fault('request_timeout')` where it stalls. */
  bytes(bytesMax?: number): Promise<Uint8Array>
  /** The body piece by piece, with back-pressure. */
  stream(): AsyncIterable<Uint8Array>
}

/** One request. */
export interface Request {
  /** As sent: `GET`. Methods are case-sensitive. */
  readonly method: string
  /** Path and query as sent: `/a%20b?x=1`. Always begins with `/` (or is `*` for OPTIONS). */
  readonly target: string
  /** The target up to `?`, not decoded. */
  readonly path: string
  /** The target after `?`, not decoded; empty where there is none. */
  readonly query: string
  /** Host and port the client asked for (`Host` or `:authority`), lower case; empty where absent (HTTP/1.0). */
  readonly host: string
  readonly headers: Headers
  readonly body: RequestBody
  /** `1.0`, `1.1` or `2`: the value of `network.protocol.version`. */
  readonly httpVersion: string
  /** True where the client's hop is TLS. */
  readonly secure: boolean
  /** Address of the peer's socket, no port. */
  readonly peerAddress: string
  /** Address of the client by the trusted-proxy rule, no port; equal to `peerAddress` without trusted proxies. */
  readonly clientAddress: string
  /** Monotonic arrival time, ms (`Clock.elapsed`). */
  readonly arrivedMs: number
  /** Aborts when the client goes away or the request's deadline passes. Made on first use. */
  readonly signal: AbortSignal
  /** The server span of this request; a non-recording one where telemetry is off. */
  readonly span: Span
  /** Context that carries `span`: parent for child spans and outgoing calls. */
  readonly context: Context
  /** Values of the route's parameters, decoded; empty outside the router. */
  readonly params: Readonly<Record<string, string>>
  /** Sends an interim response (103 ...) now, where the protocol allows it. */
  interim(status: number, headers: readonly string[]): void
}

/** A body that is sent piece by piece; returning early from it stops the producer. */
export type BodyStream = AsyncIterable<Uint8Array>

/** One response. */
export interface Response {
  readonly status: number
  /**
   * Flat list `name, value, ...`. The server adds `Date`, `Connection`, and `Content-Length` or
   * `Transfer-Encoding`; a `content-length` given here is kept for HEAD and for streams.
   */
  readonly headers: readonly string[]
  /** Text is sent as UTF-8. Left out of answers to HEAD and of 1xx, 204, 304 (RFC 9110 section 6.4.1). */
  readonly body?: Uint8Array | string | BodyStream
  /** The pattern that matched (`/items/{id}`): `http.route` of span and metrics. */
  readonly route?: string
  /** Names the failure for telemetry (`error.type`) where status alone does not. */
  readonly errorType?: string
  /** Close the connection after this response. */
  readonly close?: boolean
}

/**
 * A response whose bytes are made already: the answer to a cache hit or a sold-out refusal. The
 * fast path writes `head` and `body` as they are; other paths parse nothing and use `response`.
 */
export interface PreparedResponse {
  readonly status: number
  /** Status line and header lines, each ended by CRLF, without the empty line, `Date` or `Connection`. */
  readonly head: Uint8Array
  readonly body: Uint8Array
  /** True where `head` carries a `Date` already (a replayed answer); none is added then. */
  readonly dated?: boolean
  readonly route: string
  /** The same answer in plain form, for HTTP/2 and hand-over; called only where needed. */
  readonly response: () => Response
}

/** Answers a request. A value returned without a promise is written in the same turn of the event loop. */
export type Handler = (
  request: Request,
) => Response | PreparedResponse | Promise<Response | PreparedResponse>

/**
 * Hears of an answer once all of it is written, with the bytes of its body; not of requests whose
 * client went away before. `sampled`: its trace was, so a span of it will be kept. Called on the
 * hot path, before the server span ends: it must be quick and must not throw.
 */
export type Answered = (
  request: Request,
  answer: Response | PreparedResponse,
  bytes: number,
  sampled: boolean,
) => void

/** True for an answer whose bytes are made already. */
export function isPrepared(answer: Response | PreparedResponse): answer is PreparedResponse {
  return 'head' in answer
}
