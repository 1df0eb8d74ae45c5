import type { ServedList } from '../rank/served-list.ts'
import type { Joined } from '../rank/online-ranker.ts'
import { LongPart } from '../saved-pieces.ts'
import type { Experiment, Variant } from './experiment.ts'
import { freeRange, variantOf } from './experiment.ts'
import { estimatePolicy, type LoggedChoice, type OffPolicy } from './off-policy.ts'
import { ratioOf, sampleRatio, wilson, type Estimate } from './statistics.ts'

/** Experiments kept; stopped ones make room first. */
export const experimentsMax = 100
/** Users whose outcomes are told apart, by variant; those beyond are not counted. */
export const experimentUsersMax = 100_000
/** Choices kept for estimates of other policies; the oldest make room. */
export const choicesMax = 50_000

type Unit = [lists: number, clicks: number, bought: number]

interface Choice {
  readonly requestId: string
  readonly itemId: string
  readonly propensity: number
  readonly explored: boolean
  /** Share of places that was explored in this list. */
  readonly logged: number
  readonly place: number
  reward: number
}

/** Saved form. */
export interface ExperimentBookState {
  readonly experiments: readonly Experiment[]
  /** Users by experiment and variant. */
  readonly units: Readonly<Record<string, Iterable<readonly [userId: string, unit: Unit]>>>
  readonly choices: readonly Choice[]
}

/** What became of one variant. */
export interface VariantReport {
  readonly name: string
  readonly users: number
  readonly lists: number
  /** Clicks a list, by the delta method over users. */
  readonly clicksPerList: Estimate
  /** Share of the users who bought from a list. */
  readonly conversion: Estimate
}

/** What became of an experiment so far. */
export interface ExperimentReport {
  readonly experiment: Experiment
  readonly variants: readonly VariantReport[]
  readonly sampleRatio: ReturnType<typeof sampleRatio>
  /** True where users beyond the bound were not counted. */
  readonly capped: boolean
}

/** Experiments, who was exposed to what, and what came of it; follows from the event log alone. */
export class ExperimentBook {
  readonly #experiments = new Map<string, Experiment>()
  readonly #units = new Map<string, Map<string, Unit>>()
  readonly #choices: Choice[]
  readonly #byList = new Map<string, Choice[]>()
  #usersRefused = 0
  #choicesDropped = 0

