/**
 * The cache as a handler. A fresh hit is answered in the same turn; everything else goes forward:
 *
 *   found, fresh                      -> the stored bytes
 *   found, stale-while-revalidate     -> the stored bytes, and one validation in the background
 *   found, stale                      -> validate with the origin; stale-if-error stands in for a failure
 *   not found                         -> join a transfer of the same key, or begin one
 *   not cacheable                     -> pass on, alone
 */
import type { Handler, Request } from '@spate/http/exchange'
import { Fault, shown } from '@spate/runtime/fault'
import { refusal, storedAnswer, type Answer } from './answers.ts'
import type { DiskEntry } from './disk/disk-entry.ts'
import { cacheKey, canonicalHost, isPlainHost } from './domain/cache-key.ts'
import type { ForwardReason } from './domain/cache-status.ts'
import type { FieldSource } from './domain/fields.ts'
import { viaLoops } from './domain/forwarding.ts'
import { usability } from './domain/freshness.ts'
import { covers, resolveRange } from './domain/ranges.ts'
import { bodyless, directivesOf, flags, flagsOf } from './request-view.ts'
import type { Forwarder, Job } from './forwarder.ts'
import { peerField } from './peers/peer-mark.ts'
import type { Peers } from './peers/peers.ts'
import type { EdgePolicy } from './policy.ts'
import { KeyedFields } from './sites/keyed-fields.ts'
import type { Sites } from './sites/sites.ts'
import type { Statistics } from './statistics.ts'
import type { StoredResponse } from './store/stored-response.ts'
import type { Tiers } from './store/tiers.ts'

/** Passes through this node a request may make before it counts as a loop. */
export const loopsMax = 5

/** What the cache is made of. */
export interface EdgeCacheParts {
  readonly store: Tiers
  readonly forwarder: Forwarder
  readonly statistics: Statistics
  readonly sites: () => Sites
  /** Absent where this node is alone. */
  readonly peers?: Peers | undefined
  readonly now: () => number
}

/** Answers requests from the store, or sends them forward. */
export class EdgeCache {
  readonly #parts: EdgeCacheParts

  constructor(parts: EdgeCacheParts) {
    this.#parts = parts
  }

  readonly handle: Handler = (request) => {
    const { method } = request
    if (!isPlainHost(request.host)) return this.#refuseHost(request)
    const policy = this.#parts.sites().policyFor(request.host, request.path, request.headers)
    if (!policy) return this.#misdirected(request)
    const reads = method === 'GET' || method === 'HEAD'
    if (reads && !policy.bypass && bodyless(request)) return this.#look(request, policy)
    return this.#pass(request, policy, reads ? 'bypass' : 'method')
  }

