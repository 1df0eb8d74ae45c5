import * as Type from 'typebox'
import { filterLettersMax } from './domain/log-filter.ts'
import { topKeys } from './domain/traffic-slot.ts'
import type { TrafficView } from './domain/traffic-view.ts'
import { windowSecondsMax } from './domain/traffic-window.ts'
import type { SharedFigures } from './shared-tier/shared-tier.ts'

type Texts = Type.TOptional<Type.TArray<Type.TString>>

const texts = (longest: number, most: number): Texts =>
  Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: longest }), { maxItems: most }))

/** Largest body of `POST /purge`, bytes. */
export const purgeBytesMax = 1_048_576

/** Body of `POST /purge`. At least one member but `soft` must be there. */
export const purgeBody: Type.TObject<{
  urls: Texts
  tags: Texts
  prefixes: Texts
  hosts: Texts
  all: Type.TOptional<Type.TBoolean>
  soft: Type.TOptional<Type.TBoolean>
}> = Type.Object(
  {
    urls: texts(8192, 1000),
    tags: texts(256, 1000),
    prefixes: texts(8192, 100),
    hosts: texts(255, 100),
    all: Type.Optional(Type.Boolean()),
    soft: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

/** Answer of `POST /purge`. */
export interface PurgeAnswer {
  /** Stored responses removed, or marked stale, on all nodes. */
  readonly purged: number
  /** Other nodes by name; absent where there are none. */
  readonly peers?: {
    readonly acknowledged: readonly string[]
    /** Nodes that did not answer; they are told as soon as they are back. */
    readonly unreached: readonly string[]
  }
  /** Absent where there is no shared tier. */
  readonly shared?: {
    /** Purges it has not heard of yet; it is told as soon as it is back. 0: no node can have the old from it. */
    readonly owed: number
  }
}

/** Entries of each top list where `top` says nothing. */
export const topDefault = 20

const windowSeconds = Type.Integer({ minimum: 1, maximum: windowSecondsMax })

/** Query of `GET /stats`. */
export const statsQuery: Type.TObject<{
  window: Type.TOptional<Type.TInteger>
  top: Type.TOptional<Type.TInteger>
}> = Type.Object(
  {
    window: Type.Optional(windowSeconds),
    top: Type.Optional(Type.Integer({ minimum: 0, maximum: topKeys.paths })),
  },
  { additionalProperties: false },
)

/** Query of a worker's `GET /stats/sketch`. */
export const sketchQuery: Type.TObject<{ window: Type.TInteger }> = Type.Object({
  window: windowSeconds,
})

/** Query of `GET /log`: a longer filter is refused by the filter's own words. */
export const logQuery: Type.TObject<{ filter: Type.TOptional<Type.TString> }> = Type.Object(
  { filter: Type.Optional(Type.String({ maxLength: filterLettersMax })) },
  { additionalProperties: false },
)

/** What the cache and its origins look like now. */
export interface CacheState {
  readonly origins: readonly {
    readonly site: string
    /** Host and port. */
    readonly name: string
    /** Of its breaker: `open` is left alone, `half-open` is probed. */
    readonly state: 'closed' | 'open' | 'half-open'
    readonly healthy: boolean
    readonly active: number
    readonly queued: number
    readonly requests: number
    readonly failures: number
    readonly refused: number
    /** Of the whole site. */
    readonly retried: number
    readonly hedged: number
  }[]
  readonly memory: {
    readonly objects: number
    readonly bytes: number
    readonly bytesMax: number
    readonly evicted: number
    readonly refused: number
  }
  /** Absent where nothing goes to disk. */
  readonly disk?: {
    readonly objects: number
    readonly bytes: number
    readonly bytesMax: number
    readonly hits: number
    readonly writes: number
    /** Objects not written because the disk was too slow or too full. */
    readonly skipped: number
    readonly evicted: number
    /** Objects whose bytes were not what was written. */
    readonly damaged: number
  }
  /** The shared tier as this node sees it; absent where there is none. */
  readonly shared?: SharedFigures
  readonly transfers: number
}

/** Answer of `GET /stats?window=`. */
export interface WindowAnswer extends TrafficView, CacheState {}

/** Answer of `GET /stats`: since the node started. */
export interface StatsAnswer extends CacheState {
  readonly requests: number
  readonly hits: number
  readonly staleHits: number
  readonly misses: number
  readonly passes: number
  readonly collapsed: number
  readonly refused: number
  readonly errors: number
  /** 0 to 1. */
  readonly hitRatio: number
  readonly bytesFromCache: number
  readonly bytesFromOrigin: number
  /** Requests to other nodes in place of the origin. */
  readonly peerRequests: number
  readonly origin: {
    readonly requests: number
    readonly failures: number
    readonly latencyMsMean: number
  }
  readonly purged: number
  /** Events of the flash sale taken up: sold out, or to be had again. */
  readonly stockEvents: number
}

/** Largest body of `POST /warm`, bytes. */
export const warmBytesMax = 1_048_576

/** Body of `POST /warm`. At least one member must be there. */
export const warmBody: Type.TObject<{
  urls: Texts
  sitemap: Type.TOptional<Type.TString>
  top: Type.TOptional<Type.TInteger>
}> = Type.Object(
  {
    urls: texts(8192, 10_000),
    sitemap: Type.Optional(Type.String({ minLength: 1, maxLength: 8192 })),
    top: Type.Optional(Type.Integer({ minimum: 1, maximum: topKeys.paths })),
  },
  { additionalProperties: false },
)

/** Parameters of `/warm/{id}`. */
export const jobParams: Type.TObject<{ id: Type.TString }> = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 64 }),
})

/** How far a warm-up is. */
export interface WarmAnswer {
  readonly id: string
  /** `failed`: the sitemap could not be had; pages that fail are counted and fail no job. */
  readonly state: 'running' | 'done' | 'cancelled' | 'failed'
  /** Different URLs taken up; grows while sitemaps are read. */
  readonly total: number
  readonly done: number
  /** Brought in now; were fresh already; answered, but not to be stored. */
  readonly stored: number
  readonly fresh: number
  readonly unstored: number
  readonly failed: number
  /** Left out: of another host than their sitemap's, or too many. */
  readonly skipped: number
  /** Body bytes read. */
  readonly bytes: number
  /** The first that failed. */
  readonly failures: readonly { readonly url: string; readonly why: string }[]
  readonly startedAt: string
  readonly finishedAt?: string
  /** What went wrong with the job as a whole, or was cut. */
  readonly detail?: string
}

/** Query of `GET /explain`. */
export const explainQuery: Type.TObject<{ url: Type.TString }> = Type.Object({
  url: Type.String({ minLength: 1, maxLength: 8192 }),
})
