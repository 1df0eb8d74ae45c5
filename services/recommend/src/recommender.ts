import { SpanStatusCode, trace, type Context, type Span } from '@opentelemetry/api'
import { SeededChance, uuidv7 } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { spanNames } from '@spate/telemetry/names'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { RecommendedItem } from './contract.ts'
import {
  featureNames,
  featuresOf,
  type FeatureQuestion,
  type FeatureRows,
} from './domain/features/feature-vector.ts'
import { userFeaturesOf } from './domain/features/user-features.ts'
import { addScaled, scaleOf, topOf, type Blend, type Ranked } from './domain/recall/blend.ts'
import type { Attributes, History } from './domain/history.ts'
import { placementReason, reasonFor, type Language } from './domain/reason.ts'
import { BoardPool, type Scores } from './domain/recall/scores.ts'
import { isPersonal, type Asker, type Knowledge, type Voice } from './domain/recall/knowledge.ts'
import type { RecommendState } from './domain/state.ts'
import { candidateFilter, type CandidateRules } from './domain/recall/candidate-filter.ts'
import { Likeness } from './domain/rerank/likeness.ts'
import { rulesUnder } from './domain/experiment/experiment.ts'
import { noRules, rerank, type Placed, type RerankRules } from './domain/rerank/rerank.ts'
import { extrasOf, type PlacementRules } from './domain/rerank/extras.ts'
import type { FoundFeatures } from './features/feature-cache.ts'
import type { RankedList, Ranking } from './rank/ranking.ts'
import { servedListOf } from './domain/rank/served-list.ts'
import type { Feedback } from './domain/rank/feedback.ts'
import type { ServedLog } from './served-log.ts'
import { Recall, type AskChannel, type Heard, type RecallQuestion } from './recall/recall.ts'
import type { ServedModels } from './served-models.ts'

/** One request for a list. */
export interface RecommendQuery extends CandidateRules {
  readonly userId: string
  readonly numItems: number
  readonly language: Language
  /** What the caller says of the situation: place, device ... */
  readonly context?: Attributes
}

/** The list, and what is missing from it. */
export interface RecommendResult {
  readonly requestId: string
  readonly model: string
  readonly items: readonly RecommendedItem[]
  readonly degraded: readonly string[]
}

/** What the recommender stands on. */
export interface RecommenderOptions {
  readonly state: RecommendState
  readonly served: ServedModels
  readonly clock: Clock
  readonly log: Log
  readonly telemetry: Telemetry
  readonly requestBudgetMs: number
  readonly channelBudgetMs: number
  readonly rules?: RerankRules
  readonly placements?: PlacementRules
  /** Features of a user, for ranking; without it the history in the state is all there is. */
  readonly features?: (userId: string) => Promise<FoundFeatures>
  readonly ranking?: Ranking
  /** What came of lists that were served; exploration believes in it. */
  readonly feedback?: Feedback
  readonly servedLog?: ServedLog
  /** True while the log is still being read: answers say so. */
  readonly replaying?: () => boolean
  /** Asks a channel. Default: the pure channels of the domain. Tests pass hung and failing ones. */
  readonly ask?: AskChannel
}

/** A channel's answer, and what brings it to the scale of the others. */
interface Scaled {
  readonly voice: Voice
  readonly scores: Scores
  readonly scale: number
}

/** Candidates that go on from the merge, at least; re-ranking looks no deeper. */
const candidatesMin = 200
/** Users remembered whose questions candidates for promotion are asked. */
const recentMax = 256

/**
 * Makes lists: features, all channels side by side within their deadline, merge by normalised
 * scores, rank, re-rank, a reason for each item. Never empty while an item may be shown.
 */
export class Recommender {
  readonly #options: RecommenderOptions
  readonly #pool = new BoardPool()
  readonly #recall: Recall
  readonly #recent: string[] = []
  #asked = 0
  #likeness: { readonly version: number; readonly of: Likeness } | undefined

  constructor(options: RecommenderOptions) {
    this.#options = options
    const channelBudgetMs = Math.min(options.channelBudgetMs, options.requestBudgetMs)
    this.#recall = new Recall({ ...options, channelBudgetMs }, this.#pool)
  }

