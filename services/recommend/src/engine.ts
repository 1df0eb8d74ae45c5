import type { EventLog, StoredEvent, Subscription } from '@spate/eventlog/event-log'
import type { Chance } from '@spate/runtime/chance'
import type { Clock, Timer } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import type { KeyValue } from '@spate/state/key-value'
import { MemoryKeyValue } from '@spate/state/memory-key-value'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { Consumer } from './consumer.ts'
import { Feedback } from './domain/rank/feedback.ts'
import { Partition, partitionOf } from './domain/partition.ts'
import { RecommendState } from './domain/state.ts'
import { FeatureCache } from './features/feature-cache.ts'
import { Warmups } from './features/warmups.ts'
import { publishHeld } from './held.ts'
import { Ingest, topics } from './ingest.ts'
import type { AskChannel } from './recall/recall.ts'
import { learningOf } from './rank-settings.ts'
import { configuredRanker } from './rank/configured-ranker.ts'
import { GuardedRanker } from './rank/guarded-ranker.ts'
import type { Ranker } from './rank/ranker.ts'
import { Ranking } from './rank/ranking.ts'
import { Recommender } from './recommender.ts'
import { ServedLog } from './served-log.ts'
import { ServedModels } from './served-models.ts'
import { placementsOf, rulesOf } from './rerank-settings.ts'
import type { RecommendSettings } from './settings.ts'
import { framesOf, Snapshots } from './snapshots.ts'
import { Trainer } from './trainer.ts'

/** What the engine stands on. */
export interface EngineOptions {
  readonly settings: RecommendSettings
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly telemetry: Telemetry
  readonly eventLog: EventLog
  /** Folder for snapshots. */
  readonly folder: string
  /** Shared store for features of users; this process's memory where absent. */
  readonly keyValue?: KeyValue
  /** Asks a recall channel; for tests of degradation. */
  readonly ask?: AskChannel
  /** Ranks in place of what the settings name; for tests of degradation. */
  readonly ranker?: Ranker
}

/** Group name of our subscriptions. The offsets that count are kept with the state. */
const group = 'recommend'
/** Longest a writer waits to find its own write in the state. */
const ownWriteMsMax = 250

/**
 * The engine without its HTTP face: the state and its checkpoint on disk, the consumer that keeps
 * it fresh, the trainer, and the recommender over them.
 */
export class Engine {
  readonly state: RecommendState
  readonly served: ServedModels = new ServedModels()
  readonly ingest: Ingest
  readonly recommender: Recommender
  readonly trainer: Trainer
  readonly feedback: Feedback
  readonly servedLog: ServedLog
  /** The model outside of the engine; absent where the engine ranks by itself. */
  readonly model: GuardedRanker | undefined
  readonly features: FeatureCache
  readonly warmups: Warmups
  readonly partition: Partition
  readonly #options: EngineOptions
  readonly #snapshots: Snapshots
  readonly #consumer: Consumer
  readonly #ownStore: KeyValue | undefined
  #subscriptions: Subscription[] = []
  #timer: Timer | undefined
  #savedAt = 0
  #saving: Promise<void> | undefined
  /** Settles when the copy under way is made. */
  #copied: Promise<void> | undefined
  #caughtUp = false
  #modelTried = false
  readonly #stopFigures: () => void

  private constructor(options: EngineOptions, snapshots: Snapshots, parts: EngineParts) {
    const { settings, clock, log, telemetry, eventLog, ask } = options
    this.#options = options
    this.#snapshots = snapshots
    this.state = parts.state
    this.partition = parts.partition
    this.#consumer = parts.consumer
    this.ingest = new Ingest({
      publish: (topic, entries) => eventLog.publish(topic, entries),
      clock,
      eventIdsMax: settings.eventIdsMax,
      knownIds: parts.knownIds,
      partition: parts.partition,
    })
    const bytesMax = settings.featureCacheBytesMax
    const store = options.keyValue ?? new MemoryKeyValue({ clock, bytesMax })
    this.#ownStore = options.keyValue ? undefined : store
    this.features = new FeatureCache({ ...options, ...settings, store, state: this.state })
    this.#stopFigures = publishHeld(telemetry.metrics, this)
    this.warmups = new Warmups({ ...options, ...settings, cache: this.features })
    this.feedback = parts.feedback
    const ranker = options.ranker ?? configuredRanker(settings, options)
    this.model = ranker && new GuardedRanker({ ...options, ranker, budgetMs: settings.modelBudget })
    this.servedLog = new ServedLog({
      publish: (topic, entries) => eventLog.publish(topic, entries),
      clock,
      log,
      perSecondMax: settings.servedListsPerSecond,
    })
    this.recommender = new Recommender({
      ranking: new Ranking({
        feedback: this.feedback,
        depth: settings.rankDepth,
        ...(this.model ? { outside: this.model } : {}),
      }),
      feedback: this.feedback,
      servedLog: this.servedLog,
      state: this.state,
      served: this.served,
      clock,
      log,
      telemetry,
      requestBudgetMs: settings.requestBudgetMs,
      channelBudgetMs: settings.channelBudgetMs,
      rules: rulesOf(settings),
      placements: placementsOf(settings),
      features: (userId) => this.features.find(userId),
      replaying: () => !this.#caughtUp,
      ...(ask ? { ask } : {}),
    })
    this.trainer = new Trainer({
      state: this.state,
      still: (copy) => this.#still(copy),
      served: this.served,
      ...settings,
      clock,
      log,
      recentUsers: () => this.recommender.recentUsers(),
    })
  }

