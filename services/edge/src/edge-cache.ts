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
import { Fault } from '@spate/runtime/fault'
import { refusal, storedAnswer, type Answer } from './answers.ts'
import { cacheKey, canonicalHost, isPlainHost, type KeyRules } from './domain/cache-key.ts'
import type { ForwardReason } from './domain/cache-status.ts'
import { viaLoops } from './domain/forwarding.ts'
import { usability } from './domain/freshness.ts'
import { covers, resolveRange } from './domain/ranges.ts'
import { bodyless, directivesOf, flags, flagsOf } from './request-view.ts'
import type { Forwarder, Job } from './forwarder.ts'
import type { MemoryStore } from './store/memory-store.ts'
import type { Statistics } from './statistics.ts'
import type { StoredResponse } from './store/stored-response.ts'

/** Passes through this node a request may make before it counts as a loop. */
export const loopsMax = 5

/** What the cache is made of. */
export interface EdgeCacheParts {
  readonly store: MemoryStore
  readonly forwarder: Forwarder
  readonly statistics: Statistics
  readonly keyRules: () => KeyRules
  /** Obey Cache-Control and Pragma of clients. */
  readonly honourClient: () => boolean
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
    if ((method === 'GET' || method === 'HEAD') && bodyless(request)) return this.#look(request)
    return this.#pass(request, method === 'GET' || method === 'HEAD' ? 'bypass' : 'method')
  }

  /** The cache key of `request`. */
  keyOf(request: Request): string {
    return cacheKey(request, this.#parts.keyRules())
  }

  #look(request: Request): Answer | Promise<Answer> {
    const { store, statistics, now } = this.#parts
    const bits = flagsOf(request.headers.raw)
    if ((bits & flags.precondition) !== 0) return this.#pass(request, 'bypass')
    const key = this.keyOf(request)
    const nowMs = now()
    const stored = store.find(key, request.headers)
    if (stored && (bits & flags.control) === 0 && stored.timing.freshUntilMs > nowMs) {
      statistics.hit(stored.body.length)
      return storedAnswer(stored, request, { bits, nowMs, told: freshHit })
    }
    return stored
      ? this.#judge(stored, request, { key, bits, nowMs })
      : this.#miss(request, { key, bits, nowMs })
  }

  /** A stored response that is stale, or whose client has wishes. */
  #judge(stored: StoredResponse, request: Request, look: Look): Answer | Promise<Answer> {
    const { statistics, forwarder, honourClient } = this.#parts
    const { bits, nowMs, key } = look
    const directives = directivesOf(request, bits, honourClient())
    const use = usability(stored.timing, directives, nowMs)
    switch (use.kind) {
      case 'fresh':
        statistics.hit(stored.body.length)
        return storedAnswer(stored, request, { bits, nowMs, told: freshHit })
      case 'stale-allowed':
        statistics.hit(stored.body.length)
        return storedAnswer(stored, request, { bits, nowMs, told: staleHit('max-stale') })
      case 'stale-while-revalidate': {
        const job = this.#job(request, look, { reason: 'stale', stale: stored })
        if (directives.onlyIfCached || !stored.validating) forwarder.revalidate(job)
        statistics.staleHit(stored.body.length)
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
    const { store, forwarder, honourClient } = this.#parts
    refuseCircles(request)
    const directives = directivesOf(request, look.bits, honourClient())
    const partial = this.#partialHit(request, look)
    if (partial) return partial
    if (directives.onlyIfCached) return this.#onlyIfCached(request, look.key)
    const reason = store.variants(look.key).length > 0 ? 'vary-miss' : 'uri-miss'
    return forwarder.forward(this.#job(request, look, { reason, stale: undefined }))
  }

  /** A range that a stored part holds whole (RFC 9111 section 3.3). */
  #partialHit(request: Request, { key, bits, nowMs }: Look): Answer | undefined {
    if ((bits & flags.range) === 0 || request.method !== 'GET') return undefined
    const part = this.#parts.store.part(key, request.headers)
    if (!part?.partial || part.timing.freshUntilMs <= nowMs) return undefined
    const wish = resolveRange(request.headers.get('range'), part.partial.complete ?? -1)
    if (wish.kind !== 'parts' || !covers(part.partial, wish.parts)) return undefined
    this.#parts.statistics.hit(part.body.length)
    return storedAnswer(part, request, { bits, nowMs, told: freshHit })
  }

  async #pass(request: Request, reason: ForwardReason): Promise<Answer> {
    refuseCircles(request)
    const key = this.keyOf(request)
    const look = { key, bits: flagsOf(request.headers.raw), nowMs: this.#parts.now() }
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
      key: look.key,
      bits: look.bits,
      host: canonicalHost(request.host, request.secure),
      directives: directivesOf(request, look.bits, this.#parts.honourClient()),
      again: () => this.#look(request),
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
  readonly key: string
  readonly bits: number
  readonly nowMs: number
}

const freshHit = Object.freeze({ hit: true })
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
