/**
 * A transfer: one request to the origin and what becomes of its answer.
 *
 *   asked -> answered (200, 404 ...: passed on, and stored where RFC 9111 section 3 allows)
 *         -> refreshed (304: the stored response is good again)
 *         -> failed (no answer, or a 5xx that a stale response may stand in for)
 *
 * Everybody who asked awaits `outcome`, which settles at the response head; the body follows
 * through the fill. Nothing is stored before its last byte has come as its framing promised.
 */
import { Fault } from '@spate/runtime/fault'
import type { RequestDirectives } from './domain/cache-control.ts'
import { fieldValue, withField, withoutFields, type FieldList } from './domain/fields.ts'
import {
  freshnessLifetime,
  timingOf,
  usability,
  type ReceivedResponse,
  type Timing,
} from './domain/freshness.ts'
import { endToEndFields, viaValue } from './domain/forwarding.ts'
import { formatHttpDate, parseHttpDate } from './domain/http-date.ts'
import { parseContentRange, type ContentRange } from './domain/ranges.ts'
import { storing, type Storing } from './domain/storing.ts'
import { effectiveDirectives } from './domain/targeted-control.ts'
import { identifies, stronglyEqual, updatedFields } from './domain/validation.ts'
import { selectorOf, type Selector } from './domain/vary.ts'
import type { FieldSource } from './domain/fields.ts'
import type { Spill } from './disk/spill.ts'
import { Fill } from './fill.ts'
import type { EdgePolicy } from './policy.ts'
import type { Stamp } from './shared-tier/purge-log.ts'
import type { StoredResponse } from './store/stored-response.ts'
import type { Transient } from './transient.ts'

/** What the origin said, as far as those who wait are concerned. */
export type Outcome =
  | {
      readonly kind: 'answered'
      readonly status: number
      /** End-to-end fields with `via`. */
      readonly headers: FieldList
      /** True where it is being stored. */
      readonly stored: boolean
      /** True where others than the one who asked may have it too. */
      readonly reusable: boolean
      readonly selector: Selector | undefined
      readonly timing: Timing
      /** Why it is not stored. */
      readonly why: string | undefined
    }
  | { readonly kind: 'refreshed'; readonly stored: StoredResponse }
  /** Another node had asked before: it came from the shared tier. */
  | { readonly kind: 'found'; readonly stored: StoredResponse }
  /** The origin spoke of something else than what was asked about: ask again without conditions. */
  | { readonly kind: 'unidentified' }
  | { readonly kind: 'failed'; readonly fault: Fault; readonly status: number | undefined }

/** What was asked, for judging the answer. */
export interface Asked {
  readonly method: string
  readonly key: string
  readonly host: string
  readonly url: string
  /** Its fields, with what else selects under its policy. */
  readonly fields: FieldSource
  readonly policy: EdgePolicy
  readonly directives: RequestDirectives
  readonly authorization: boolean
  /** The stored response that is being validated. */
  readonly validating: StoredResponse | undefined
  /** The stored beginning that the rest was asked for. */
  readonly completing: StoredResponse | undefined
  /** True where a 5xx counts as a failure because something stale may stand in. */
  readonly staleStandsIn: boolean
}

/** What the cache does with a transfer's results. */
export interface TransferHost {
  /** Largest body that fits into memory, bytes. */
  readonly keepBytesMax: number
  /** Largest body taken to disk as it comes, bytes; 0 where there is no disk. */
  readonly spillBytesMax: number
  /** A way to disk for a body that has `bytes` so far; undefined where there is none. */
  spill(bytes: number): Spill | undefined
  /** Lets go of a spill that will not be stored. */
  abandon(spill: Spill): void
  /** Memory of bodies on their way. */
  readonly transient: Transient
  now(): number
  /** Called with every final answer before anything of it is stored. */
  answered(transfer: Transfer, response: ReceivedResponse): void
  refreshed(stored: StoredResponse, headers: FieldList, timing: Timing): void
  /** Offers what the origin has just said to the other nodes. */
  share(transfer: Transfer, stored: StoredResponse): void
  complete(transfer: Transfer, kept: Kept): void
}

/** A whole response that may be stored. */
export interface Kept {
  readonly status: number
  readonly headers: FieldList
  readonly selector: Selector
  readonly timing: Timing
  /** The bytes, or the spill that took them to disk. */
  readonly body: Uint8Array | Spill
  readonly partial: ContentRange | undefined
}

