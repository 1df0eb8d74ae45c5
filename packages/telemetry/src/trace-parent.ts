/**
 * The `traceparent` header (W3C Trace Context level 2, section 3.2), read without a regular
 * expression or a split: this runs once a request.
 */

/** Sampled: the caller may have recorded the trace. */
export const flagSampled = 0x01
/** Random: the last 56 bits of the trace id are random (level 2). */
export const flagRandom = 0x02

/** A caller's ids as 32-bit words, and its flags. Reused: read what you need before the next parse. */
export interface TraceParent {
  /** Trace id, four words, most significant first. */
  readonly trace: Uint32Array
  /** Span id of the caller, two words. */
  readonly span: Uint32Array
  flags: number
}

/** A place for `parseTraceParent` to write to. */
export function createTraceParent(): TraceParent {
  return { trace: new Uint32Array(4), span: new Uint32Array(2), flags: 0 }
}

const digit = new Int8Array(128).fill(-1)
for (let at = 0; at < 10; at++) digit[48 + at] = at
for (let at = 0; at < 6; at++) digit[97 + at] = 10 + at

/**
 * Reads `header` into `target`; false, and the contents of `target` undefined, where it is not
 * valid: wrong lengths, upper-case hex, zero ids, version ff, or version 00 with more after it.
 * A higher version is read by its first four fields (3.2.2.1). Flags unknown to version 00 are cut.
 */
export function parseTraceParent(header: string, target: TraceParent): boolean {
  let start = 0
  let end = header.length
  while (start < end && isBlank(header.charCodeAt(start))) start++
  while (end > start && isBlank(header.charCodeAt(end - 1))) end--
  const length = end - start
  if (length < 55) return false
  const version = hexByte(header, start)
  if (version < 0 || version === 0xff) return false
  if (length > 55 && (version === 0 || header.charCodeAt(start + 55) !== 45)) return false
  if (
    header.charCodeAt(start + 2) !== 45 ||
    header.charCodeAt(start + 35) !== 45 ||
    header.charCodeAt(start + 52) !== 45
  )
    return false
  const { trace, span } = target
  let valid = true
  for (let at = 0; at < 4; at++) valid = hexWord(header, start + 3 + 8 * at, trace, at) && valid
  for (let at = 0; at < 2; at++) valid = hexWord(header, start + 36 + 8 * at, span, at) && valid
  const flags = hexByte(header, start + 53)
  if (!valid || flags < 0) return false
  if ((trace[0] as number) === 0 && !trace[1] && !trace[2] && !trace[3]) return false
  if ((span[0] as number) === 0 && !span[1]) return false
  target.flags = flags & (flagSampled | flagRandom)
  return true
}

/** Writes a version 00 header. Ids are hex texts of 32 and 16 characters. */
export function formatTraceParent(traceId: string, spanId: string, flags: number): string {
  return `00-${traceId}-${spanId}-0${flags & 3}`
}

const hexPairs: readonly string[] = Array.from({ length: 65_536 }, (_, value) =>
  value.toString(16).padStart(4, '0'),
)

/** Eight hex characters of a 32-bit word. */
export function hexOfWord(word: number): string {
  return (hexPairs[word >>> 16] as string) + (hexPairs[word & 0xffff] as string)
}

function hexByte(text: string, at: number): number {
  const high = digit[text.charCodeAt(at)] ?? -1
  const low = digit[text.charCodeAt(at + 1)] ?? -1
  return high < 0 || low < 0 ? -1 : (high << 4) | low
}

function hexWord(text: string, at: number, words: Uint32Array, index: number): boolean {
  let word = 0
  let bad = 0
  for (let offset = 0; offset < 8; offset++) {
    const value = digit[text.charCodeAt(at + offset)] ?? -1
    bad |= value
    word = (word << 4) | value
  }
  words[index] = word
  return bad >= 0
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}
