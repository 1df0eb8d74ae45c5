/**
 * Reads a request head that is beyond doubt, by byte, in one pass, and nothing else.
 *
 * Beyond doubt means: a method from a short list, an origin-form target of visible ASCII without a
 * fragment, `HTTP/1.1`, CRLF at every line end, token header names directly before the colon, no
 * control characters, `Host` exactly once and plain, at most one `Content-Length` of plain digits,
 * at most one `Connection` that says `close` or `keep-alive`, and none of `Transfer-Encoding`,
 * `Expect`, `Upgrade`. Anything else is `doubtful`: `node:http` decides about it (RFC 9112).
 */

/** What a scan found. */
export const scanned = {
  /** All bytes so far are beyond doubt, but the head is not finished. */
  incomplete: 0,
  whole: 1,
  doubtful: 2,
  urlTooLong: 3,
  headTooLarge: 4,
  tooManyHeaders: 5,
} as const

/** One of the `scanned` numbers. */
export type Scanned = (typeof scanned)[keyof typeof scanned]

/** Bounds of the scan; see `ListenLimits`. */
export interface ScanLimits {
  readonly headBytesMax: number
  readonly headersMax: number
  readonly urlBytesMax: number
}

const cr = 13
const lf = 10
const space = 32
const tab = 9
const colon = 58

/** 1 where the byte may stand in a header name (RFC 9110 section 5.6.2). */
const tokenByte = new Uint8Array(256)
for (const char of "!#$%&'*+-.^_`|~0123456789") tokenByte[char.charCodeAt(0)] = 1
for (let code = 65; code <= 90; code++) tokenByte[code] = tokenByte[code + 32] = 1

/** 1 where the byte may stand in a target we take: visible ASCII without `#`. */
const targetByte = new Uint8Array(256)
for (let code = 0x21; code <= 0x7e; code++) targetByte[code] = 1
targetByte[0x23] = 0

/** 1 where the byte may stand in a header value: HTAB, SP, visible ASCII, obs-text. */
const valueByte = new Uint8Array(256)
valueByte[tab] = 1
for (let code = 0x20; code <= 0xff; code++) valueByte[code] = code === 0x7f ? 0 : 1

/** 1 where the byte may stand in a `Host` we take: letters, digits, `-._:[]`. */
const hostByte = new Uint8Array(256)
for (const char of '-._:[]0123456789') hostByte[char.charCodeAt(0)] = 1
for (let code = 65; code <= 90; code++) hostByte[code] = hostByte[code + 32] = 1

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))
const methodBytes = ['GET ', 'POST ', 'HEAD ', 'PUT ', 'DELETE ', 'PATCH ', 'OPTIONS '].map(ascii)
const methodNames = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']
const versionBytes = ascii('HTTP/1.1\r\n')
const names = {
  host: ascii('host'),
  expect: ascii('expect'),
  upgrade: ascii('upgrade'),
  connection: ascii('connection'),
  tracestate: ascii('tracestate'),
  traceparent: ascii('traceparent'),
  contentLength: ascii('content-length'),
  transferEncoding: ascii('transfer-encoding'),
}
const close = ascii('close')
const keepAlive = ascii('keep-alive')

/** The result of the last scan; one is made a listener and used again for every request. */
export class HeadScan {
  method = ''
  /** Offsets into the scanned bytes; `queryAt` is that of `?`, or -1. */
  targetFrom = 0
  targetTo = 0
  queryAt = -1
  headersFrom = 0
  /** First byte of the empty line. */
  headersTo = 0
  /** First byte behind the head. */
  headTo = 0
  hostFrom = 0
  hostTo = 0
  /** -1 where there is no `Content-Length`. */
  contentLength = -1
  /** True where the client asked to close. */
  close = false
  /** -1 where absent. */
  traceparentFrom = -1
  traceparentTo = -1
  tracestateFrom = -1
  tracestateTo = -1
  #connectionSeen = false
  readonly #limits: ScanLimits

  constructor(limits: ScanLimits) {
    this.#limits = limits
  }

