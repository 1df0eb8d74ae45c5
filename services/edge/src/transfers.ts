import type { Request } from '@spate/http/exchange'
import { Fault } from '@spate/runtime/fault'
import { headAgrees, stronglyEqual, updatedFields } from './domain/validation.ts'
import { cacheKey, canonicalHost } from './domain/cache-key.ts'
import { selectingValues, selects } from './domain/vary.ts'
import { fieldSource, fieldValue, type FieldList, type FieldSource } from './domain/fields.ts'
import { combined } from './domain/ranges.ts'
import {
  freshnessLifetime,
  timingOf,
  type ReceivedResponse,
  type Timing,
} from './domain/freshness.ts'
import { invalidated } from './domain/invalidation.ts'
import type { StoringRules } from './domain/storing.ts'
import { tagsOf } from './domain/tags.ts'
import { effectiveDirectives } from './domain/targeted-control.ts'
import type { Origin, OriginExchange, OriginRequest } from './origins/origin.ts'
import { peerField } from './peers/peer-mark.ts'
import type { Peers } from './peers/peers.ts'
import type { OriginSpans } from './origins/origin-spans.ts'
import type { EdgePolicy } from './policy.ts'
import type { Sites } from './sites/sites.ts'
import { Purger } from './store/purge.ts'
import { emptyOrder, type PurgeOrder } from './store/response-index.ts'
import type { Tiers } from './store/tiers.ts'
import { Spill } from './disk/spill.ts'
import type { SharedTier } from './shared-tier/shared-tier.ts'
import { LateExchange } from './shared-tier/late-exchange.ts'
import type { Statistics } from './statistics.ts'
import { StoredResponse } from './store/stored-response.ts'
import { Transient } from './transient.ts'
import { Transfer, type Asked, type Kept, type Outcome, type TransferHost } from './transfer.ts'
import type { Forgotten } from './workers/telling.ts'

/** How long a key whose answers are for one client only is remembered, ms. */
export const passMs = 120_000
/** Most such keys; the oldest goes first. */
export const passKeysMax = 100_000
/** Most transfers one key may have open to newcomers: one for each variant on its way. */
export const openMax = 16

/** What transfers need. */
export interface TransfersParts {
  readonly store: Tiers
  readonly statistics: Statistics
  readonly spans: OriginSpans
  readonly sites: () => Sites
  /** Absent where this node is alone. */
  readonly peers?: Peers | undefined
  readonly onChanged?: ((what: Forgotten) => void) | undefined
  /** Absent where no store of all nodes is asked. */
  readonly shared?: SharedTier | undefined
  readonly objectBytesMax: () => number
  /** Bytes all bodies on their way may hold together. */
  readonly transientBytesMax: () => number
  readonly now: () => number
}

/** How to send one. */
interface Way {
  readonly request: OriginRequest
  readonly span: Request
  /** True where others may have the answer too. */
  readonly shared: boolean
}

/** All transfers under way: who may join which, what is stored, what a purge forbids. */
export class Transfers implements TransferHost {
  readonly statistics: Statistics
  readonly purger: Purger
  readonly transient: Transient
  readonly #parts: TransfersParts
  readonly #all = new Set<Transfer>()
  readonly #open = new Map<string, Transfer[]>()
  readonly #passUntilMs = new Map<string, number>()