/** One request to the origin, shared by all who wait for its answer. */
export class Transfer {
  readonly asked: Asked
  readonly fill: Fill
  /** Settles at the response head; never rejects. */
  readonly outcome: Promise<Outcome>
  /** Known once the head is here. */
  settled: Outcome | undefined
  /** Set by a purge or an invalidation: it may be served to those who wait, never stored. */
  doomed = false
  /** Where the purges of all nodes stood before the origin was asked; without it other nodes are not given the answer. */
  stamp: Stamp | undefined
  /** Order of purges at the time it began. */
  readonly epoch: number
  readonly interimListeners: Set<(status: number, headers: FieldList) => void> = new Set()
  readonly #host: TransferHost
  readonly #resolve: (outcome: Outcome) => void
  readonly requestTimeMs: number
  #spillable = false

  constructor(asked: Asked, host: TransferHost, epoch: number) {
    this.asked = asked
    this.epoch = epoch
    this.#host = host
    this.fill = new Fill(host.transient)
    this.requestTimeMs = host.now()
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.outcome = promise
    this.#resolve = resolve
  }

  interim(status: number, headers: FieldList): void {
    const kept = endToEndFields(headers)
    for (const listener of this.interimListeners) listener(status, kept)
  }

  head(status: number, received: FieldList): void {
    const response = this.#received(status, received)
    const { validating, completing } = this.asked
    if (status === 304 && validating) this.#notModified(validating, response)
    else if (status === 206 && completing) this.#rest(completing, response)
    else if (status >= 500 && this.asked.staleStandsIn) {
      this.fill.abort()
      this.#settle({
        kind: 'failed',
        fault: new Fault('bad_gateway', `the origin answered ${status}`),
        status,
      })
    } else this.#answered(response)
  }

  data(chunk: Uint8Array): void {
    const { fill } = this
    const bytes = fill.totalBytes + chunk.length
    if (fill.kept && fill.spilling) {
      if (bytes > this.#host.spillBytesMax) fill.passThrough()
    } else if (
      fill.kept &&
      (bytes > this.#keepBytesMax || !this.#host.transient.takes(chunk.length))
    )
      this.#spill(bytes)
    fill.push(chunk)
  }

  end(): void {
    this.fill.end()
  }

  /** The shared tier had it: nobody asks the origin. */
  found(stored: StoredResponse): void {
    this.#settle({ kind: 'found', stored })
    this.fill.end()
  }

  fail(fault: Fault): void {
    this.fill.fail(fault)
    this.#settle({ kind: 'failed', fault, status: undefined })
  }

  /** Largest body kept in memory, bytes: what fits, and what the policy takes. */
  get #keepBytesMax(): number {
    return Math.min(this.#host.keepBytesMax, this.asked.policy.objectBytesMax)
  }

  /** What memory has no room for goes to disk where it is whole, and through where it is not. */
  #spill(bytes: number): void {
    const spill = this.#spillable ? this.#host.spill(bytes) : undefined
    if (!spill) this.fill.passThrough()
    else this.fill.spillTo(spill, () => this.#host.abandon(spill))
  }

  #settle(outcome: Outcome): void {
    if (this.settled) return
    this.settled = outcome
    this.#resolve(outcome)
  }

  #received(status: number, received: FieldList): ReceivedResponse {
    const responseTimeMs = this.#host.now()
    let headers: FieldList = endToEndFields(received)
    headers = withField(headers, 'via', viaValue(fieldValue(headers, 'via'), '1.1'))
    // RFC 9110 section 6.6.1: a recipient that caches adds the Date that is missing.
    if (parseHttpDate(fieldValue(headers, 'date'), responseTimeMs) === undefined)
      headers = withField(headers, 'date', formatHttpDate(responseTimeMs))
    return { status, headers, requestTimeMs: this.requestTimeMs, responseTimeMs }
  }

  #notModified(stored: StoredResponse, response: ReceivedResponse): void {
    // A tag that is not ours must not change what is stored (RFC 9111 section 4.3.4). The condition
    // named only ours, though, so it did match: origins that add `-gzip` to tags do this.
    const headers = identifies(response.headers, stored.headers)
      ? updatedFields(stored.headers, response.headers)
      : withField(stored.headers, 'date', fieldValue(response.headers, 'date') ?? '')
    const merged = { ...response, status: stored.status, headers: withAgeOf(headers, response) }
    const effective = effectiveDirectives(headers)
    const lifetime = freshnessLifetime(merged, effective, this.asked.policy.storing.heuristics)
    this.#host.refreshed(
      stored,
      withoutFields(headers, new Set(['age'])),
      timingOf(merged, effective, lifetime, this.asked.policy.storing.doubtfulAge),
    )
    if (!this.doomed) this.#host.share(this, stored)
    this.#settle({ kind: 'refreshed', stored })
  }

  /** The missing end of a stored beginning: together they are a 200 (RFC 9111 section 3.4). */
  #rest(begun: StoredResponse, response: ReceivedResponse): void {
    const range = parseContentRange(fieldValue(response.headers, 'content-range'))
    const part = begun.partial
    const tag = fieldValue(response.headers, 'etag')
    const storedTag = fieldValue(begun.headers, 'etag')
    const same = tag !== undefined && storedTag !== undefined && stronglyEqual(tag, storedTag)
    const fits = part && range?.first === part.last + 1 && range.complete === part.complete
    const whole = fits && range.complete === range.last + 1
    if (!part || !same || !whole) {
      this.fill.abort()
      this.#settle({ kind: 'unidentified' })
      return
    }
    const fields = updatedFields(begun.headers, response.headers)
    const headers = withField(
      withoutFields(fields, new Set(['content-range'])),
      'content-length',
      String(range.complete),
    )
    this.#answered({ ...response, status: 200, headers })
    this.fill.push(begun.body)
  }

  #answered(response: ReceivedResponse): void {
    const { asked } = this
    this.#host.answered(this, response)
    const verdict = storing(asked, response, this.asked.policy.storing)
    const effective =
      verdict.kind === 'store' ? verdict.effective : effectiveDirectives(response.headers)
    const lifetime =
      verdict.kind === 'store' ? verdict.lifetime : ({ ms: 0, source: 'none' } as const)
    const timing = timingOf(response, effective, lifetime, this.asked.policy.storing.doubtfulAge)
    const selector = selectorOf(response.headers, asked.fields, asked.policy.keyed)
    const stored = verdict.kind === 'store' && selector !== undefined && this.#fits(response)
    const usable = usability(timing, asked.directives, response.responseTimeMs).kind
    if (stored && selector) this.#keep(response, verdict, { selector, timing })
    this.#settle({
      kind: 'answered',
      status: response.status,
      headers: response.headers,
      stored,
      reusable: stored && usable !== 'validate' && response.status !== 206,
      selector,
      timing,
      why: verdict.kind === 'refuse' ? verdict.why : stored ? undefined : 'too-large',
    })
  }

  #fits(response: ReceivedResponse): boolean {
    const { spillBytesMax } = this.#host
    const memoryMax = this.#keepBytesMax
    const length = Number(fieldValue(response.headers, 'content-length') ?? 0)
    return !(length > (response.status === 206 ? memoryMax : Math.max(memoryMax, spillBytesMax)))
  }

  #keep(
    response: ReceivedResponse,
    verdict: Storing & { kind: 'store' },
    with_: { readonly selector: Selector; readonly timing: Timing },
  ): void {
    const { status } = response
    const announced = fieldValue(response.headers, 'content-length')
    const headers = withoutFields(response.headers, new Set([...verdict.omit, 'age']))
    const partial =
      status === 206 ? parseContentRange(fieldValue(headers, 'content-range')) : undefined
    this.#spillable = status !== 206
    this.fill.keep()
    if (Number(announced ?? 0) > this.#keepBytesMax) this.#spill(Number(announced))
    this.fill.onKept = (body, length) => {
      if (announced !== undefined && Number(announced) !== length && !bodiless(status)) return false
      const claimed = partial ? partial.last - partial.first + 1 : length
      if (partial && (length > claimed || length === 0)) return false
      // A part shorter than it says is taken for what has come: those bytes are where they belong.
      const part = partial && { ...partial, last: partial.first + length - 1 }
      this.#host.complete(this, { status, headers, ...with_, body, partial: part })
      return true
    }
  }
}

function bodiless(status: number): boolean {
  return status === 204 || status === 304
}

/** The Age of the validating response counts, not that of the stored one. */
function withAgeOf(headers: FieldList, response: ReceivedResponse): FieldList {
  const age = fieldValue(response.headers, 'age')
  return age === undefined ? headers : withField(headers, 'age', age)
}
