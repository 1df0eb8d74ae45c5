import type { Context } from '@opentelemetry/api'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { errorText, Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { KeyValue } from '@spate/state/key-value'
import { spanNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import {
  featuresVersion,
  userFeaturesOf,
  type UserFeatures,
} from '../domain/features/user-features.ts'
import type { RecommendState } from '../domain/state.ts'

/** What the cache stands on. */
export interface FeatureCacheOptions {
  readonly store: KeyValue
  readonly state: RecommendState
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly telemetry: Telemetry
  /** Life of an entry, ms; each lives up to a tenth less, so that they do not all end at once. */
  readonly featureTtlMs: number
  /** Longest a request waits for the store, ms. */
  readonly featureBudgetMs: number
}

/** Features, and where they came from. */
export interface FoundFeatures {
  readonly user: UserFeatures
  /** `failed`: the store gave no answer, and this is what this process knows by itself. */
  readonly from: 'hit' | 'miss' | 'stale' | 'failed'
}

/** What the cache did since this process began. */
export type FeatureCounts = Record<FoundFeatures['from'] | 'writes' | 'writesFailed', number>

/** After a failure the store is left alone for so long: a hung one costs one request its budget. */
const restMs = 1000
/** Writes under way at once; what comes above is left out, for a cache may forget. */
const writingMax = 1000

/**
 * Features of users under `features:user:{id}` in a key-value store that several processes may
 * share. An entry is taken only where it is of the revision this process knows, so a user's event
 * is never hidden by the cache. One load a key at a time. Never rejects: without the store, the
 * state of this process answers, and for strangers the defaults do.
 */
export class FeatureCache {
  readonly #options: FeatureCacheOptions
  readonly #loading = new Map<string, Promise<FoundFeatures>>()
  readonly counts: FeatureCounts = {
    hit: 0,
    miss: 0,
    stale: 0,
    failed: 0,
    writes: 0,
    writesFailed: 0,
  }
  #restUntilMs = -Infinity
  #writing = 0

  constructor(options: FeatureCacheOptions) {
    this.#options = options
  }

  /** The user's features now. */
  find(userId: string): Promise<FoundFeatures> {
    const loading = this.#loading.get(userId)
    if (loading) return loading
    const started = this.#load(userId).finally(() => this.#loading.delete(userId))
    this.#loading.set(userId, started)
    return started
  }

  /** Works the features out anew and writes them; rejects where the store does not take them. */
  async refresh(userId: string, parent?: Context): Promise<UserFeatures> {
    const { telemetry, state } = this.#options
    const span = parent && telemetry.tracer.startSpan(spanNames.featureCacheUpdate, {}, parent)
    try {
      const user = userFeaturesOf(state.histories.of(userId), state.catalogue)
      await this.#within(this.#write(userId, user))
      return user
    } catch (caught) {
      if (span) span.recordException(errorText(caught))
      throw caught
    } finally {
      span?.end()
    }
  }

  async #load(userId: string): Promise<FoundFeatures> {
    const { store, state, clock } = this.#options
    let cached: UserFeatures | undefined
    let failed = clock.elapsed() < this.#restUntilMs
    if (!failed)
      try {
        cached = readFeatures(await this.#within(store.get(keyOf(userId))))
      } catch (caught) {
        failed = true
        this.#rest(caught)
      }
    // Read after the answer: events may have come while we waited.
    const history = state.histories.of(userId)
    const isCurrent = cached && (history.revision ?? cached.revision) === cached.revision
    if (cached && isCurrent) return this.#found(cached, 'hit')
    const user = userFeaturesOf(history, state.catalogue)
    if (failed) return this.#found(user, 'failed')
    if (user.revision > 0) this.#writeLater(userId, user)
    return this.#found(user, cached ? 'stale' : 'miss')
  }

  #found(user: UserFeatures, from: FoundFeatures['from']): FoundFeatures {
    this.counts[from]++
    return { user, from }
  }

  #writeLater(userId: string, user: UserFeatures): void {
    if (this.#writing >= writingMax) {
      this.counts.writesFailed++
      return
    }
    this.#writing++
    this.#write(userId, user)
      .catch(() => this.counts.writesFailed++)
      .finally(() => this.#writing--)
  }

  async #write(userId: string, user: UserFeatures): Promise<void> {
    const { store, featureTtlMs, chance } = this.#options
    const ttlMs = Math.ceil(featureTtlMs * (1 - chance.float() / 10))
    await store.set(keyOf(userId), JSON.stringify(user), { ttlMs })
    this.counts.writes++
  }

  #rest(caught: unknown): void {
    const { clock, log } = this.#options
    this.#restUntilMs = clock.elapsed() + restMs
    log.warn('the feature store is missing', { error: errorText(caught) })
  }

  /** `work`, or a rejection once the budget is spent. */
  #within<Value>(work: Promise<Value>): Promise<Value> {
    const { clock, featureBudgetMs } = this.#options
    return new Promise((resolve, reject) => {
      const timer = clock.after(featureBudgetMs, () =>
        reject(new Fault('store_unavailable', 'the feature store did not answer in time')),
      )
      work.then(resolve, reject).finally(() => timer.cancel())
    })
  }
}

/** Key of a user's features. */
export function keyOf(userId: string): string {
  return `features:user:${userId}`
}

/** The features in `text`; undefined where there are none, or of another version. */
function readFeatures(text: string | undefined): UserFeatures | undefined {
  if (text === undefined) return undefined
  const found = JSON.parse(text) as Partial<UserFeatures> | null
  return found?.version === featuresVersion ? (found as UserFeatures) : undefined
}