  constructor(saved?: ExperimentBookState) {
    for (const each of saved?.experiments ?? []) this.#experiments.set(each.name, each)
    for (const [key, users] of Object.entries(saved?.units ?? {}))
      this.#units.set(key, new Map(users))
    this.#choices = saved ? [...saved.choices] : []
    for (const choice of this.#choices) this.#index(choice)
  }

  get experiments(): readonly Experiment[] {
    return [...this.#experiments.values()]
  }

  of(name: string): Experiment | undefined {
    return this.#experiments.get(name)
  }

  /** Room for `traffic` of a layer's users; undefined where there is none. */
  room(layer: string, traffic: number): { readonly from: number; readonly to: number } | undefined {
    return freeRange(this.#experiments.values(), layer, traffic)
  }

  /** Adds or replaces an experiment. */
  put(experiment: Experiment): void {
    this.#experiments.set(experiment.name, experiment)
    if (this.#experiments.size <= experimentsMax) return
    // Where none is stopped there is no room for another.
    const gone = this.experiments.find(({ status }) => status === 'stopped') ?? experiment
    this.#experiments.delete(gone.name)
    for (const key of this.#units.keys())
      if (key.startsWith(keyOf(gone.name, ''))) this.#units.delete(key)
  }

  /** Users told apart now, over all variants. */
  get users(): number {
    let users = 0
    for (const each of this.#units.values()) users += each.size
    return users
  }

  /** Outcomes that were not counted because their variant had users enough. */
  get usersRefused(): number {
    return this.#usersRefused
  }

  /** Choices kept now, and those that had to make room. */
  get choices(): { readonly held: number; readonly dropped: number } {
    return { held: this.#choices.length, dropped: this.#choicesDropped }
  }

  /** The user's variants, by experiment. */
  variantsOf(
    userId: string,
  ): readonly { readonly experiment: string; readonly variant: Variant }[] {
    const found: { experiment: string; variant: Variant }[] = []
    for (const experiment of this.#experiments.values()) {
      const variant = variantOf(experiment, userId)
      if (variant) found.push({ experiment: experiment.name, variant })
    }
    return found
  }

  /** Counts an exposure: a list that was served under these variants. */
  served(list: ServedList): void {
    for (const [experiment, variant] of Object.entries(list.variants)) {
      const unit = this.#unit(experiment, variant, list.userId)
      if (unit) unit[0]++
    }
    // A ranked item had the chance that its place was not explored; that tells the share in force.
    const ranked = list.items.find((item) => item.propensity < 1 && item.placement !== 'explored')
    const logged = 1 - (ranked?.propensity ?? 1)
    list.items.forEach(({ itemId, propensity, placement }, place) => {
      if (propensity >= 1 || ranked === undefined) return
      const explored = placement === 'explored'
      const { requestId } = list
      const choice = { requestId, itemId, propensity, explored, logged, place, reward: 0 }
      this.#choices.push(choice)
      this.#index(choice)
    })
    if (this.#choices.length > choicesMax + 1000)
      for (const old of this.#choices.splice(0, this.#choices.length - choicesMax)) {
        this.#byList.delete(old.requestId)
        this.#choicesDropped++
      }
  }

  /** Counts what came of a list. */
  followed(joined: Joined, itemId: string): void {
    if (joined.kind !== 'first' && joined.kind !== 'again') return
    const { list, kind, bought } = joined
    for (const [experiment, variant] of Object.entries(list.variants)) {
      const unit = this.#unit(experiment, variant, list.userId)
      if (unit && kind === 'first') unit[1]++
      if (unit && bought) unit[2]++
    }
    const choice = this.#byList.get(list.requestId)?.find((each) => each.itemId === itemId)
    if (choice && kind === 'first') choice.reward = 1
  }

  report(name: string): ExperimentReport | undefined {
    const experiment = this.#experiments.get(name)
    if (!experiment) return undefined
    const counted = experiment.variants.map(
      (variant) => this.#units.get(keyOf(name, variant.name)) ?? new Map<string, Unit>(),
    )
    return {
      experiment,
      variants: experiment.variants.map((variant, at) => reportOf(variant.name, counted[at])),
      sampleRatio: sampleRatio(
        counted.map(({ size }) => size),
        experiment.variants.map(({ share }) => share),
      ),
      capped: counted.some(({ size }) => size >= experimentUsersMax),
    }
  }

  /**
   * Clicks a place, where places may be explored, if their share were `share` (0: never). The reward model is the mean of explored and of ranked items at each place.
   */
  offPolicy(share: number): OffPolicy {
    const means = new Map<string, [sum: number, count: number]>()
    for (const { place, explored, reward } of this.#choices) {
      const key = `${place} ${explored}`
      const known = means.get(key) ?? [0, 0]
      means.set(key, [known[0] + reward, known[1] + 1])
    }
    const mean = (place: number, explored: boolean): number => {
      const [sum, count] = means.get(`${place} ${explored}`) ?? [0, 0]
      return count === 0 ? 0 : sum / count
    }
    const log = this.#choices.map(
      ({ propensity, explored, logged, place, reward }): LoggedChoice => {
        const ratio = explored ? share / logged : (1 - share) / (1 - logged)
        return {
          propensity,
          target: propensity * ratio,
          reward,
          expected: mean(place, explored),
          expectedOfTarget: share * mean(place, true) + (1 - share) * mean(place, false),
        }
      },
    )
    return estimatePolicy(log)
  }

  /** Saved form; users are made as they are read. */
  view(): ExperimentBookState {
    return {
      experiments: this.experiments,
      units: Object.fromEntries(
        Array.from(this.#units, ([key, users]) => [
          key,
          new LongPart<readonly [string, Unit]>(() => users),
        ]),
      ),
      choices: this.#choices,
    }
  }

  #unit(experiment: string, variant: string, userId: string): Unit | undefined {
    const key = keyOf(experiment, variant)
    const users = this.#units.get(key) ?? new Map<string, Unit>()
    this.#units.set(key, users)
    const known = users.get(userId)
    if (known) return known
    if (users.size >= experimentUsersMax) {
      this.#usersRefused++
      return undefined
    }
    const unit: Unit = [0, 0, 0]
    users.set(userId, unit)
    return unit
  }

  #index(choice: Choice): void {
    const known = this.#byList.get(choice.requestId)
    if (known) known.push(choice)
    else this.#byList.set(choice.requestId, [choice])
  }
}

const keyOf = (experiment: string, variant: string): string => `${experiment}\n${variant}`

function reportOf(name: string, users: ReadonlyMap<string, Unit> = new Map()): VariantReport {
  let lists = 0
  let clicks = 0
  let buyers = 0
  const sums = { aboveSquares: 0, belowSquares: 0, products: 0 }
  for (const [shown, clicked, bought] of users.values()) {
    lists += shown
    clicks += clicked
    if (bought > 0) buyers++
    sums.aboveSquares += clicked * clicked
    sums.belowSquares += shown * shown
    sums.products += clicked * shown
  }
  return {
    name,
    users: users.size,
    lists,
    clicksPerList: ratioOf({ users: users.size, above: clicks, below: lists, ...sums }),
    conversion: wilson(buyers, users.size),
  }
}
