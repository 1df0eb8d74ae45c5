import { usersByItem, type ItemSets } from './interactions.ts'
import { emptyLinearModel, SparseRows, type LinearModel } from './linear-model.ts'

/** Shape of the random walk. */
export interface WalkOptions {
  /** Exponent on the popularity of the item that is reached. */
  readonly beta: number
  /** Neighbours kept an item. */
  readonly rowMax: number
  /** Users looked at an item: the bound on the work for very popular ones. */
  readonly usersPerItemMax: number
}

/** Shipped shape. */
export const walkDefaults: WalkOptions = { beta: 0.6, rowMax: 200, usersPerItemMax: 5000 }

/**
 * RP3beta (Paudel et al., "Updatable, Accurate, Diverse, and Scalable Recommendations", TiiS 2017):
 * the chance of walking item -> user -> item, divided by popularity^beta. Rows are bounded, so
 * memory is O(items x rowMax) whatever the catalogue: this is the model of the tail.
 */
export function trainWalk(sets: ItemSets, options: WalkOptions): LinearModel {
  const { itemCount, start, items } = sets
  const { start: userStart, users } = usersByItem(sets)
  const damping = new Float64Array(itemCount)
  for (let item = 0; item < itemCount; item++) {
    const degree = (userStart[item + 1] as number) - (userStart[item] as number)
    damping[item] = degree === 0 ? 0 : degree ** -options.beta
  }
  const sums = new Float64Array(itemCount)
  const touched = new Uint32Array(itemCount)
  const rows = new SparseRows()
  for (let item = 0; item < itemCount; item++) {
    const first = userStart[item] as number
    const degree = (userStart[item + 1] as number) - first
    const step = Math.max(1, degree / options.usersPerItemMax)
    let count = 0
    for (let at = 0; at < degree; at += step) {
      const user = users[first + Math.floor(at)] as number
      const from = start[user] as number
      const to = start[user + 1] as number
      const share = 1 / (degree * (to - from))
      for (let k = from; k < to; k++) {
        const other = items[k] as number
        if (sums[other] === 0) touched[count++] = other
        sums[other] = (sums[other] as number) + share
      }
    }
    for (let at = 0; at < count; at++) {
      const other = touched[at] as number
      sums[other] = (sums[other] as number) * (damping[other] as number)
    }
    sums[item] = 0
    for (const other of strongest(touched.subarray(0, count), sums, options.rowMax))
      if (other !== item) rows.add(other, sums[other] as number)
    rows.endRow()
    for (let at = 0; at < count; at++) sums[touched[at] as number] = 0
  }
  return { ...emptyLinearModel(itemCount), ...rows.finish() }
}

/**
 * The `most` candidates with the greatest value, in order of item; among equals the lower item.
 * O(candidates log candidates).
 */
export function strongest(
  candidates: Uint32Array,
  values: Float64Array,
  most: number,
): Uint32Array {
  const sorted = candidates.slice().sort()
  if (sorted.length <= most) return sorted
  const ranked = Float64Array.from(sorted, (item) => values[item] as number).sort()
  const bar = ranked[ranked.length - most] as number
  let ties = most
  for (const value of ranked.subarray(ranked.length - most)) if (value > bar) ties--
  return sorted.filter((item) => {
    const value = values[item] as number
    return value > bar || (value === bar && ties-- > 0)
  })
}
