import { bytes, duration, integer, type TableOf } from '@spate/runtime/settings'

/**
 * Every bound the listener keeps. A bound is never a guess of the kernel's: what is refused is
 * answered with the status named here and counted under the same name.
 */
export interface ListenLimits {
  /** Request line, header lines and the empty line together, bytes. Above: 431. */
  readonly headBytesMax: number
  /** Header lines in one request. Above: 431. */
  readonly headersMax: number
  /** Request target, bytes. Above: 414. */
  readonly urlBytesMax: number
  /** Request body, bytes. Above: 413. */
  readonly bodyBytesMax: number
  /** Time from the first byte of a request to the end of its head, ms. Above: 408. */
  readonly slowHeadMs: number
  /** Time each 64 KiB of a request body may take, ms. Above: 408. */
  readonly slowBodyMs: number
  /** Time a client may take to read each piece (<= 64 KiB) of an answer, ms. Above: the connection is cut. */
  readonly slowReadMs: number
  /** Time a connection may stay open without a request, ms. Above: it is closed. */
  readonly idleMs: number
  /** Requests on one connection; the last one is answered with `Connection: close`. */
  readonly requestsPerSocketMax: number
  /** Pipelined requests of one connection being answered at once; further ones wait unread. */
  readonly pipelinedMax: number
  /** Answer bytes of one connection that may wait to be sent before its requests wait unread. */
  readonly outputBytesMax: number
  /** Connections in all. Above: 503. */
  readonly connectionsMax: number
  /** Connections of one client address. Above: 503. Trusted proxies are exempt. */
  readonly connectionsPerAddressMax: number
}

/** Bounds where nothing else is said. */
export const defaultListenLimits: ListenLimits = {
  headBytesMax: 16_384,
  headersMax: 100,
  urlBytesMax: 8_192,
  bodyBytesMax: 8 * 1024 * 1024,
  slowHeadMs: 10_000,
  slowBodyMs: 12_000,
  slowReadMs: 12_000,
  idleMs: 65_000,
  requestsPerSocketMax: 1_000_000,
  pipelinedMax: 16,
  outputBytesMax: 262_144,
  connectionsMax: 16_384,
  connectionsPerAddressMax: 8_192,
}

const limits = defaultListenLimits

/** Settings rows with the names of `ListenLimits`: spread them into a program's table. */
export const listenLimitSettings: TableOf<ListenLimits> = {
  headBytesMax: bytes(limits.headBytesMax, 512, 65_536, 'Largest request head; above it 431.'),
  headersMax: integer(limits.headersMax, 1, 1_000, 'Most header lines in a request; above it 431.'),
  urlBytesMax: bytes(limits.urlBytesMax, 16, 65_536, 'Longest request target; above it 414.'),
  bodyBytesMax: bytes(limits.bodyBytesMax, 0, 2 ** 40, 'Largest request body; above it 413.'),
  slowHeadMs: duration(limits.slowHeadMs, 10, 3_600_000, 'Time a request head may take; then 408.'),
  slowBodyMs: duration(
    limits.slowBodyMs,
    10,
    3_600_000,
    'Time each 64 KiB of a request body may take; then 408.',
  ),
  slowReadMs: duration(
    limits.slowReadMs,
    10,
    3_600_000,
    'Time a client may take to read each 64 KiB of an answer; then it is cut off.',
  ),
  idleMs: duration(
    limits.idleMs,
    10,
    86_400_000,
    'Time an open connection may wait for its next request; make it longer than the proxy in front keeps one.',
  ),
  requestsPerSocketMax: integer(
    limits.requestsPerSocketMax,
    1,
    2 ** 40,
    'Requests on one connection before it is closed; lower it to spread clients over new nodes.',
  ),
  pipelinedMax: integer(
    limits.pipelinedMax,
    1,
    1_000,
    'Pipelined requests of one connection answered at once; further ones wait.',
  ),
  outputBytesMax: bytes(
    limits.outputBytesMax,
    16_384,
    2 ** 30,
    'Answer bytes that may wait for a client before its next requests wait.',
  ),
  connectionsMax: integer(limits.connectionsMax, 1, 1_000_000, 'Open connections; above it 503.'),
  connectionsPerAddressMax: integer(
    limits.connectionsPerAddressMax,
    1,
    1_000_000,
    'Open connections of one client address; above it 503. Trusted proxies are exempt.',
  ),
}

/** The bounds of `settings` (a program's settings with the rows above), and nothing else of it. */
export function limitsOf(settings: ListenLimits): ListenLimits {
  const picked = { ...defaultListenLimits }
  for (const name of Object.keys(picked) as (keyof ListenLimits)[]) {
    Object.assign(picked, { [name]: settings[name] })
  }
  return picked
}
