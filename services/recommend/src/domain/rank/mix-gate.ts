/** Weights that are tried all the time; 0 is the mixture of channels alone. */
export const weightsTried = [0, 0.25, 0.5, 1, 2] as const

/** One item of a list that was looked at. */
export interface JudgedItem {
  readonly score: number
  readonly logWorth: number
  readonly chosen: boolean
}

/** Saved form. */
export interface MixGateState {
  readonly lists: number
  readonly weight: number
  readonly mass: number
  readonly sums: readonly number[]
  readonly squares: readonly number[]
  readonly auc: readonly number[]
}

/** Old lists fade: the last thousand or so decide. */
const fade = 0.999
/** Lists before anything is believed. */
const listsMin = 200
/** Deviations by which a weight must beat 0. */
const sure = 2.6

/**
 * Decides how much a ranker that learns may say, by its figures on lists it has not learnt from
 * yet (progressive validation: Blum, Kalai and Langford, 1999): the area under the curve of each
 * list with each weight, against weight 0. A weight above 0 is used only while its gain is `sure`
 * standard errors above nothing, so a cold or useless ranker never makes a list worse.
 */
export class MixGate {
  #lists: number
  #weight: number
  #mass: number
  readonly #sums: number[]
  readonly #squares: number[]
  readonly #auc: number[]

  constructor(saved?: MixGateState) {
    this.#lists = saved?.lists ?? 0
    this.#weight = saved?.weight ?? 0
    this.#mass = saved?.mass ?? 0
    this.#sums = saved ? [...saved.sums] : weightsTried.map(() => 0)
    this.#squares = saved ? [...saved.squares] : weightsTried.map(() => 0)
    this.#auc = saved ? [...saved.auc] : weightsTried.map(() => 0)
  }

  /** The weight in use. */
  get weight(): number {
    return this.#weight
  }

  /** Lists judged. */
  get lists(): number {
    return this.#lists
  }

  /** Mean AUC of each weight over the lists that still count. */
  figures(): readonly { readonly weight: number; readonly auc: number; readonly gain: number }[] {
    return weightsTried.map((weight, at) => ({
      weight,
      auc: this.#mass === 0 ? 0 : (this.#auc[at] as number) / this.#mass,
      gain: this.#mass === 0 ? 0 : (this.#sums[at] as number) / this.#mass,
    }))
  }

  /** Takes in one list that has both chosen and passed-over items. */
  judge(items: readonly JudgedItem[]): void {
    const areas = weightsTried.map((weight) => area(items, weight))
    const alone = areas[0] as number
    this.#lists++
    this.#mass = this.#mass * fade + 1
    areas.forEach((reached, at) => {
      const gain = reached - alone
      this.#auc[at] = (this.#auc[at] as number) * fade + reached
      this.#sums[at] = (this.#sums[at] as number) * fade + gain
      this.#squares[at] = (this.#squares[at] as number) * fade + gain * gain
    })
    this.#weight = this.#lists < listsMin ? 0 : this.#best()
  }

  save(): MixGateState {
    return {
      lists: this.#lists,
      weight: this.#weight,
      mass: this.#mass,
      sums: [...this.#sums],
      squares: [...this.#squares],
      auc: [...this.#auc],
    }
  }

  #best(): number {
    let best = 0
    let most = 0
    weightsTried.forEach((weight, at) => {
      const mean = (this.#sums[at] as number) / this.#mass
      const variance = Math.max(0, (this.#squares[at] as number) / this.#mass - mean * mean)
      const low = mean - sure * Math.sqrt(variance / this.#mass)
      if (low <= most) return
      most = low
      best = weight
    })
    return best
  }
}

/** Chance that a chosen item stands above one passed over; equals count half. */
function area(items: readonly JudgedItem[], weight: number): number {
  let won = 0
  let pairs = 0
  for (const one of items) {
    if (!one.chosen) continue
    const value = one.score + weight * one.logWorth
    for (const other of items) {
      if (other.chosen) continue
      const against = other.score + weight * other.logWorth
      pairs++
      won += value > against ? 1 : value === against ? 0.5 : 0
    }
  }
  return won / pairs
}
