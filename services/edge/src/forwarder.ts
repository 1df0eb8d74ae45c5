/**
 * Sends requests forward, once for all who want the same thing at the same time.
 *
 * Waiters are let go at the response head. Where the answer turns out to be for one client only,
 * the others go forward at once and side by side, and the key is remembered for a while
 * (hit-for-miss), so that the next wave does not wait at all. Where it may be shared, they read the
 * body as it comes.
 */
import type { Request } from '@spate/http/exchange'
import { edgeRoute, fetchedFields, refusal, storedAnswer, type Answer } from './answers.ts'
import { Backoff } from './backoff.ts'
import type { RequestDirectives } from './domain/cache-control.ts'
import { keptQuery } from './domain/cache-key.ts'
import type { CacheStatus, ForwardReason } from './domain/cache-status.ts'
import { fieldValue, lowered, type FieldSource } from './domain/fields.ts'
import { conditionFields, forwardedFields } from './domain/forwarding.ts'
import { staleOnErrorAllowed } from './domain/freshness.ts'
import { notModified, notModifiedFields, validators } from './domain/validation.ts'
import { acceptedCodings, selects } from './domain/vary.ts'
import type { OriginRequest } from './origins/origin.ts'
import type { EdgePolicy } from './policy.ts'
import { flags } from './request-view.ts'
import type { StoredResponse } from './store/stored-response.ts'
import { Transfer, type Outcome } from './transfer.ts'
import type { Transfers } from './transfers.ts'

/** A request that must go forward. */
export interface Job {
  readonly request: Request
  readonly policy: EdgePolicy
  /** The request's fields, with what else selects under its policy. */
  readonly fields: FieldSource
  readonly key: string
  readonly bits: number
  readonly host: string
  readonly directives: RequestDirectives
  readonly reason: ForwardReason
  /** The stored response to validate; undefined where there is none. */
  readonly stale: StoredResponse | undefined
  /** Looks the request up from the start. */
  readonly again: () => Answer | Promise<Answer>
}

/** Times a waiter may find that what it waited for is not for it, before it goes alone. */
export const joinsMax = 3

/** Sends what the store cannot answer to the origin. */
export class Forwarder {
  readonly #transfers: Transfers
  readonly #backoff: Backoff

  constructor(transfers: Transfers) {
    this.#transfers = transfers
    this.#backoff = new Backoff()
  }

  /** Answers `job` with the origin's help; joins a transfer of the same key where one is on its way. */
  async forward(job: Job): Promise<Answer> {
    const { statistics } = this.#transfers
    statistics.requests++
    const resting = this.#standIn(job)
    if (resting) return resting
    statistics.misses++
    if (!this.#mayShare(job)) return this.#alone(job)
    for (let joins = 0; joins < joinsMax; joins++) {
      const open = this.#transfers.joinable(job.key, job.fields)
      if (!open) break
      statistics.collapsed++
      const answer = await this.#join(open, job)
      if (answer) return answer
      if (this.#transfers.passes(job.key)) break
    }
    return this.#transfers.passes(job.key) ? this.#alone(job) : this.#lead(job)
  }

  /** Sends `job` on alone and stores nothing but what RFC 9111 lets a POST leave. */
  async pass(job: Job): Promise<Answer> {
    this.#transfers.statistics.requests++
    this.#transfers.statistics.passes++
    return this.#alone(job)
  }

  /** Validates `job.stale` in the background; nothing where that is under way or the origin rests. */
  revalidate(job: Job): void {
    const { stale } = job
    if (!stale || stale.validating || this.#backoff.rests(job.key, this.#transfers.now())) return
    stale.validating = true
    const transfer = this.#begin(job, { shared: true, body: false })
    // Owner: the transfer set; `close` aborts what is still there.
    void transfer.outcome.then((outcome) => {
      stale.validating = false
      this.#noteOutcome(job, outcome)
      transfer.fill.release()
    })
  }

  async #lead(job: Job): Promise<Answer> {
    const transfer = this.#begin(job, { shared: true, body: false })
    return this.#answerOf(transfer, job, { collapsed: false })
  }

  async #alone(job: Job): Promise<Answer> {
    const transfer = this.#begin(job, { shared: false, body: true })
    return this.#answerOf(transfer, job, { collapsed: false })
  }

  /** A stale answer while the origin rests after failures (RFC 5861 section 4). */
  #standIn(job: Job): Answer | undefined {
    const nowMs = this.#transfers.now()
    const { stale } = job
    if (!stale || !this.#backoff.rests(job.key, nowMs)) return undefined
    const graceMs = this.#backoff.disconnected(job.key) ? job.policy.storing.disconnectedMs : 0
    if (!staleOnErrorAllowed(stale.timing, job.directives, nowMs, graceMs)) return undefined
    this.#transfers.statistics.staleHits++
    this.#transfers.statistics.hits++
    return storedAnswer(stale, job.request, {
      bits: job.bits,
      nowMs,
      told: { hit: true, detail: 'stale-if-error' },
    })
  }

  #mayShare({ request, bits, directives, key }: Job): boolean {
    if (request.method !== 'GET' || directives.noStore) return false
    if ((bits & (flags.range | flags.authorization)) !== 0) return false
    return !this.#transfers.passes(key)
  }

