import type { Request } from '@spate/http/exchange'
import { headAgrees, updatedFields } from './domain/validation.ts'
import { cacheKey, canonicalHost, type KeyRules } from './domain/cache-key.ts'
import { selectingValues, selects } from './domain/vary.ts'
import type { FieldList, FieldSource } from './domain/fields.ts'
import { freshnessLifetime, timingOf, type Timing } from './domain/freshness.ts'
import type { StoringRules } from './domain/storing.ts'
import { tagsOf } from './domain/tags.ts'
import { effectiveDirectives } from './domain/targeted-control.ts'
import type { MemoryStore } from './memory-store.ts'
import type { Origin, OriginRequest } from './origin.ts'
import type { OriginSpans } from './origin-spans.ts'
import { Purger, type PurgeOrder } from './purge.ts'
import type { Statistics } from './statistics.ts'
import { StoredResponse } from './stored-response.ts'
import { Transfer, type Asked, type Kept, type Outcome, type TransferHost } from './transfer.ts'

/** How long a key whose answers are for one client only is remembered, ms. */
export const passMs = 120_000
/** Most such keys; the oldest goes first. */
export const passKeysMax = 100_000
/** Most transfers one key may have open to newcomers: one for each variant on its way. */
export const openMax = 16

/** What transfers need. */
export interface TransfersParts {
  readonly store: MemoryStore
  readonly origin: Origin
  readonly statistics: Statistics
  readonly spans: OriginSpans
  readonly rules: () => StoringRules
  readonly keyRules: () => KeyRules
  readonly objectBytesMax: () => number
  /** Bytes all bodies on their way into the store may hold together. */
  readonly transientBytesMax: () => number
  readonly now: () => number
}

/** All transfers under way: who may join which, what is stored, what a purge forbids. */
export class Transfers implements TransferHost {
  readonly statistics: Statistics
  readonly purger: Purger
  readonly #parts: TransfersParts
  readonly #all = new Set<Transfer>()
  readonly #open = new Map<string, Transfer[]>()
  readonly #passUntilMs = new Map<string, number>()

  constructor(parts: TransfersParts) {
    this.#parts = parts
    this.statistics = parts.statistics
    this.purger = new Purger(parts.store, this.#all)
  }

  get rules(): StoringRules {
    return this.#parts.rules()
  }

  get keepBytesMax(): number {
    return this.#parts.objectBytesMax()
  }

  /** Transfers under way. */
  get size(): number {
    return this.#all.size
  }

  /** Bytes of bodies on their way into the store. O(transfers). */
  get heldBytes(): number {
    let held = 0
    for (const transfer of this.#all) held += transfer.fill.heldBytes
    return held
  }

  now(): number {
    return this.#parts.now()
  }

  mayHold(bytes: number): boolean {
    return this.heldBytes + bytes <= this.#parts.transientBytesMax()
  }

  /** A transfer whose answer will likely be for `request` too; undefined where none. */
  joinable(key: string, request: FieldSource): Transfer | undefined {
    return this.#open.get(key)?.find((transfer) => {
      const { settled } = transfer
      if (settled === undefined) return this.#sameVariant(transfer, request)
      if (settled.kind !== 'answered' || !settled.reusable || transfer.doomed) return false
      const selected = settled.selector !== undefined && selects(settled.selector, request)
      return selected && transfer.fill.fromStart
    })
  }

  /** Sends `asked` to the origin. */
  begin(
    asked: Asked,
    how: { readonly request: OriginRequest; readonly span: Request; readonly shared: boolean },
  ): Transfer {
    const { origin, spans, statistics } = this.#parts
    const transfer = new Transfer(asked, this, this.purger.epoch)
    const traced = spans.begin(how.request, how.span)
    statistics.originRequests++
    this.#all.add(transfer)
    if (how.shared) this.#openUp(transfer)
    transfer.fill.onSettled = () => {
      this.#all.delete(transfer)
      this.#shut(transfer)
      this.purger.settled()
    }
    transfer.fill.attach(origin.send(traced.request, traced.sink(transfer)))
    return transfer
  }

  refreshed(stored: StoredResponse, headers: FieldList, timing: Timing): void {
    stored.refresh(headers, timing)
  }

  complete(transfer: Transfer, kept: Kept): void {
    const tags = tagsOf(kept.headers)
    if (!this.purger.admits(transfer, tags)) return
    const { key, host } = transfer.asked
    this.#parts.store.put(new StoredResponse({ key, host, tags, ...kept }))
  }

  /** Removes all that is stored for `urls`, and dooms what is on its way for them. */
  invalidate(urls: readonly string[], request: Request): void {
    if (urls.length === 0) return
    const keys = urls.map((url) => this.keyOfUrl(url))
    const own = cacheKey(request, this.#parts.keyRules())
    this.purge({ ...nothingElse, keys: [...new Set([own, ...keys])] })
  }

  /** Carries out a purge; returns how many responses it found. */
  purge(order: PurgeOrder): number {
    const count = this.purger.purge(order, this.now())
    this.statistics.purged += count
    return count
  }

  /** Cache key of an absolute URL. */
  keyOfUrl(url: string): string {
    const { protocol, host, pathname, search } = new URL(url)
    const secure = protocol === 'https:'
    const target = {
      secure,
      host: canonicalHost(host, secure),
      path: pathname,
      query: search.slice(1),
    }
    return cacheKey(target, this.#parts.keyRules())
  }

  drop(stored: StoredResponse): void {
    this.#parts.store.remove(stored)
  }

  /** A HEAD answered by the origin freshens or ends what is stored (RFC 9111 section 4.3.5). */
  headSeen(stored: StoredResponse, outcome: Outcome & { kind: 'answered' }): void {
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
    const lifetime = freshnessLifetime(response, effective, this.rules.heuristics)
    stored.refresh(headers, timingOf(response, effective, lifetime))
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
    const known = this.#parts.store.variants(transfer.asked.key).at(-1)
    if (!known) return true
    const { names } = known.selector
    const theirs = selectingValues(names, transfer.asked.fields)
    return selectingValues(names, request).every((value, at) => value === theirs[at])
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

const nothingElse: PurgeOrder = {
  keys: [],
  tags: [],
  prefixes: [],
  hosts: [],
  all: false,
  soft: false,
}
