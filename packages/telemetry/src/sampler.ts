import { higher, keepAll, keeps, thresholdOf, type Threshold } from './threshold.ts'

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
  /** Spans that are kept or let go with it. */
  readonly spans: number
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
/**
 * The first half of a second's budget is spent at the share the second began with. The rest is cut
 * into so many parts, and the share halves with each: a flood of 2^14 times the budget still fits, and
 * at each share about as many spans are kept, so the estimate of the total stays good.
 */
const budgetParts = 14
/** Most times the share is halved within a second. */
const halvingsMax = 40
/** Part of the budget that is aimed at: what it leaves evens out chance. */
const aim = 0.45
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
  #slotValve = 1
  #kept = 0
  #offered = 0
  #offeredAverage = 0
  /** Spans that would have been kept had there been no budget. */
  #wanted = 0
  #wantedAverage = 0
  #halvings = 0
  #threshold: Threshold
  #boosted: Threshold
  /** What is taken, while the budget is short, of all that is wanted: by the head or by its class. */
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
    if (keeps(this.#valve, high, low)) return true
    this.#wanted++
    return false
  }

  /**
   * Decides at the end of a local root; undefined drops it. What began before the budget ran short is
   * judged by what is left of it now: a flood of slow requests ends at once.
   */
  judge(facts: RootFacts): Verdict | undefined {
    const rule = this.tail ? classOf(facts) : undefined
    if (rule === undefined && !facts.headSampled) return undefined
    this.#wanted += facts.spans
    const valve = this.#valve
    if (!keeps(valve, facts.high, facts.low)) return undefined
    // Every span of the class is kept, whatever its randomness, so each counts for one: `th:0`.
    // Over the budget the class has a threshold of its own, and says so.
    return rule === undefined ? this.#headVerdict(facts.headThreshold) : { rule, threshold: valve }
  }

  #headVerdict(headThreshold: Threshold | undefined): Verdict {
    if (headThreshold === undefined) return followed
    const threshold = higher(this.#valve, headThreshold)
    // The last one again where the threshold is the same, as it mostly is.
    if (this.#head.threshold !== threshold) this.#head = { rule: 'head', threshold }
    return this.#head
  }

  /** Counts `offered` spans that ended, and `kept` spans that are sent on, now or after they waited. */
  note(offered: number, kept: number): void {
    if (this.#budget === 0) return
    this.#offered += offered
    if (kept === 0) return
    this.#kept += kept
    this.#spend()
  }

  /** Halves the share with each part of the second half of the budget that is spent. */
  #spend(): void {
    const half = this.#budget / 2
    if (this.#kept < half) return
    const parts = 1 + Math.floor(((this.#kept - half) * budgetParts) / half)
    const halvings = Math.min(halvingsMax, parts)
    if (halvings <= this.#halvings) return
    this.#halvings = halvings
    this.#share(2 ** -halvings)
  }

  /** Sets what is kept from now on: `part` of what the second began with. */
  #share(part: number): void {
    this.#valve = thresholdOf(this.#slotValve * part)
    this.#threshold = thresholdOf(this.#slotBase * part)
    this.#boosted = thresholdOf(this.#slotBoosted * part)
  }

  #tick(nowMs: number): void {
    const slots = 1 + Math.floor((nowMs - this.#slotEndMs) / slotMs)
    this.#slotEndMs += slots * slotMs
    this.#offeredAverage = averaged(this.#offeredAverage, this.#offered / slots)
    this.#wantedAverage = averaged(this.#wantedAverage, this.#wanted / slots)
    this.#offered = this.#wanted = 0
    // Traces are kept whole: what one took beyond the budget is missing in the next seconds.
    this.#kept = Math.max(0, this.#kept - slots * this.#budget)
    this.#halvings = 0
    const affordable = shareOf(aim * this.#budget, this.#offeredAverage)
    this.#slotValve = shareOf(aim * this.#budget, this.#wantedAverage)
    this.#slotBase = Math.min(this.#base, affordable)
    this.#slotBoosted = Math.min(1, this.#base * boostFactor, affordable)
    this.#share(1)
    if (this.#kept > 0) this.#spend()
  }
}

function classOf(facts: RootFacts): 'error' | 'slow' | 'rare' | undefined {
  return facts.error ? 'error' : facts.slow ? 'slow' : facts.rare ? 'rare' : undefined
}

/** Follows a rise at once and a fall slowly. */
function averaged(average: number, now: number): number {
  return now > average ? now : average + smoothing * (now - average)
}

function shareOf(affordable: number, offered: number): number {
  return offered > affordable ? affordable / offered : 1
}
