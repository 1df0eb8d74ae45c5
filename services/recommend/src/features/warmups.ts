import { SpanStatusCode, type Context } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { errorText, Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { spanNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { FeatureCache } from './feature-cache.ts'

/** One warm-up, as `GET /recommend/features/warmup/{id}` shows it. */
export interface Warmup {
  readonly id: number
  status: 'running' | 'done' | 'stopped'
  readonly total: number
  done: number
  failed: number
  seconds: number
  usersPerSecond: number
}

/** What warm-ups stand on. */
export interface WarmupOptions {
  readonly cache: Pick<FeatureCache, 'refresh'>
  readonly clock: Clock
  readonly log: Log
  readonly telemetry: Telemetry
  /** Users worked on at once, over all warm-ups. */
  readonly warmupConcurrency: number
}

/** Warm-ups that run at once; further ones are refused. */
export const warmupsMax = 4
/** Warm-ups kept to show. */
const keptMax = 100
/** Users after which a lane lets others have the event loop. */
const turnUsers = 32

/** Fills the feature cache for many users, a bounded number at a time, beside the requests. */
export class Warmups {
  readonly #options: WarmupOptions
  readonly #jobs = new Map<number, Warmup>()
  readonly #running = new Set<Promise<void>>()
  #nextId = 1
  #stopped = false

  constructor(options: WarmupOptions) {
    this.#options = options
  }

  /** The warm-up, or undefined where it is not known (any more). */
  find(id: number): Warmup | undefined {
    return this.#jobs.get(id)
  }

  /** Begins to warm `userIds`, each once. Throws `overloaded` where enough run already. */
  start(userIds: readonly string[], parent: Context): Warmup {
    if (this.#running.size >= warmupsMax)
      throw new Fault('overloaded', `${warmupsMax} warm-ups run already`, { retryAfterSeconds: 1 })
    const users = [...new Set(userIds)]
    const job: Warmup = {
      id: this.#nextId++,
      status: 'running',
      total: users.length,
      done: 0,
      failed: 0,
      seconds: 0,
      usersPerSecond: 0,
    }
    this.#jobs.set(job.id, job)
    const [oldest] = this.#jobs.keys()
    if (this.#jobs.size > keptMax && oldest !== undefined) this.#jobs.delete(oldest)
    const running = this.#run(job, users, parent).finally(() => this.#running.delete(running))
    this.#running.add(running)
    return job
  }

  /** Ends all warm-ups after the users at hand. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  /** Never rejects: a user who fails is counted. */
  async #run(job: Warmup, users: readonly string[], parent: Context): Promise<void> {
    const { clock, telemetry, log, warmupConcurrency } = this.#options
    const span = telemetry.tracer.startSpan(
      spanNames.featureCacheWarmup,
      { attributes: { count: users.length } },
      parent,
    )
    const startMs = clock.elapsed()
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < users.length && !this.#stopped) {
        await this.#one(job, users[next++] as string)
        job.seconds = (clock.elapsed() - startMs) / 1000
        job.usersPerSecond = job.seconds > 0 ? Math.round(job.done / job.seconds) : 0
        if (next % turnUsers === 0) await clock.sleep(0)
      }
    }
    const lanes = Math.max(1, Math.floor(warmupConcurrency / warmupsMax))
    await Promise.all(Array.from({ length: Math.min(lanes, users.length) }, lane))
    job.status = this.#stopped ? 'stopped' : 'done'
    if (job.failed > 0) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end()
    log.info('warmed up', { users: job.done, failed: job.failed, seconds: job.seconds })
  }

  async #one(job: Warmup, userId: string): Promise<void> {
    try {
      await this.#options.cache.refresh(userId)
      job.done++
    } catch (caught) {
      job.failed++
      this.#options.log.warn('a user was not warmed up', { error: errorText(caught) })
    }
  }
}
