import { SpanStatusCode, trace, type Context, type Span } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { HistogramSeries } from '@spate/telemetry/metrics'
import { metricNames, spanNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { Blend, BlendPart } from '../domain/recall/blend.ts'
import {
  speak,
  type Asker,
  type ChannelName,
  type Knowledge,
  type Voice,
} from '../domain/recall/knowledge.ts'
import type { BoardPool, Scores } from '../domain/recall/scores.ts'
import { Deadline } from './deadline.ts'

/**
 * A recall channel: adds what it knows to `out`, at once or later. It must stop when `signal`
 * aborts; what it adds afterwards is lost.
 */
export type AskChannel = (
  voice: Voice,
  knowledge: Knowledge,
  asker: Asker,
  out: Scores,
  signal?: AbortSignal,
) => void | Promise<void>

/** One channel's answer. `scores` goes back to the pool when it has been read. */
export interface Heard {
  readonly voice: Voice
  readonly weight: number
  readonly scores: Scores
}

/** What recall stands on. */
export interface RecallOptions {
  readonly clock: Clock
  readonly log: Log
  readonly telemetry: Telemetry
  /** Time a channel has, ms. */
  readonly channelBudgetMs: number
  readonly ask?: AskChannel
}

/** One request for candidates. */
export interface RecallQuestion {
  readonly parts: Blend
  readonly knowledge: Knowledge
  readonly asker: Asker
  readonly context: Context
  /** Channels that are missing are added here. */
  readonly degraded: string[]
}

/** Failures in a row after which a channel is left alone for a while. */
const failuresMax = 3
/** How long: a hung channel then costs a few requests their wait, and not every one. */
const restMs = 1000

interface ChannelHealth {
  failures: number
  restUntilMs: number
  readonly answered: HistogramSeries
  readonly failed: HistogramSeries
}

/** Asks all channels side by side, each within its deadline. Never rejects. */
export class Recall {
  readonly #options: RecallOptions
  readonly #pool: BoardPool
  readonly #channels = new Map<ChannelName, ChannelHealth>()

  constructor(options: RecallOptions, pool: BoardPool) {
    this.#options = options
    this.#pool = pool
  }

  /** The channels that answered, in the order of `parts`. */
  async ask(question: RecallQuestion): Promise<Heard[]> {
    const { clock, telemetry, channelBudgetMs } = this.#options
    const { parts, degraded } = question
    const recall = telemetry.tracer.startSpan(spanNames.recommendRecall, {}, question.context)
    const context = trace.setSpan(question.context, recall)
    const budget = new Deadline(clock, channelBudgetMs)
    const answers = parts.map((part) => this.#one(part, { ...question, context }, budget))
    const late = answers.some((answer) => answer instanceof Promise)
    // Channels that answer at once cost no turn of the event loop.
    const settled = late
      ? await Promise.all(answers.map((answer) => Promise.resolve(answer)))
      : (answers as (Heard | undefined)[])
    budget.done()
    const heard = settled.filter((each): each is Heard => each !== undefined)
    parts.forEach(({ voice }, at) => {
      if (settled[at] === undefined && !degraded.includes(voice.channel))
        degraded.push(voice.channel)
    })
    recall.setAttribute(
      'candidates.count',
      heard.reduce((count, { scores }) => count + scores.count, 0),
    )
    recall.end()
    return heard
  }

  /** One channel's answer; undefined where it failed, came too late, or is left alone. */
  #one(
    { voice, weight }: BlendPart,
    question: RecallQuestion,
    budget: Deadline,
  ): Heard | undefined | Promise<Heard | undefined> {
    const { clock, telemetry, ask = speak } = this.#options
    const health = this.#health(voice.channel)
    const startMs = clock.elapsed()
    if (startMs < health.restUntilMs) return undefined
    const name = `${spanNames.recommendRecall}.${voice.channel}`
    const span = telemetry.tracer.startSpan(name, {}, question.context)
    const scores = this.#pool.take(question.knowledge.itemCount)
    const finish = (failed: unknown): Heard | undefined => {
      const seconds = (clock.elapsed() - startMs) / 1000
      span.setAttribute('candidates.count', scores.count)
      if (failed === undefined) {
        health.failures = 0
        health.answered.record(seconds)
      } else {
        health.failed.record(seconds)
        this.#failed(voice.channel, health, failed, span)
      }
      span.end()
      return failed === undefined ? { voice, weight, scores } : undefined
    }
    try {
      const asking = ask(voice, question.knowledge, question.asker, scores, budget.signal)
      if (!(asking instanceof Promise)) return finish(undefined)
      return Promise.race([asking, budget.passed()]).then(
        () => finish(undefined),
        (caught: unknown) => finish(caught ?? 'failed'),
      )
    } catch (caught) {
      return finish(caught ?? 'failed')
    }
  }

  #failed(channel: ChannelName, health: ChannelHealth, failed: unknown, span: Span): void {
    const { clock, log } = this.#options
    span.recordException(failed instanceof Error ? failed : errorText(failed))
    span.setStatus({ code: SpanStatusCode.ERROR })
    if (++health.failures >= failuresMax) health.restUntilMs = clock.elapsed() + restMs
    log.warn('a recall channel is missing', { channel, error: errorText(failed) })
  }

  #health(channel: ChannelName): ChannelHealth {
    const known = this.#channels.get(channel)
    if (known) return known
    const family = this.#options.telemetry.metrics.histogram(metricNames.recallDuration)
    const series = (outcome: string): HistogramSeries =>
      family.series({ 'recall.channel': channel, outcome })
    const health: ChannelHealth = {
      failures: 0,
      restUntilMs: -Infinity,
      answered: series('answered'),
      failed: series('failed'),
    }
    this.#channels.set(channel, health)
    return health
  }
}
