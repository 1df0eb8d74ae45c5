import { keepAll, keeps, lower, thresholdOf, type Threshold } from './threshold.ts'

/** How traces are chosen. */
export interface SamplingOptions {
  /**
   * `fixed`: a share of traces, decided when they begin. `budget`: all of them while spans stay
   * under the budget, a falling share above it. `adaptive`: a base share that rises tenfold on a
   * route that fails; errors, slow and rare requests are kept besides. `tail`: like `adaptive`,
   * and what is kept in one program is kept in all programs of this process.
   */
  readonly strategy: 'fixed' | 'budget' | 'adaptive' | 'tail'
  /** Share of new traces kept, 0.0001 to 1. Default: 1 for `fixed` and `budget`, 0.01 otherwise. */
  readonly rate?: number
  /** Spans a second kept at most over any ten seconds; 0 sets no limit. Default 1000, none for `fixed`. */
  readonly spansPerSecond?: number
}

/** What is known of a local root when it ends. */
export interface RootFacts {
  readonly error: boolean
  readonly slow: boolean
  readonly rare: boolean
  /** Randomness of the trace: 24 high and 32 low bits. */
  readonly high: number
  readonly low: number
  /** Threshold the trace was head-sampled with; undefined where it was not sampled or not known. */
  readonly headThreshold: Threshold | undefined
  readonly headSampled: boolean
}

/** Why a local root is kept and what it stands for; `threshold` is undefined where that is unknown. */
export interface Verdict {
  readonly rule: 'head' | 'error' | 'slow' | 'rare' | 'parent'
  readonly threshold: Threshold | undefined
}

/** The caller sampled and does not say by which threshold. */
const followed: Verdict = { rule: 'parent', threshold: undefined }
const slotMs = 1000
/** How much more of a failing route is kept. */
const boostFactor = 10
/** Most times the share is halved within a second whose budget is nearly used up. */
const halvingsMax = 14
const smoothing = 0.3

/** Decides which traces are kept, and tells the truth about it in a threshold. */
export class Sampler {
  readonly strategy: SamplingOptions['strategy']
  /** True where spans are recorded even if the head said no, since the end may say yes. */
  readonly tail: boolean
  readonly #base: number
  readonly #budget: number
  #slotEndMs = 0
  #slotBase: number
  #slotBoosted: number
  #kept = 0
  #offered = 0
  #offeredAverage = 0
  #halvings = 0
  #threshold: Threshold
  #boosted: Threshold
  /** What is taken of classes that are always kept while the budget runs out. */
  #valve: Threshold = keepAll
  #head: Verdict = { rule: 'head', threshold: keepAll }

  /** `nowMs`: monotonic. */
  constructor(options: SamplingOptions, nowMs: number) {
    this.strategy = options.strategy
    this.tail = options.strategy === 'adaptive' || options.strategy === 'tail'
    this.#base = options.rate ?? (this.tail ? 0.01 : 1)
    this.#budget = options.spansPerSecond ?? (options.strategy === 'fixed' ? 0 : 1000)
    this.#slotBase = this.#base
    this.#slotBoosted = Math.min(1, this.#base * boostFactor)
    this.#threshold = thresholdOf(this.#base)
    this.#boosted = thresholdOf(this.#base * boostFactor)
    this.#slotEndMs = this.#budget > 0 ? nowMs + slotMs : Number.POSITIVE_INFINITY
  }

  /** Spans a second it may keep; 0 where there is no limit. */
  get budget(): number {
    return this.#budget
  }

  /** Share of new traces kept now. */
  get probability(): number {
    return this.#threshold.probability
  }

  /** Threshold for a trace that begins at `nowMs` (monotonic); `boosted` where its route fails. */
  head(boosted: boolean, nowMs: number): Threshold {
    if (nowMs >= this.#slotEndMs) this.#tick(nowMs)
    return boosted ? this.#boosted : this.#threshold
  }

  /** True where a trace the caller sampled is recorded here too: not while over the budget. */
  follows(high: number, low: number, nowMs: number): boolean {
    if (nowMs >= this.#slotEndMs) this.#tick(nowMs)
    return this.#halvings === 0 || keeps(this.#valve, high, low)
  }

  /** Decides at the end of a local root; undefined drops it. */
  judge(facts: RootFacts): Verdict | undefined {
    const head = facts.headSampled ? this.#headVerdict(facts.headThreshold) : undefined
    if (!this.tail) return head
    const rule = facts.error ? 'error' : facts.slow ? 'slow' : facts.rare ? 'rare' : undefined
    if (rule === undefined) return head
    // Every span of the class is kept, whatever its randomness, so each counts for one: `th:0`.
    // Over the budget the class has a threshold of its own, and says so.
    const cap = this.#halvings === 0 ? keepAll : this.#valve
    if (!keeps(cap, facts.high, facts.low)) return head
    const threshold = facts.headThreshold ? lower(cap, facts.headThreshold) : cap
    return { rule, threshold }
  }

  /** The last one again where the threshold is the same, as it mostly is. */
  #headVerdict(threshold: Threshold | undefined): Verdict {
    if (threshold === undefined) return followed
    if (this.#head.threshold !== threshold) this.#head = { rule: 'head', threshold }
    return this.#head
  }

  /** Counts spans of a local root that ended, kept or not. */
  note(spans: number, kept: boolean): void {
    if (this.#budget === 0) return
    this.#offered += spans
    if (!kept) return
    this.#kept += spans
    let halvings = 0
    let left = this.#budget
    while (halvings < halvingsMax && this.#kept >= this.#budget - left / 2) {
      halvings++
      left /= 2
    }
    if (halvings > this.#halvings) {
      this.#halvings = halvings
      this.#valve = thresholdOf(2 ** -halvings)
      this.#threshold = thresholdOf(this.#slotBase * 2 ** -halvings)
      this.#boosted = thresholdOf(this.#slotBoosted * 2 ** -halvings)
    }
  }

  #tick(nowMs: number): void {
    const slots = 1 + Math.floor((nowMs - this.#slotEndMs) / slotMs)
    this.#slotEndMs += slots * slotMs
    const perSlot = this.#offered / slots
    this.#offeredAverage =
      perSlot > this.#offeredAverage
        ? perSlot
        : this.#offeredAverage + smoothing * (perSlot - this.#offeredAverage)
    this.#offered = 0
    this.#kept = 0
    this.#halvings = 0
    const affordable = this.#offeredAverage > 0 ? (0.45 * this.#budget) / this.#offeredAverage : 1
    this.#slotBase = Math.min(this.#base, affordable)
    this.#slotBoosted = Math.min(1, this.#base * boostFactor, affordable)
    this.#threshold = thresholdOf(this.#slotBase)
    this.#boosted = thresholdOf(this.#slotBoosted)
  }
}