  /** Users who asked lately, each once, at most 256. */
  recentUsers(): readonly string[] {
    return [...new Set(this.#recent)]
  }

  /** The list for `query`; `parent` is the context of the request. */
  async recommend(query: RecommendQuery, parent: Context): Promise<RecommendResult> {
    const { telemetry, state, served, clock } = this.#options
    const main = telemetry.tracer.startSpan(
      spanNames.recommendMain,
      { attributes: { 'user.id': query.userId, num_items: query.numItems } },
      parent,
    )
    const context = trace.setSpan(parent, main)
    try {
      const now = served.now()
      const { models, name, version } = now
      this.#recent[this.#asked++ % recentMax] = query.userId
      const requestId = uuidv7(clock.now())
      const degraded: string[] = this.#options.replaying?.() ? ['state'] : []
      const history = state.histories.of(query.userId)
      const features = this.#features(query.userId, context)
      const knowledge = state.knowledge(models)
      const asker: Asker = { history, nowMs: clock.now() }
      const parts = query.seen === 'include' ? now.blendWithRepeats : now.blend
      const asked = { knowledge, asker, context, degraded }
      const answers = await this.#hear(parts, now.blendForStrangers, asked)
      const heard = answers.map(({ voice, scores, weight }) => ({
        voice,
        scores,
        scale: scaleOf(scores, weight, knowledge.itemCount),
      }))
      const found = await features
      if (found?.from === 'failed') degraded.push('features')
      const rank = this.#span(spanNames.recommendRank, context)
      const merged = this.#merge(query, history, heard)
      const user = found?.user ?? userFeaturesOf(history, state.catalogue)
      const question = { ...query, user, nowMs: asker.nowMs }
      const rankedNow = this.#rank(merged, question, trace.setSpan(context, rank))
      const { ranked, by, missing } = rankedNow instanceof Promise ? await rankedNow : rankedNow
      if (missing) degraded.push('ranker')
      rank.setAttribute('candidates.count', ranked.length)
      rank.end()
      const variants = this.#options.feedback?.experiments.variantsOf(query.userId) ?? []
      const rules = rulesUnder(this.#options.rules ?? noRules, variants)
      const placed = this.#rerank(query, { ranked, history, requestId, version, rules }, context)
      // The last units may have been sold while a model was waited for.
      const chosen = placed.filter(({ item }) => state.catalogue.showable(item))
      if (state.catalogue.size === 0) degraded.push('catalogue')
      const items = this.#explain(query, { chosen, heard, asker, knowledge })
      for (const { scores } of heard) this.#pool.give(scores)
      main.setAttribute('candidates.count', ranked.length)
      const model = by === undefined ? name : `${name}+${by}`
      const exposed = variants.map(({ experiment, variant }) => [experiment, variant.name])
      this.#record({
        requestId,
        model,
        question,
        merged,
        chosen,
        variants: Object.fromEntries(exposed) as Record<string, string>,
      })
      return { requestId, model, items, degraded }
    } catch (caught) {
      main.recordException(caught instanceof Error ? caught : errorText(caught))
      main.setStatus({ code: SpanStatusCode.ERROR })
      throw caught
    } finally {
      main.end()
    }
  }

  /** What the channels of `parts` say; those of `strangers` where none of them knows the user. */
  async #hear(
    parts: Blend,
    strangers: Blend,
    asked: Omit<RecallQuestion, 'parts'>,
  ): Promise<Heard[]> {
    if (asked.asker.history.items.length > 0) {
      const answers = await this.#recall.ask({ ...asked, parts })
      // A channel that is missing might have known: its time is not spent twice.
      const missing = answers.length < parts.length
      if (
        missing ||
        answers.some(({ voice, scores }) => isPersonal(voice.channel) && scores.count > 0)
      )
        return answers
      for (const { scores } of answers) this.#pool.give(scores)
    }
    return this.#recall.ask({ ...asked, parts: strangers })
  }