  #look(request: Request, policy: EdgePolicy): Answer | Promise<Answer> {
    const { store, statistics, now } = this.#parts
    const bits = this.#bitsOf(request)
    if ((bits & flags.precondition) !== 0) return this.#pass(request, policy, 'bypass')
    const key = cacheKey(request, policy.keys)
    const fields = fieldsOf(request, policy)
    const nowMs = now()
    const stored = store.find(key, fields)
    if (stored && (bits & flags.control) === 0 && stored.timing.freshUntilMs > nowMs) {
      statistics.hit(stored.length)
      const told = stored.source ? diskHit : freshHit
      return storedAnswer(stored, request, { bits, nowMs, told })
    }
    return stored
      ? this.#judge(stored, request, { policy, fields, key, bits, nowMs })
      : this.#miss(request, { policy, fields, key, bits, nowMs })
  }

  /** What of the request's fields matters; the mark of a peer only where it is true. */
  #bitsOf(request: Request): number {
    const bits = flagsOf(request.headers.raw)
    if ((bits & flags.peer) === 0) return bits
    const hops = this.#parts.peers?.hopsOf(request, request.headers.get(peerField))
    return hops ? bits : bits & ~flags.peer
  }

  /** A stored response that is stale, or whose client has wishes. */
  #judge(stored: StoredResponse, request: Request, look: Look): Answer | Promise<Answer> {
    const { statistics, forwarder } = this.#parts
    const { bits, nowMs, key, policy } = look
    const directives = directivesOf(request, bits, policy.honourClient)
    const use = usability(stored.timing, directives, nowMs)
    switch (use.kind) {
      case 'fresh':
        statistics.hit(stored.length)
        return storedAnswer(stored, request, {
          bits,
          nowMs,
          told: stored.source || look.loaded ? diskHit : freshHit,
        })
      case 'stale-allowed':
        statistics.hit(stored.length)
        return storedAnswer(stored, request, { bits, nowMs, told: staleHit('max-stale') })
      case 'stale-while-revalidate': {
        const job = this.#job(request, look, { reason: 'stale', stale: stored })
        if (directives.onlyIfCached || !stored.validating) forwarder.revalidate(job)
        statistics.staleHit(stored.length)
        return storedAnswer(stored, request, {
          bits,
          nowMs,
          told: staleHit('stale-while-revalidate'),
        })
      }
      case 'validate': {
        if (directives.onlyIfCached) return this.#onlyIfCached(request, key)
        const reason: ForwardReason = use.why
        return forwarder.forward(this.#job(request, look, { reason, stale: stored }))
      }
    }
  }

  #miss(request: Request, look: Look): Answer | Promise<Answer> {
    const { store, forwarder } = this.#parts
    const entry = store.findOnDisk(look.key, look.fields)
    if (entry) return this.#fromDisk(entry, request, look)
    refuseCircles(request)
    const directives = directivesOf(request, look.bits, look.policy.honourClient)
    const partial = this.#partialHit(request, look)
    if (partial) return partial
    if (directives.onlyIfCached) return this.#onlyIfCached(request, look.key)
    const reason = store.newestSelector(look.key) ? 'vary-miss' : 'uri-miss'
    return forwarder.forward(this.#job(request, look, { reason, stale: undefined }))
  }

  /** What lies on disk is brought into memory first; once, for all who ask for it. */
  async #fromDisk(entry: DiskEntry, request: Request, look: Look): Promise<Answer> {
    const stored = await this.#parts.store.load(entry)
    const now = { ...look, nowMs: this.#parts.now(), loaded: true }
    return stored ? this.#judge(stored, request, now) : this.#look(request, look.policy)
  }

  /** A range that a stored part holds whole (RFC 9111 section 3.3). */
  #partialHit(request: Request, { fields, key, bits, nowMs }: Look): Answer | undefined {
    if ((bits & flags.range) === 0 || request.method !== 'GET') return undefined
    const part = this.#parts.store.part(key, fields)
    if (!part?.partial || part.timing.freshUntilMs <= nowMs) return undefined
    const wish = resolveRange(request.headers.get('range'), part.partial.complete ?? -1)
    if (wish.kind !== 'parts' || !covers(part.partial, wish.parts)) return undefined
    this.#parts.statistics.hit(part.length)
    return storedAnswer(part, request, { bits, nowMs, told: freshHit })
  }

  async #pass(request: Request, policy: EdgePolicy, reason: ForwardReason): Promise<Answer> {
    refuseCircles(request)
    const key = cacheKey(request, policy.keys)
    const fields = fieldsOf(request, policy)
    const look = {
      policy,
      fields,
      key,
      bits: this.#bitsOf(request),
      nowMs: this.#parts.now(),
    }
    const job = this.#job(request, look, { reason, stale: undefined })
    // A GET with a body may be answered by its body, which the key does not hold: never stored.
    const directives = reason === 'bypass' ? { ...job.directives, noStore: true } : job.directives
    return this.#parts.forwarder.pass({ ...job, directives })
  }

  #job(
    request: Request,
    look: Look,
    why: { readonly reason: ForwardReason; readonly stale: StoredResponse | undefined },
  ): Job {
    return {
      request,
      policy: look.policy,
      fields: look.fields,
      key: look.key,
      bits: look.bits,
      host: canonicalHost(request.host, request.secure),
      directives: directivesOf(request, look.bits, look.policy.honourClient),
      again: () => this.#look(request, look.policy),
      ...why,
    }
  }

  #onlyIfCached(request: Request, key: string): Answer {
    // RFC 9111 section 5.2.1.7: 504 where nothing stored can be used.
    const fault = new Fault(
      'upstream_timeout',
      'nothing usable is stored, and only that was wanted',
    )
    return refusal(fault, request, { hit: false, key, detail: 'only-if-cached' })
  }

  /** RFC 9110 section 15.5.20: this node does not speak for that host. */
  #misdirected(request: Request): Answer {
    this.#parts.statistics.refused++
    const fault = new Fault(
      'misdirected',
      `no site of this node has the host ${shown(request.host)}`,
    )
    return refusal(fault, request, { hit: false, detail: 'host' })
  }

  #refuseHost(request: Request): Answer {
    this.#parts.statistics.refused++
    const fault = new Fault(
      'invalid_request',
      'the Host field is missing or not a plain host and port',
    )
    return refusal(fault, request, { hit: false, detail: 'host' })
  }
}

/** What was found out about a request before it is judged. */
interface Look {
  readonly policy: EdgePolicy
  readonly fields: FieldSource
  readonly key: string
  readonly bits: number
  readonly nowMs: number
  /** True where it was brought from disk for this request. */
  readonly loaded?: boolean
}

/** The fields that select an answer: the request's own, save where the policy takes more. */
function fieldsOf(request: Request, { keyed, rule }: EdgePolicy): FieldSource {
  return keyed.length === 0 ? request.headers : new KeyedFields(request.headers, rule)
}

const freshHit = Object.freeze({ hit: true })
const diskHit = Object.freeze({ hit: true, detail: 'disk' })
const staleHit = (detail: string): { hit: true; detail: string } => ({ hit: true, detail })

/**
 * Refuses a request that passed this node more than `loopsMax` times: an edge that is its own
 * origin would otherwise forward for ever (RFC 9110 section 7.6.3).
 */
function refuseCircles(request: Request): void {
  const via = request.headers.get('via')
  if (via !== undefined && viaLoops(via) > loopsMax)
    throw new Fault('bad_gateway', 'the request runs in circles through this node')
}