  /** Scans the head that begins at `from`; `to` is the end of the bytes in hand. O(bytes of the head). */
  scan(bytes: Uint8Array, from: number, to: number): Scanned {
    const result = this.#requestLine(bytes, from, to)
    if (result !== scanned.whole) return this.#bounded(result, from, to)
    return this.#bounded(this.#headers(bytes, this.headersFrom, to), from, to)
  }

  #bounded(result: Scanned, from: number, to: number): Scanned {
    const max = this.#limits.headBytesMax
    if (result === scanned.whole) return this.headTo - from > max ? scanned.headTooLarge : result
    if (result === scanned.incomplete && to - from >= max) return scanned.headTooLarge
    return result
  }

  #requestLine(bytes: Uint8Array, from: number, to: number): Scanned {
    const which = methodAt(bytes[from] as number, from + 1 < to ? bytes[from + 1] : undefined)
    const expected = methodBytes[which]
    if (expected === undefined) return scanned.doubtful
    const met = compare(bytes, from, to, expected)
    if (met !== scanned.whole) return met
    this.method = methodNames[which] as string
    let at = from + expected.length
    if (at >= to) return scanned.incomplete
    if (bytes[at] !== 47) return scanned.doubtful
    this.targetFrom = at
    this.queryAt = -1
    const last = Math.min(to, at + this.#limits.urlBytesMax + 1)
    while (at < last && targetByte[bytes[at] as number] === 1) {
      if (bytes[at] === 63 && this.queryAt < 0) this.queryAt = at
      at++
    }
    if (at - this.targetFrom > this.#limits.urlBytesMax) return scanned.urlTooLong
    if (at >= to) return scanned.incomplete
    if (bytes[at] !== space) return scanned.doubtful
    this.targetTo = at
    this.headersFrom = at + 1 + versionBytes.length
    return compare(bytes, at + 1, to, versionBytes)
  }

  #headers(bytes: Uint8Array, from: number, to: number): Scanned {
    this.contentLength = -1
    this.close = false
    this.#connectionSeen = false
    this.hostFrom = -1
    this.traceparentFrom = -1
    this.tracestateFrom = -1
    let at = from
    for (let count = 0; ; count++) {
      if (at >= to) return scanned.incomplete
      const nameFrom = at
      while (at < to && tokenByte[bytes[at] as number] === 1) at++
      if (at >= to) return scanned.incomplete
      if (at === nameFrom) return this.#emptyLine(bytes, at, to)
      if (bytes[at] !== colon) return scanned.doubtful
      if (count >= this.#limits.headersMax) return scanned.tooManyHeaders
      const nameTo = at++
      while (at < to && (bytes[at] === space || bytes[at] === tab)) at++
      const valueFrom = at
      while (at < to && valueByte[bytes[at] as number] === 1) at++
      if (at + 1 >= to) return at < to && bytes[at] !== cr ? scanned.doubtful : scanned.incomplete
      if (bytes[at] !== cr || bytes[at + 1] !== lf) return scanned.doubtful
      let valueTo = at
      while (valueTo > valueFrom && (bytes[valueTo - 1] === space || bytes[valueTo - 1] === tab)) {
        valueTo--
      }
      if (!this.#field(bytes, nameFrom, nameTo - nameFrom, valueFrom, valueTo)) {
        return scanned.doubtful
      }
      at += 2
    }
  }

  #emptyLine(bytes: Uint8Array, at: number, to: number): Scanned {
    if (bytes[at] !== cr) return scanned.doubtful
    if (at + 1 >= to) return scanned.incomplete
    if (bytes[at + 1] !== lf || this.hostFrom < 0) return scanned.doubtful
    this.headersTo = at
    this.headTo = at + 2
    return scanned.whole
  }

  /** False where the field is one that leaves doubt. */
  // oxlint-disable-next-line max-params -- five offsets of one line; an object a header line costs more than the scan
  #field(bytes: Uint8Array, name: number, length: number, from: number, to: number): boolean {
    switch (length) {
      case 4:
        return !same(bytes, name, names.host) || this.#host(bytes, from, to)
      case 6:
        return !same(bytes, name, names.expect)
      case 7:
        return !same(bytes, name, names.upgrade)
      case 10:
        if (same(bytes, name, names.connection)) return this.#connection(bytes, from, to)
        if (same(bytes, name, names.tracestate)) {
          // Several lines are one list; rare, so left to node:http, which joins them.
          if (this.tracestateFrom >= 0) return false
          this.tracestateFrom = from
          this.tracestateTo = to
        }
        return true
      case 11:
        if (same(bytes, name, names.traceparent)) {
          if (this.traceparentFrom >= 0) return false
          this.traceparentFrom = from
          this.traceparentTo = to
        }
        return true
      case 14:
        return !same(bytes, name, names.contentLength) || this.#length(bytes, from, to)
      case 17:
        return !same(bytes, name, names.transferEncoding)
      default:
        return true
    }
  }

  #host(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.hostFrom >= 0 || from === to) return false
    for (let at = from; at < to; at++) if (hostByte[bytes[at] as number] === 0) return false
    this.hostFrom = from
    this.hostTo = to
    return true
  }

  #connection(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.#connectionSeen) return false
    this.#connectionSeen = true
    if (to - from === close.length && same(bytes, from, close)) {
      this.close = true
      return true
    }
    return to - from === keepAlive.length && same(bytes, from, keepAlive)
  }

  #length(bytes: Uint8Array, from: number, to: number): boolean {
    if (this.contentLength >= 0 || to === from || to - from > 15) return false
    if (bytes[from] === 48 && to - from > 1) return false
    let value = 0
    for (let at = from; at < to; at++) {
      const digit = (bytes[at] as number) - 48
      if (digit < 0 || digit > 9) return false
      value = value * 10 + digit
    }
    this.contentLength = value
    return true
  }
}