  /** Waits for somebody else's transfer; undefined where its answer is not for this request. */
  async #join(transfer: Transfer, job: Job): Promise<Answer | undefined> {
    const listener = this.#interimTo(job.request)
    transfer.interimListeners.add(listener)
    const outcome = transfer.settled ?? (await transfer.outcome)
    transfer.interimListeners.delete(listener)
    if (outcome.kind === 'unidentified') return undefined
    if (outcome.kind === 'answered') {
      if (!outcome.reusable || !transfer.fill.fromStart) return undefined
      if (!outcome.selector || !selects(outcome.selector, job.fields)) return undefined
    }
    const whole = outcome.kind === 'refreshed' || outcome.kind === 'found'
    if (whole && !selects(outcome.stored.selector, job.fields)) return undefined
    return this.#answerOf(transfer, job, { collapsed: true })
  }

  async #answerOf(
    transfer: Transfer,
    job: Job,
    { collapsed }: { readonly collapsed: boolean },
  ): Promise<Answer> {
    const outcome = transfer.settled ?? (await transfer.outcome)
    if (!collapsed) this.#noteOutcome(job, outcome)
    const base: CacheStatus = {
      hit: false,
      fwd: job.reason,
      key: job.key,
      ...(collapsed ? { collapsed } : {}),
    }
    switch (outcome.kind) {
      case 'answered':
        return this.#answered(transfer, job, { outcome, base })
      case 'refreshed':
        return storedAnswer(outcome.stored, job.request, {
          bits: job.bits,
          nowMs: this.#transfers.now(),
          told: { ...base, fwdStatus: 304, stored: true },
        })
      case 'found':
        this.#transfers.statistics.sharedHit(outcome.stored.length)
        return storedAnswer(outcome.stored, job.request, {
          bits: job.bits,
          nowMs: this.#transfers.now(),
          told: { hit: true, detail: 'shared' },
        })
      case 'unidentified':
        // The origin's 304 spoke of something we do not have: ask again without conditions.
        return this.#alone({ ...job, stale: undefined, reason: 'stale' })
      case 'failed':
        return this.#failed(job, outcome, base)
    }
  }

  #answered(
    transfer: Transfer,
    { request, bits, reason }: Job,
    { outcome, base }: { outcome: Outcome & { kind: 'answered' }; base: CacheStatus },
  ): Answer {
    const { status, stored, why, timing } = outcome
    const nowMs = this.#transfers.now()
    const headers = fetchedFields(
      outcome.headers,
      {
        ...base,
        fwdStatus: status,
        ...(stored ? { stored, ttl: Math.floor((timing.freshUntilMs - nowMs) / 1000) } : {}),
        ...(why === undefined ? {} : { detail: why }),
      },
      (bits & flags.peer) !== 0,
    )
    const conditional = (bits & flags.conditional) !== 0 && status === 200
    const asked = request.method === 'GET' && reason !== 'bypass'
    if (conditional && asked && notModified(request.headers, outcome.headers, nowMs)) {
      transfer.fill.release()
      return { status: 304, headers: notModifiedFields(headers), route: edgeRoute }
    }
    if (request.method === 'HEAD' || status === 204 || status === 304) {
      transfer.fill.release()
      return { status, headers, route: edgeRoute }
    }
    const body = transfer.fill.whole ?? transfer.fill.reader(request.signal)
    transfer.fill.release()
    return { status, headers, body, route: edgeRoute }
  }

  #failed(job: Job, outcome: Outcome & { kind: 'failed' }, base: CacheStatus): Answer {
    const nowMs = this.#transfers.now()
    const { stale } = job
    const graceMs = outcome.status === undefined ? job.policy.storing.disconnectedMs : 0
    if (stale && staleOnErrorAllowed(stale.timing, job.directives, nowMs, graceMs)) {
      this.#transfers.statistics.staleHits++
      return storedAnswer(stale, job.request, {
        bits: job.bits,
        nowMs,
        told: {
          ...base,
          detail: 'stale-if-error',
          ...(outcome.status === undefined ? {} : { fwdStatus: outcome.status }),
        },
      })
    }
    this.#transfers.statistics.errors++
    return refusal(outcome.fault, job.request, { ...base, detail: outcome.fault.code })
  }

  #noteOutcome(job: Job, outcome: Outcome): void {
    if (outcome.kind === 'found') return
    const nowMs = this.#transfers.now()
    const { key, request } = job
    if (outcome.kind === 'failed') {
      this.#backoff.failed(key, nowMs, outcome.status === undefined)
      return
    }
    this.#backoff.succeeded(key)
    if (outcome.kind !== 'answered') return
    if (request.method === 'HEAD' && job.stale)
      this.#transfers.headSeen(job.stale, outcome, job.policy.storing)
    if (request.method !== 'GET' || job.reason === 'bypass') return
    const alone = (job.bits & (flags.range | flags.authorization)) !== 0
    if (!outcome.reusable && !alone && !job.directives.noStore) this.#transfers.notePass(key)
    else if (outcome.reusable) this.#transfers.forgetPass(key)
    // The origin has said something else now: what was stored for this request is past.
    if (job.stale && outcome.status < 500 && !alone) this.#transfers.drop(job.stale)
  }

  #begin(job: Job, how: { readonly shared: boolean; readonly body: boolean }): Transfer {
    const { request, stale } = job
    const nowMs = this.#transfers.now()
    const validating = request.method === 'GET' && !(job.bits & flags.range) ? stale : undefined
    const graceMs = job.policy.storing.disconnectedMs
    const completing = validating || !how.shared ? undefined : this.#beginning(job)
    const transfer = this.#transfers.begin(
      {
        method: request.method,
        key: job.key,
        host: job.host,
        url: urlOf(request),
        fields: job.fields,
        policy: job.policy,
        directives: job.directives,
        authorization: (job.bits & flags.authorization) !== 0,
        validating,
        completing,
        staleStandsIn:
          stale !== undefined && staleOnErrorAllowed(stale.timing, job.directives, nowMs),
      },
      {
        request: {
          ...originRequest(job, { validating, completing }, how.body),
          // Where something stale can stand in, a failing origin is left alone.
          retry: !(stale && staleOnErrorAllowed(stale.timing, job.directives, nowMs, graceMs)),
        },
        span: request,
        shared: how.shared,
      },
    )
    transfer.interimListeners.add(this.#interimTo(request))
    return transfer
  }

  /** A stored beginning of what `job` wants whole; only its end need be fetched. */
  #beginning({ fields, key }: Job): StoredResponse | undefined {
    const part = this.#transfers.partOf(key, fields)
    const usable = part?.partial?.first === 0 && part.partial.complete !== undefined
    return usable && part.timing.freshUntilMs > this.#transfers.now() ? part : undefined
  }

  #interimTo(request: Request): (status: number, headers: readonly string[]) => void {
    return (status, headers) => request.interim(status, headers)
  }
}

