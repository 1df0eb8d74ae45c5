import { ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import type { Clock, Timer } from '@spate/runtime/clock'
import { errorText, Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { featureNames, type FeatureRows } from '../domain/features/feature-vector.ts'
import { tokenNames } from '../domain/features/token.ts'
import { Breaker, breakerLimits, type BreakerLimits, type BreakerState } from './breaker.ts'
import { checkedScores, type ModelVersion, type RankCall, type Ranker } from './ranker.ts'

/** What a guard stands on. */
export interface GuardOptions {
  readonly ranker: Ranker
  readonly clock: Clock
  readonly log: Log
  /** Time one ranking may take, ms. */
  readonly budgetMs: number
  readonly breaker?: BreakerLimits
}

/** What people see of a model that is asked from outside. */
export interface GuardFigures {
  readonly name: string
  readonly ready: boolean
  readonly breaker: BreakerState
  readonly calls: number
  readonly failures: number
  /** Times no call was made: the breaker was open, or the model not there yet. */
  readonly spared: number
  readonly lastError?: string
  readonly versions: readonly ModelVersion[]
}

/** Time to open a model, warm it and ask for its versions, ms. */
const openMs = 10_000
/** Time between two tries to open it, ms. */
const retryMs = 2000
/** Made-up rankings before the first real one: the first calls of a channel or a session are slow. */
const warmups = 3

/**
 * Keeps a foreign model from doing harm: one deadline for each ranking, a breaker, and answers
 * that are checked. What is wrong in any way is a counted failure, and the caller goes on without.
 */
export class GuardedRanker {
  readonly #options: GuardOptions
  readonly #breaker: Breaker
  readonly #stop = new AbortController()
  #ready = false
  #calls = 0
  #failures = 0
  #spared = 0
  #lastError: string | undefined
  #versions: readonly ModelVersion[] = []
  #opening: Promise<void> | undefined
  #timer: Timer | undefined

  constructor(options: GuardOptions) {
    this.#options = options
    this.#breaker = new Breaker(options.clock, options.breaker ?? breakerLimits)
  }

  get name(): string {
    return this.#options.ranker.name
  }

  /** True once the model was opened and warmed up. */
  get ready(): boolean {
    return this.#ready
  }

  /** Opens and warms the model; resolves after the first try, which goes on in the background where it fails. */
  start(): Promise<void> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  /** The model's values, or undefined where they could not be had. Never rejects. */
  async score(rows: FeatureRows, context: Context): Promise<Float64Array | undefined> {
    if (!this.#ready || !this.#breaker.admits()) {
      this.#spared++
      return undefined
    }
    try {
      const scores = await this.#ask(rows, context)
      this.#breaker.succeeded()
      return scores
    } catch (caught) {
      this.#breaker.failed()
      this.#note(caught)
      return undefined
    }
  }

  /** Figures, with the versions asked anew where the model can be reached. */
  async figures(): Promise<GuardFigures> {
    const { ranker } = this.#options
    try {
      if (this.#ready)
        this.#versions = await this.#timed(1000, ROOT_CONTEXT, (call) => ranker.versions(call))
    } catch (caught) {
      this.#lastError = errorText(caught)
    }
    return {
      name: ranker.name,
      ready: this.#ready,
      breaker: this.#breaker.state,
      calls: this.#calls,
      failures: this.#failures,
      spared: this.#spared,
      versions: this.#versions,
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    }
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#stop.abort(new Fault('shutting_down'))
    await this.#opening
    await this.#options.ranker.close()
  }

  async #ask(rows: FeatureRows, context: Context): Promise<Float64Array> {
    this.#calls++
    const { budgetMs, ranker } = this.#options
    const scores = await this.#timed(budgetMs, context, (call) => ranker.score(rows, call))
    return checkedScores(scores, rows.rows)
  }

  /** Never rejects. */
  async #open(): Promise<void> {
    const { ranker, clock, log } = this.#options
    try {
      await this.#timed(openMs, ROOT_CONTEXT, (call) => ranker.open(call))
      for (let turn = 0; turn < warmups; turn++) {
        const rows = emptyRows(turn + 1)
        const scores = await this.#timed(openMs, ROOT_CONTEXT, (call) => ranker.score(rows, call))
        checkedScores(scores, rows.rows)
      }
      this.#ready = true
      log.info('the model is ready', { model: ranker.name })
    } catch (caught) {
      if (this.#stop.signal.aborted) return
      this.#note(caught)
      this.#timer = clock.after(retryMs, () => void this.start())
    }
  }

  #note(caught: unknown): void {
    this.#failures++
    const error = errorText(caught)
    if (error !== this.#lastError)
      this.#options.log.warn('the model gave no usable answer', { model: this.name, error })
    this.#lastError = error
  }

  /** Runs `task` with a deadline that holds even where the task does not keep to it. */
  async #timed<Value>(
    timeoutMs: number,
    context: Context,
    task: (call: RankCall) => Promise<Value>,
  ): Promise<Value> {
    const stop = new AbortController()
    const passOn = (): void => stop.abort(this.#stop.signal.reason)
    if (this.#stop.signal.aborted) passOn()
    this.#stop.signal.addEventListener('abort', passOn, { once: true })
    let timer: Timer | undefined
    const late = new Promise<never>((_, reject) => {
      stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error), {
        once: true,
      })
      timer = this.#options.clock.after(timeoutMs, () =>
        stop.abort(new Fault('upstream_timeout', 'the model did not answer in time')),
      )
    })
    late.catch(() => {})
    try {
      return await Promise.race([task({ timeoutMs, context, signal: stop.signal }), late])
    } finally {
      timer?.cancel()
      this.#stop.signal.removeEventListener('abort', passOn)
    }
  }
}

function emptyRows(rows: number): FeatureRows {
  return {
    rows,
    numbers: new Float32Array(rows * featureNames.length),
    tokens: new Uint32Array(rows * tokenNames.length),
  }
}
