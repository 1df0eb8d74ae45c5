import { Fault, shown } from '@spate/runtime/fault'
import { currentAgeMs } from './domain/freshness.ts'
import { effectiveDirectives } from './domain/targeted-control.ts'
import type { Edge } from './edge.ts'
import type { Indexed } from './store/response-index.ts'
import type { StoredResponse } from './store/stored-response.ts'

/** How one URL is cached: what `GET /explain` and `spate explain` show. */
export interface Explanation {
  readonly url: string
  readonly site: string
  /** The rule that holds for a request without special headers. */
  readonly rule: string
  readonly key: string
  /** What selects among variants beside Vary. */
  readonly keyed: readonly string[]
  /** True where the rule passes everything on. */
  readonly bypass: boolean
  /** Origin that would be asked; the next ones where it fails. */
  readonly origin: string
  readonly standIns: readonly string[]
  /** Nodes by the order in which they are asked; the first owns the key. Empty where this node is alone. */
  readonly nodes: readonly string[]
  /** True where answers for this key are known to be for one client only. */
  readonly passes: boolean
  /** What lies in memory. */
  readonly variants: readonly ExplainedVariant[]
  /** What lies on disk, in memory too or not; fields and freshness are read when it is asked for. */
  readonly onDisk: readonly {
    readonly bytes: number
    readonly selectedBy: Readonly<Record<string, string | null>>
    readonly tags: readonly string[]
    readonly inMemory: boolean
  }[]
}

/** One stored response and its freshness arithmetic. */
export interface ExplainedVariant {
  readonly status: number
  readonly bytes: number
  readonly body: 'memory' | 'disk'
  readonly selectedBy: Readonly<Record<string, string | null>>
  readonly ruledBy: string
  readonly tags: readonly string[]
  /** Seconds, as RFC 9111 section 4.2 names them. */
  readonly freshnessLifetime: number
  readonly correctedInitialAge: number
  readonly residentTime: number
  readonly currentAge: number
  readonly fresh: boolean
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
}

/** Explains `url`. Throws `Fault('invalid_field')` where it is not an absolute http URL, `Fault('misdirected')` where no site has its host. */
export function explain(edge: Edge, url: string): Explanation {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new Fault('invalid_field', 'url must be absolute', {
      fields: [{ field: 'url', value: shown(url), expected: 'an absolute http or https URL' }],
    })
  }
  const { host, pathname, search } = new URL(url)
  const policy = edge.sites.policyFor(host, pathname, noFields)
  if (!policy) throw new Fault('misdirected', `no site of this node has the host ${shown(host)}`)
  const key = edge.keyOf(url, policy)
  const [origin = 'none: all are left alone after failures', ...standIns] =
    policy.origin.choices?.(`${host}${pathname}${search}`) ?? []
  const nowMs = edge.now()
  return {
    url,
    site: policy.site,
    rule: policy.rule,
    key,
    keyed: policy.keyed,
    bypass: policy.bypass,
    origin,
    standIns,
    nodes: edge.peers?.all.length ? edge.peers.ranked(`${host}${pathname}${search}`) : [],
    passes: edge.transfers.passes(key),
    variants: edge.store.memory.variants(key).map((stored) => explained(stored, nowMs)),
    onDisk: (edge.store.disk?.variants(key) ?? []).map((entry) => ({
      bytes: entry.length,
      selectedBy: selectedBy(entry),
      tags: entry.tags,
      inMemory: entry.stored !== undefined,
    })),
  }
}

const noFields = { get: () => undefined }

function explained(stored: StoredResponse, nowMs: number): ExplainedVariant {
  const { timing } = stored
  const lifetimeMs = timing.freshUntilMs - timing.responseTimeMs + timing.initialAgeMs
  return {
    status: stored.status,
    bytes: stored.bytes,
    body: stored.source ? 'disk' : 'memory',
    selectedBy: selectedBy(stored),
    ruledBy: effectiveDirectives(stored.headers).targeted ?? 'cache-control',
    tags: stored.tags,
    freshnessLifetime: lifetimeMs / 1000,
    correctedInitialAge: timing.initialAgeMs / 1000,
    residentTime: Math.max(0, nowMs - timing.responseTimeMs) / 1000,
    currentAge: currentAgeMs(timing, nowMs) / 1000,
    fresh: timing.freshUntilMs > nowMs,
    staleWhileRevalidate: timing.staleWhileRevalidateMs / 1000,
    staleIfError: timing.staleIfErrorMs / 1000,
  }
}

function selectedBy({ selector }: Indexed): Readonly<Record<string, string | null>> {
  return Object.fromEntries(selector.names.map((name, at) => [name, selector.values[at] ?? null]))
}
