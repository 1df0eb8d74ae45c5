import type { TraceState } from '@opentelemetry/api'
import { parseThreshold, type Threshold } from './threshold.ts'

/**
 * The `tracestate` header (W3C Trace Context level 2, section 3.3). One bad member makes the whole
 * header void, as the specification asks; the trace itself goes on.
 */

/** Members a list may hold (W3C 3.3.1.1). */
export const membersMax = 32
/** Characters accepted in all; the specification asks for at least 512. */
export const stateCharactersMax = 8192
const keyForm = /^[a-z0-9][a-z0-9_\-*/@]{0,255}$/
const valueForm = /^[ -+\--<>-~]{0,255}[!-+\--<>-~]$/
const otCharactersMax = 256

interface Member {
  readonly key: string
  readonly value: string
}

/** An ordered list of `key=value` members; every change gives a new one with the change in front. */
export class SpateTraceState implements TraceState {
  readonly #members: readonly Member[]

  private constructor(members: readonly Member[]) {
    this.#members = members
  }

  /** The empty list. */
  static readonly empty: SpateTraceState = new SpateTraceState([])

  /**
   * Reads a header value; several header lines are joined by `,` first. Undefined where it is
   * empty, breaks the grammar, holds more than 32 members or is longer than 8192 characters.
   */
  static parse(header: string): SpateTraceState | undefined {
    if (header.length === 0 || header.length > stateCharactersMax) return undefined
    const members: Member[] = []
    for (const part of header.split(',')) {
      const text = trimBlank(part)
      if (text === '') continue
      const equals = text.indexOf('=')
      if (equals < 0) return undefined
      const key = text.slice(0, equals)
      const value = text.slice(equals + 1)
      if (!keyForm.test(key) || !valueForm.test(value)) return undefined
      // Of two members with one key the first, the newer one, counts.
      if (members.some((member) => member.key === key)) continue
      if (members.length === membersMax) return undefined
      members.push({ key, value })
    }
    return members.length === 0 ? undefined : new SpateTraceState(members)
  }

  set(key: string, value: string): SpateTraceState {
    if (!keyForm.test(key) || !valueForm.test(value)) return this
    const others = this.#members.filter((member) => member.key !== key)
    return new SpateTraceState([{ key, value }, ...others].slice(0, membersMax))
  }

  unset(key: string): SpateTraceState {
    if (this.get(key) === undefined) return this
    return new SpateTraceState(this.#members.filter((member) => member.key !== key))
  }

  get(key: string): string | undefined {
    for (const member of this.#members) if (member.key === key) return member.value
    return undefined
  }

  get size(): number {
    return this.#members.length
  }

  serialize(): string {
    return this.#members.map(({ key, value }) => `${key}=${value}`).join(',')
  }
}

/** What OpenTelemetry keeps under `ot`. */
export interface OtelState {
  /** Rejection threshold of whoever sampled; undefined where unknown. */
  readonly threshold: Threshold | undefined
  /** Explicit randomness in place of the trace id's: 24 high and 32 low bits. */
  readonly random: { readonly high: number; readonly low: number } | undefined
  /** Other sub-keys, as they came: `a:b;c:d`. */
  readonly rest: string
}

/** Reads the value of the `ot` member; parts that are not understood stay in `rest`. */
export function readOtel(value: string | undefined): OtelState {
  let threshold: Threshold | undefined
  let random: OtelState['random']
  const rest: string[] = []
  for (const part of value === undefined || value.length > otCharactersMax
    ? []
    : value.split(';')) {
    if (part.startsWith('th:')) threshold = parseThreshold(part.slice(3))
    else if (/^rv:[0-9a-f]{14}$/.test(part))
      random = {
        high: Number.parseInt(part.slice(3, 9), 16),
        low: Number.parseInt(part.slice(9), 16),
      }
    else if (part !== '' && !part.startsWith('rv:')) rest.push(part)
  }
  return { threshold, random, rest: rest.join(';') }
}

/**
 * `state` with `threshold` written to `ot` (undefined takes it out), `rv` and unknown parts kept.
 * Undefined where nothing is left.
 */
export function withThreshold(
  state: TraceState | undefined,
  threshold: Threshold | undefined,
): TraceState | undefined {
  const before = state?.get('ot')
  if (before === undefined) {
    if (threshold === undefined) return state
    if (state) return state.set('ot', `th:${threshold.text}`)
    if (threshold !== latest.threshold)
      latest = { threshold, state: SpateTraceState.empty.set('ot', `th:${threshold.text}`) }
    return latest.state
  }
  const { random, rest } = readOtel(before)
  const parts: string[] = []
  if (threshold !== undefined) parts.push(`th:${threshold.text}`)
  if (random) parts.push(`rv:${hexOf(random.high, 6)}${hexOf(random.low, 8)}`)
  if (rest !== '') parts.push(rest)
  const value = parts.join(';')
  if (state === undefined || value === before) return state
  if (value !== '' && value.length <= otCharactersMax) return state.set('ot', value)
  const left = state.unset('ot')
  return left.serialize() === '' ? undefined : left
}

/** The last list made for a threshold alone: all new traces of a while have the same one. */
let latest: { readonly threshold: Threshold | undefined; readonly state: SpateTraceState } = {
  threshold: undefined,
  state: SpateTraceState.empty,
}

function hexOf(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}

/** Takes spaces and tabs from both ends: OWS of RFC 9110, nothing else. */
function trimBlank(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}