  /** Opens the checkpoint; `start` then reads what came after it. */
  static async open(options: EngineOptions): Promise<Engine> {
    const { settings, telemetry, log } = options
    const snapshots = await Snapshots.open(options.folder, log)
    const partition = partitionOf(settings.partition)
    let latest = await snapshots.latest()
    if (latest && (latest.partition ?? new Partition().name) !== partition.name) {
      log.warn('a snapshot of other users is passed over; the log is replayed instead', {
        of: latest.partition,
        here: partition.name,
      })
      latest = undefined
    }
    const state = new RecommendState(settings, latest?.state)
    const feedback = new Feedback(learningOf(settings), latest?.feedback)
    const offsets = latest?.offsets ?? {}
    const consumer = new Consumer({ state, feedback, telemetry, log, offsets, partition })
    return new Engine(options, snapshots, {
      state,
      consumer,
      feedback,
      partition,
      knownIds: latest?.state.eventIds ?? new Float64Array(),
    })
  }

  /** True once everything that lay in the log at the start is in the state. */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  /** True once the past is read and a model outside was opened and warmed up, or could not be. */
  get ready(): boolean {
    return this.#caughtUp && this.#modelTried
  }

  /** Entries that still wait in the log. */
  get lag(): number {
    return this.#subscriptions.reduce((sum, { lag }) => sum + lag, 0)
  }

  /** Begins to follow the log. Resolves at once; `caughtUp` says when the past is read. */
  start(): void {
    const { eventLog, clock, log, settings } = this.#options
    this.#subscriptions = Object.values(topics).map((topic) =>
      eventLog.subscribe({
        topic,
        group,
        from: this.#consumer.next(topic),
        handler: (batch) => this.#apply(batch),
      }),
    )
    const catching = Promise.all(this.#subscriptions.map((each) => each.caughtUp()))
    catching.then(
      () => {
        this.#caughtUp = true
        log.info('the state is up to date', {
          items: this.state.catalogue.size,
          users: this.state.histories.users,
          events: this.state.events,
        })
      },
      (caught: unknown) => log.error('the event log cannot be read', {}, caught),
    )
    this.#modelTried = this.model === undefined
    void this.model?.start().then(() => {
      this.#modelTried = true
    })
    this.trainer.start()
    this.#timer = clock.every(settings.snapshotEveryMs, () => {
      this.checkpoint().catch((caught: unknown) => log.error('no snapshot', {}, caught))
    })
  }

  /** Resolves once what was published before this call is applied, or after a short while. */
  async applied(): Promise<void> {
    const wait = new AbortController()
    await Promise.race([
      Promise.all(this.#subscriptions.map((each) => each.caughtUp())),
      this.#options.clock.sleep(ownWriteMsMax, wait.signal).catch(() => {}),
    ])
    wait.abort()
  }

  /** Saves the state with its offsets, where anything is new; one save at a time. */
  checkpoint(): Promise<void> {
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined
    })
    return this.#saving
  }

  /** Stops everything and saves. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#stopFigures()
    await Promise.all([this.trainer.stop(), this.warmups.stop()])
    await this.servedLog.close()
    await this.model?.stop()
    await Promise.all(this.#subscriptions.map((each) => each.close()))
    await this.#saving
    await this.#save()
    await this.#snapshots.close()
    await this.#ownStore?.close()
  }

  async #save(): Promise<void> {
    const { applied } = this.#consumer.counters
    if (applied === this.#savedAt) return
    // State and offsets belong together: events wait until the last piece is copied, requests do not.
    const frames = await this.#still(() =>
      framesOf({
        state: this.state.view(),
        feedback: this.feedback.view(),
        offsets: this.#consumer.offsets(),
        partition: this.partition.name,
      }),
    )
    await this.#snapshots.save(frames)
    this.#savedAt = applied
  }

  /** Copies one thing at a time, while no event is applied. */
  async #still<Copied>(copy: () => Promise<Copied>): Promise<Copied> {
    while (this.#copied) await this.#copied
    const copied = Promise.withResolvers<void>()
    this.#copied = copied.promise
    try {
      return await copy()
    } finally {
      this.#copied = undefined
      copied.resolve()
    }
  }

  async #apply(batch: readonly StoredEvent[]): Promise<void> {
    while (this.#copied) await this.#copied
    this.#consumer.apply(batch)
  }
}

interface EngineParts {
  readonly state: RecommendState
  readonly consumer: Consumer
  readonly feedback: Feedback
  readonly partition: Partition
  readonly knownIds: Iterable<number>
}