/** Absolute URL of a request's target. */
export function urlOf(request: Request): string {
  return `${request.secure ? 'https' : 'http'}://${request.host}${request.target}`
}

function originRequest(
  { request, policy, bits, reason }: Job,
  from: {
    readonly validating: StoredResponse | undefined
    readonly completing: StoredResponse | undefined
  },
  withBody: boolean,
): OriginRequest {
  const received = lowered(request.headers.raw)
  const cacheable = request.method === 'GET' && (bits & flags.range) === 0 && reason !== 'bypass'
  const headers = forwardedFields(received, request, cacheable ? conditionFields : noFields)
  const codings = fieldValue(headers, 'accept-encoding')
  if (codings !== undefined && cacheable) {
    const at = headers.indexOf('accept-encoding')
    headers.splice(at, 2, 'accept-encoding', acceptedCodings(codings))
  }
  const { validating, completing } = from
  if (validating) headers.push(...validators(validating.headers))
  if (completing?.partial) {
    headers.push('range', `bytes=${completing.partial.last + 1}-`)
    const tag = fieldValue(completing.headers, 'etag')
    if (tag?.startsWith('"')) headers.push('if-range', tag)
  }
  const { body } = request
  const bodied = withBody && (body.whole === undefined ? body.length !== 0 : body.whole.length > 0)
  if (bodied && body.length !== undefined) headers.push('content-length', String(body.length))
  return {
    method: request.method,
    target: forwardedTarget(request, reason, policy),
    host: request.host,
    headers,
    retry: true,
    ...(bodied ? { body: body.whole ?? body.stream() } : {}),
  }
}

/**
 * What the key leaves out the origin does not get either: what it cannot see it cannot put into a
 * page that others are given (cache poisoning by unkeyed query names).
 */
function forwardedTarget(
  { target, path, query }: Request,
  reason: ForwardReason,
  { keys, bypass }: EdgePolicy,
): string {
  if (reason === 'method' || reason === 'bypass' || bypass) return target
  const kept = keptQuery(query, keys.dropQuery)
  if (kept === query) return target
  return kept === '' ? path : `${path}?${kept}`
}

const noFields: ReadonlySet<string> = new Set()