/** Index into `methodBytes` by the first two bytes; -1 where none begins so. */
function methodAt(first: number, second: number | undefined): number {
  switch (first) {
    case 71:
      return 0
    case 80:
      // A lone `P` may still become any of three; taken for POST, and looked at again with more.
      return second === undefined || second === 79 ? 1 : second === 85 ? 3 : second === 65 ? 5 : -1
    case 72:
      return 2
    case 68:
      return 4
    case 79:
      return 6
    default:
      return -1
  }
}

/** Whether `expected` stands at `from`; incomplete where the bytes end before it does. */
function compare(bytes: Uint8Array, from: number, to: number, expected: Uint8Array): Scanned {
  const length = Math.min(expected.length, to - from)
  for (let at = 0; at < length; at++) {
    if (bytes[from + at] !== expected[at]) return scanned.doubtful
  }
  return length === expected.length ? scanned.whole : scanned.incomplete
}

/** Whether the bytes at `from` are `lower`, letters in any case. The length was compared before. */
function same(bytes: Uint8Array, from: number, lower: Uint8Array): boolean {
  for (let at = 0; at < lower.length; at++) {
    const byte = bytes[from + at] as number
    const want = lower[at] as number
    if (byte !== want && (byte | 32) !== want) return false
  }
  return true
}

/** What `headEnd` found: where the head ends, or one of these. */
export const headEndMissing = -1
/** A bare CR, bare LF or another control character stands in the head. */
export const headEndDoubtful = -2

/**
 * First byte behind the empty line of a head whose beginning was scanned before, looking only at
 * bytes from `from` on; so that a head which arrives byte by byte costs O(bytes), not O(bytes^2).
 * `from` must be at least 3 behind the head's first byte.
 */
export function headEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    if (byte === lf) {
      if (bytes[at - 1] !== cr) return headEndDoubtful
      if (bytes[at - 2] === lf && bytes[at - 3] === cr) return at + 1
    } else if (bytes[at - 1] === cr || (byte !== cr && valueByte[byte] === 0)) {
      return headEndDoubtful
    }
  }
  return headEndMissing
}