  constructor(parts: TransfersParts) {
    this.#parts = parts
    this.statistics = parts.statistics
    this.transient = new Transient(parts.transientBytesMax)
    this.purger = new Purger(parts.store, this.#all)
  }

  get keepBytesMax(): number {
    return this.#parts.objectBytesMax()
  }

  get spillBytesMax(): number {
    return this.#parts.store.disk?.objectBytesMax ?? 0
  }

  /** Transfers under way. */
  get size(): number {
    return this.#all.size
  }

  now(): number {
    return this.#parts.now()
  }

  /** A transfer whose answer will likely be for `request` too; undefined where none. */
  joinable(key: string, request: FieldSource): Transfer | undefined {
    return this.#open.get(key)?.find((transfer) => {
      // Begun before a purge that concerns it: who asks after the purge must not have it.
      if (transfer.doomed) return false
      const { settled } = transfer
      if (settled === undefined)
        return this.purger.spares(transfer) && this.#sameVariant(transfer, request)
      if (settled.kind !== 'answered' || !settled.reusable) return false
      if (!this.purger.admits(transfer, tagsOf(settled.headers))) return false
      const selected = settled.selector !== undefined && selects(settled.selector, request)
      return selected && transfer.fill.fromStart
    })
  }

  /** Sends `asked` to the origin. */
  begin(asked: Asked, how: Way): Transfer {
    const { shared } = this.#parts
    const transfer = new Transfer(asked, this, this.purger.epoch)
    this.#all.add(transfer)
    if (how.shared) this.#openUp(transfer)
    transfer.fill.onSettled = () => {
      this.#all.delete(transfer)
      this.#shut(transfer)
      this.purger.settled()
    }
    const asksShared = shared && how.shared && !asked.completing
    transfer.fill.attach(
      asksShared ? this.#sharedFirst(shared, transfer, how) : this.#send(transfer, how),
    )
    return transfer
  }

  #send(transfer: Transfer, how: Way): OriginExchange {
    const { spans, statistics } = this.#parts
    const { asked } = transfer
    const traced = spans.begin(how.request, how.span)
    const origin = this.#routeOf(asked, how)
    if (origin === asked.policy.origin) statistics.originRequests++
    // The node that asks the origin itself writes what it says.
    else transfer.stamp = undefined
    return origin.send(traced.request, traced.sink(transfer))
  }

  /** Asks the shared tier, and the origin where that has nothing. */
  #sharedFirst(shared: SharedTier, transfer: Transfer, how: Way): OriginExchange {
    const exchange = new LateExchange()
    const ask = async (): Promise<void> => {
      const answer = await shared.find(transfer.asked)
      if (exchange.aborted) return
      if (answer.kind === 'found') this.#found(transfer, answer.stored)
      else {
        transfer.stamp = answer.stamp
        exchange.attach(this.#send(transfer, how))
      }
    }
    // Owner: the transfer, which hears of every failure.
    ask().catch((caught: unknown) => transfer.fail(Fault.from(caught)))
    return exchange
  }

  #found(transfer: Transfer, stored: StoredResponse): void {
    // Purged while it was on its way: those who wait may have it, nobody else.
    if (this.purger.admits(transfer, stored.tags)) this.#parts.store.put(stored)
    transfer.found(stored)
  }

  share({ stamp }: Transfer, stored: StoredResponse): void {
    if (stamp) this.#parts.shared?.write(stored, stamp)
  }

  /** What others may have too is asked of the node that owns it; the rest of the origin itself. */
  #routeOf(asked: Asked, how: { readonly span: Request; readonly shared: boolean }): Origin {
    const { peers } = this.#parts
    const { origin } = asked.policy
    // Peers speak plain HTTP: what came by TLS has another key there.
    if (!peers || !how.shared || asked.completing || how.span.secure) return origin
    const hops = peers.hopsOf(how.span, how.span.headers.get(peerField))
    return peers.route(origin, how.span, hops) ?? origin
  }

  refreshed(stored: StoredResponse, headers: FieldList, timing: Timing): void {
    this.#parts.store.refresh(stored, headers, timing)
  }

  complete(transfer: Transfer, kept: Kept): void {
    const { store } = this.#parts
    const { key, host } = transfer.asked
    const tags = tagsOf(kept.headers)
    const { body, ...rest } = kept
    const admitted = this.purger.admits(transfer, tags)
    if (body instanceof Spill) {
      if (admitted) store.putSpilled(body, { key, host, tags, ...rest })
      else store.disk?.abandon(body)
    } else if (admitted) {
      const made = new StoredResponse({ key, host, tags, ...rest, body })
      store.put(made.partial ? this.#joined(made) : made)
      this.share(transfer, made)
    }
  }

  spill(bytes: number): Spill | undefined {
    const { disk } = this.#parts.store
    if (!disk || bytes > this.spillBytesMax || disk.spills >= this.transient.spillsMax)
      return undefined
    return disk.spill()
  }

  abandon(spill: Spill): void {
    this.#parts.store.disk?.abandon(spill)
  }

  /** `made` with what is stored of the same representation already (RFC 9111 section 3.4). */
  #joined(made: StoredResponse): StoredResponse {
    const tag = fieldValue(made.headers, 'etag')
    const other = this.#parts.store.part(made.key, fieldSource(made.headers), made.selector)
    const otherTag = other && fieldValue(other.headers, 'etag')
    if (!other?.partial || !made.partial || tag === undefined || otherTag === undefined) return made
    if (!stronglyEqual(tag, otherTag) || other.partial.complete !== made.partial.complete)
      return made
    const both = combined(
      { ...made.partial, bytes: made.body },
      { ...other.partial, bytes: other.body },
    )
    if (!both) return made
    const { complete } = made.partial
    const whole = both.first === 0 && both.last + 1 === complete
    if (!whole) return made.with(both.bytes, { ...both, complete })
    this.#parts.store.remove(other)
    return made.with(both.bytes, undefined)
  }

  /** The newest stored part of `key` that `request` selects. */
  partOf(key: string, request: FieldSource): StoredResponse | undefined {
    return this.#parts.store.part(key, request)
  }

  /** Invalidates what an unsafe request changed, and dooms what is on its way for it, save `cause` itself. */
  answered(cause: Transfer, response: ReceivedResponse): void {
    const urls = invalidated(cause.asked, response)
    if (urls.length === 0) return
    const keys = [...new Set([cause.asked.key, ...urls.flatMap((url) => this.keysOfUrl(url))])]
    const { doomed } = cause
    this.purge({ ...emptyOrder, keys })
    cause.doomed = doomed
    this.#parts.onChanged?.({ keys, urls, all: false })
  }

  /** Carries out a purge on this node and soon in the shared tier; returns how many responses this node had. */
  purge(order: PurgeOrder): number {
    // Owner: the tier, which gives nothing of it to this node from now on and tells the others.
    void this.#parts.shared?.purge(order)
    return this.purgeHere(order)
  }

  /**
   * As `purge`; resolves once nothing of it can come back to this node, whatever happens. `told`:
   * another node tells the shared tier.
   */
  async purgeForGood(order: PurgeOrder, told = false): Promise<number> {
    const count = this.purgeHere(order)
    const { store, shared } = this.#parts
    await Promise.all([store.disk?.durable(), told ? undefined : shared?.purge(order)])
    return count
  }

  /** Carries out a purge on this node alone: another one tells the shared tier. */
  purgeHere(order: PurgeOrder): number {
    const count = this.purger.purge(order, this.now())
    this.statistics.purged += count
    return count
  }

  /** Cache keys an absolute URL can have, whatever its headers; empty where nobody serves its host. */
  keysOfUrl(url: string): readonly string[] {
    const { host, pathname } = new URL(url)
    const policies = this.#parts.sites().of(host)?.policiesOf(pathname) ?? []
    return [...new Set(policies.map((policy) => this.keyOf(url, policy)))]
  }

  /** Cache key of an absolute URL under `policy`. */
  keyOf(url: string, { keys }: EdgePolicy): string {
    const { protocol, host, pathname, search } = new URL(url)
    const secure = protocol === 'https:'
    const target = {
      secure,
      host: canonicalHost(host, secure),
      path: pathname,
      query: search.slice(1),
    }
    return cacheKey(target, keys)
  }

  drop(stored: StoredResponse): void {
    this.#parts.store.remove(stored)
  }

  /** A HEAD answered by the origin freshens or ends what is stored (RFC 9111 section 4.3.5). */
  headSeen(
    stored: StoredResponse,
    outcome: Outcome & { kind: 'answered' },
    rules: StoringRules,
  ): void {
    if (outcome.status !== stored.status || !headAgrees(outcome.headers, stored.headers)) {
      if (outcome.status < 500) this.drop(stored)
      return
    }
    const headers = updatedFields(stored.headers, outcome.headers)
    const responseTimeMs = this.now()
    const response = {
      status: stored.status,
      headers,
      requestTimeMs: responseTimeMs,
      responseTimeMs,
    }
    const effective = effectiveDirectives(headers)
    const lifetime = freshnessLifetime(response, effective, rules.heuristics)
    const timing = timingOf(response, effective, lifetime, rules.doubtfulAge)
    this.refreshed(stored, headers, timing)
  }

  /** True where answers for `key` are known to be for one client only (hit-for-miss). */
  passes(key: string): boolean {
    const until = this.#passUntilMs.get(key)
    if (until === undefined) return false
    if (until > this.now()) return true
    this.#passUntilMs.delete(key)
    return false
  }

  notePass(key: string): void {
    this.#passUntilMs.delete(key)
    if (this.#passUntilMs.size >= passKeysMax) {
      const [oldest] = this.#passUntilMs.keys()
      if (oldest !== undefined) this.#passUntilMs.delete(oldest)
    }
    this.#passUntilMs.set(key, this.now() + passMs)
  }

  forgetPass(key: string): void {
    this.#passUntilMs.delete(key)
  }

  /** Ends all transfers: their readers fail, nothing of them is stored. */
  close(): void {
    for (const transfer of this.#all) transfer.fill.abort()
  }

  #sameVariant(transfer: Transfer, request: FieldSource): boolean {
    const { keyed } = transfer.asked.policy
    if (keyed.length > 0 && !sameValues(keyed, transfer.asked.fields, request)) return false
    const known = this.#parts.store.newestSelector(transfer.asked.key)
    if (!known) return true
    const { names } = known
    return sameValues(names, transfer.asked.fields, request)
  }

  #openUp(transfer: Transfer): void {
    const { key } = transfer.asked
    const list = this.#open.get(key)
    if (!list) this.#open.set(key, [transfer])
    else if (list.length < openMax) list.push(transfer)
  }

  #shut(transfer: Transfer): void {
    const { key } = transfer.asked
    const list = this.#open.get(key)?.filter((other) => other !== transfer)
    if (list && list.length > 0) this.#open.set(key, list)
    else if (list) this.#open.delete(key)
  }
}

function sameValues(names: readonly string[], one: FieldSource, other: FieldSource): boolean {
  const theirs = selectingValues(names, one)
  return selectingValues(names, other).every((value, at) => value === theirs[at])
}