  /** The store is asked while the channels work. Never rejects. */
  async #features(userId: string, context: Context): Promise<FoundFeatures | undefined> {
    const { features } = this.#options
    if (!features) return undefined
    const span = this.#span(spanNames.recommendExtractFeatures, context)
    const found = await features(userId)
    span.setAttribute('features.count', featureNames.length)
    span.setAttribute('cache.hit', found.from === 'hit')
    span.end()
    return found
  }

  /** Adds the channels up, filters, keeps the best, and fills up from what is popular or new. */
  #merge(query: RecommendQuery, history: History, heard: readonly Scaled[]): Ranked[] {
    const { state, ranking } = this.#options
    const items = state.catalogue.size
    const total = this.#pool.take(items)
    for (const { scores, scale } of heard) addScaled(total, scores, scale)
    const allowed = candidateFilter(state.catalogue, history, query)
    const most = Math.max(candidatesMin, ranking?.depth ?? 0, 2 * query.numItems)
    const ranked = topOf(total, most, allowed)
    if (ranked.length < query.numItems) this.#fill({ ranked, most: query.numItems, allowed, total })
    if (ranked.length === 0 && query.seen !== 'include') {
      // Everything that may be shown was seen before: better old friends than an empty page.
      const again = candidateFilter(state.catalogue, history, { ...query, seen: 'include' })
      this.#fill({ ranked, most: query.numItems, allowed: again, total })
    }
    this.#pool.give(total)
    return ranked
  }

  /** Adds popular items, then any, below what is there. */
  #fill(fill: {
    readonly ranked: Ranked[]
    readonly most: number
    readonly allowed: (item: number) => boolean
    readonly total: Scores
  }): void {
    const { state } = this.#options
    const { ranked, most, allowed } = fill
    const there = new Set(ranked.map(({ item }) => item))
    let floor = Math.min(0, ...ranked.map(({ score }) => score))
    const add = (item: number): void => {
      if (ranked.length >= most || there.has(item) || !allowed(item)) return
      there.add(item)
      floor -= 1e-6
      ranked.push({ item, score: floor })
    }
    for (const item of state.popularity.top('ever', most + 1000)) add(item)
    for (let item = state.catalogue.size - 1; item >= 0 && ranked.length < most; item--) add(item)
  }

  #rank(
    merged: readonly Ranked[],
    question: FeatureQuestion,
    context: Context,
  ): RankedList | Promise<RankedList> {
    const { ranking } = this.#options
    if (!ranking) return { ranked: merged, missing: false }
    return ranking.rank(merged, (items) => this.#rows(question, items), context)
  }

  #rows(question: FeatureQuestion, items: readonly number[]): FeatureRows {
    return featuresOf(question, items, this.#options.state)
  }

  /** Hands the list to the log of served lists, where that takes one. */
  #record(made: {
    readonly requestId: string
    readonly model: string
    readonly question: FeatureQuestion
    readonly merged: readonly Ranked[]
    readonly chosen: readonly Placed[]
    readonly variants: Readonly<Record<string, string>>
  }): void {
    const { servedLog, state } = this.#options
    if (!servedLog || made.chosen.length === 0 || !servedLog.admits()) return
    const features = this.#rows(
      made.question,
      made.chosen.map(({ item }) => item),
    )
    servedLog.record(servedListOf({ ...made, features, catalogue: state.catalogue }))
  }

  #rerank(
    query: RecommendQuery,
    made: {
      readonly ranked: readonly Ranked[]
      readonly history: History
      readonly requestId: string
      readonly version: number
      readonly rules: RerankRules
    },
    context: Context,
  ): readonly Placed[] {
    const span = this.#span(spanNames.recommendRerank, context)
    const { state, clock, placements, feedback } = this.#options
    const { rules } = made
    const { catalogue } = state
    if (this.#likeness?.version !== made.version)
      this.#likeness = {
        version: made.version,
        of: new Likeness(catalogue, state.covisitation),
      }
    const allowed = candidateFilter(catalogue, made.history, query)
    const input = {
      ranked: made.ranked,
      most: query.numItems,
      catalogue,
      likeness: this.#likeness.of,
      nowMs: clock.now(),
      chance: new SeededChance(seedOf(made.requestId)),
      ...extrasOf({ placements, rules, catalogue, allowed }),
      ...(feedback
        ? {
            armOf: (item: number) => feedback.arms.of(catalogue.at(item)?.itemId ?? ''),
            rate: feedback.arms.rate,
          }
        : {}),
    }
    const chosen = rerank(input, rules)
    span.end()
    return chosen
  }

  #explain(
    query: RecommendQuery,
    from: {
      readonly chosen: readonly Placed[]
      readonly heard: readonly Scaled[]
      readonly asker: Asker
      readonly knowledge: Knowledge
    },
  ): RecommendedItem[] {
    const { catalogue } = this.#options.state
    const source = {
      knowledge: from.knowledge,
      catalogue,
      history: from.asker.history,
      nowMs: from.asker.nowMs,
      language: query.language,
      weighed: new Map(),
    }
    return from.chosen.map(({ item, score, placement }) => {
      let best: Voice | undefined
      let most = 0
      for (const { voice, scores, scale } of from.heard) {
        const share = scale * (scores.values[item] as number)
        if (share <= most) continue
        most = share
        best = voice
      }
      const reason =
        placement === 'ranked' || placement === 'fresh'
          ? reasonFor(item, best, source)
          : placementReason(placement, query.language)
      return { itemId: catalogue.at(item)?.itemId ?? '', score: rounded(score), reason }
    })
  }

  #span(name: string, context: Context): Span {
    return this.#options.telemetry.tracer.startSpan(name, {}, context)
  }
}

/** Chance for one request: the same request id gives the same list. */
function seedOf(requestId: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < requestId.length; at++)
    hash = Math.imul(hash ^ requestId.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

const rounded = (score: number): number => Math.round(score * 1e6) / 1e6
