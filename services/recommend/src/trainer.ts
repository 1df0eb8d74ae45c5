import { Worker } from 'node:worker_threads'
import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Interactions } from './domain/recall/interactions.ts'
import { judge, type Promotion } from './promotion.ts'
import type { RecommendState } from './domain/state.ts'
import type { Models } from './domain/recall/knowledge.ts'
import {
  trainingDefaults as defaults,
  type Choice,
  type Said,
  type Trained,
  type TrainingOptions,
} from './domain/learn/training.ts'
import type { ServedModels } from './served-models.ts'
import type { TrainingJob } from './training-worker.ts'
import { inTurns } from './turns.ts'

/** Options the program trains with where nothing else is said. */
export const trainingDefaults: TrainingOptions = defaults

/**
 * Trains in threads of their own, so that no request waits: one fits the models on everything, the
 * other chooses the mixture on a cut. Rejects where a thread fails.
 */
export async function trainInWorker(
  interactions: Interactions,
  options: TrainingOptions,
  signal?: AbortSignal,
  said: Said = {},
): Promise<Trained> {
  const [models, choice] = await Promise.all([
    runWorker<Models>({ half: 'models', interactions, options, said: {} }, signal),
    runWorker<Choice>({ half: 'choice', interactions, options, said }, signal),
  ])
  return { models, ...choice }
}

function runWorker<Result>(job: TrainingJob, signal?: AbortSignal): Promise<Result> {
  const worker = new Worker(new URL('./training-worker.ts', import.meta.url), { workerData: job })
  return new Promise((resolve, reject) => {
    const stop = (): void => void worker.terminate()
    signal?.addEventListener('abort', stop, { once: true })
    worker.once('message', resolve)
    worker.once('error', (caught) => reject(Fault.from(caught)))
    worker.once('exit', () => {
      signal?.removeEventListener('abort', stop)
      // After a message this changes nothing; without one the thread was stopped.
      reject(new Fault('cancelled', 'the training was stopped'))
    })
  })
}

/** One training, as `GET /recommend/train/{id}` shows it. */
export interface TrainingRun {
  readonly id: number
  status: 'running' | 'done' | 'refused' | 'failed'
  /** What is being done: `fitting`, then `judging`. */
  stage?: 'fitting' | 'judging'
  /** How the candidate did in the shadow of what was served. */
  shadow?: Promotion
  seconds?: number
  model?: string
  error?: string
}

/** Resolves to what `copy` makes of the state, which stands still meanwhile. */
export type Still = <Copied>(copy: () => Promise<Copied>) => Promise<Copied>

/** What a training reads, copied step by step. */
function* trainingCopy(
  state: RecommendState,
): Generator<undefined, { readonly interactions: Interactions; readonly said: Said }> {
  const interactions = yield* state.copyInteractions()
  const content = yield* state.content.copy()
  return { interactions, said: { content, latest: state.latest.save() } }
}

/** What the trainer stands on. */
export interface TrainerOptions {
  readonly state: RecommendState
  /** Copies while no event is applied; requests are answered all the same. */
  readonly still: Still
  readonly served: ServedModels
  readonly clock: Clock
  readonly log: Log
  readonly trainAfterEvents: number
  readonly trainEveryMs: number
  readonly headItemsMax: number
  readonly promotionOverlapMin: number
  /** Users who asked lately, for the judging of candidates. */
  readonly recentUsers: () => readonly string[]
}

/** Runs kept to show. */
const runsMax = 20

/** Trains again when enough is new, one training at a time, and swaps the result in whole. */
export class Trainer {
  readonly #options: TrainerOptions
  readonly #runs: TrainingRun[] = []
  readonly #abort = new AbortController()
  #running: Promise<void> | undefined
  #timer: Timer | undefined
  #trainedAtEvents = 0
  #lastMs = -Infinity

  constructor(options: TrainerOptions) {
    this.#options = options
  }

  get runs(): readonly TrainingRun[] {
    return this.#runs
  }

  /** Looks once a second whether a training is due. */
  start(): void {
    this.#timer = this.#options.clock.every(1000, () => this.#lookAround())
  }

  /** Starts a training now, or gives the one that runs. */
  train(): TrainingRun {
    const last = this.#runs.at(-1)
    if (this.#running && last) return last
    const run: TrainingRun = { id: (last?.id ?? 0) + 1, status: 'running' }
    this.#runs.push(run)
    if (this.#runs.length > runsMax) this.#runs.shift()
    this.#running = this.#run(run).finally(() => {
      this.#running = undefined
    })
    return run
  }

  /** Resolves when no training runs any more. */
  async settled(): Promise<void> {
    await this.#running
  }

  /** Stops the clock and a training under way. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#abort.abort()
    await this.#running
  }

  #lookAround(): void {
    const { state, clock, trainAfterEvents, trainEveryMs } = this.#options
    if (this.#running || clock.elapsed() - this.#lastMs < trainEveryMs) return
    // The first training comes early: a small shop should not wait for thousands of events.
    const due = this.#trainedAtEvents === 0 ? Math.min(200, trainAfterEvents) : trainAfterEvents
    if (state.events - this.#trainedAtEvents >= due) this.train()
  }

  /** Never rejects: what goes wrong is in the run and in the log. */
  async #run(run: TrainingRun): Promise<void> {
    const { state, served, clock, log, headItemsMax } = this.#options
    const startMs = clock.elapsed()
    this.#lastMs = startMs
    this.#trainedAtEvents = state.events
    try {
      run.stage = 'fitting'
      const { interactions, said } = await this.#options.still(() => inTurns(trainingCopy(state)))
      const options: TrainingOptions = { ...defaults, headItemsMax }
      const trained = await trainInWorker(interactions, options, this.#abort.signal, said)
      run.seconds = (clock.elapsed() - startMs) / 1000
      const { models, blend, blendWithRepeats, blendForStrangers } = trained
      const { repeatShare, trials, scores } = trained
      run.stage = 'judging'
      const users = this.#options.recentUsers()
      const overlapMin = this.#options.promotionOverlapMin
      run.shadow = await judge(trained, served.now(), { state, clock, users, overlapMin })
      if (run.shadow.kind === 'refused') {
        run.status = 'refused'
        log.warn('the trained models are not served', { why: run.shadow.why })
        return
      }
      const next = served.swap({
        models,
        blend,
        blendWithRepeats,
        blendForStrangers,
        training: {
          seconds: run.seconds,
          events: interactions.items.length,
          users: interactions.start.length - 1,
          items: interactions.itemCount,
          repeatShare,
          trials,
          score: scores.blend,
          scoreWithRepeats: scores.blendWithRepeats,
        },
      })
      run.model = next.name
      run.status = 'done'
      log.info('trained', {
        model: next.name,
        seconds: run.seconds,
        events: interactions.items.length,
      })
    } catch (caught) {
      run.status = 'failed'
      const fault = Fault.from(caught)
      run.error = fault.code
      if (fault.code !== 'cancelled') log.error('training failed', {}, caught)
    }
  }
}
