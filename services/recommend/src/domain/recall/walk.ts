import { usersByItem, type ItemSets } from './interactions.ts'
import { emptyLinearModel, SparseRows, type LinearModel } from './linear-model.ts'

/** Bounds of a table of items that share users. */
export interface SharedUsersOptions {
  /** Neighbours kept an item. */
  readonly rowMax: number
  /** Users looked at an item: the bound on the work for very popular ones. */
  readonly usersPerItemMax: number
}

/** Shape of the random walk. */
export interface WalkOptions extends SharedUsersOptions {
  /** Exponent on the popularity of the item that is reached. */
  readonly beta: number
}

/** Shipped shape. */
export const walkDefaults: WalkOptions = { beta: 0.6, rowMax: 200, usersPerItemMax: 5000 }

/**
 * RP3beta (Paudel et al., "Updatable, Accurate, Diverse, and Scalable Recommendations", TiiS 2017):
 * the chance of walking item -> user -> item, divided by popularity^beta. Rows are bounded, so
 * memory is O(items x rowMax) whatever the catalogue: this is the model of the tail.
 */
export function trainWalk(sets: ItemSets, options: WalkOptions): LinearModel {
  return trainShared(sets, options, {
    share: (degree, items) => 1 / (degree * items),
    scale: (_, degree) => degree ** -options.beta,
  })
}

/** Shape of the cosine. */
export interface NearOptions extends SharedUsersOptions {
  /** Added below the line, so that two items of one user are not as near as can be. */
  readonly shrinkage: number
}

/** Shipped shape. */
export const nearDefaults: NearOptions = { shrinkage: 10, rowMax: 200, usersPerItemMax: 5000 }

/**
 * ItemKNN: the cosine of the users of two items, with shrinkage (Sarwar et al., WWW 2001; Bell and
 * Koren, ICDM 2007). Where items have few users it goes by what more than one of them did, which a
 * walk does not. Bounded as the walk is.
 */
export function trainNear(sets: ItemSets, options: NearOptions): LinearModel {
  return trainShared(sets, options, {
    share: () => 1,
    scale: (from, to) => 1 / (Math.sqrt(from * to) + options.shrinkage),
  })
}

/** How users in common become a weight. */
interface SharedUsersRule {
  /** What a user adds, by the users of the item looked from and the items of that user. */
  readonly share: (degree: number, items: number) => number
  /** What the sum is multiplied by, by the users of both items. */
  readonly scale: (from: number, to: number) => number
}

function trainShared(
  sets: ItemSets,
  options: SharedUsersOptions,
  rule: SharedUsersRule,
): LinearModel {
  const { itemCount, start, items } = sets
  const { start: userStart, users } = usersByItem(sets)
  const degreeOf = (item: number): number =>
    (userStart[item + 1] as number) - (userStart[item] as number)
  const sums = new Float64Array(itemCount)
  const touched = new Uint32Array(itemCount)
  const rows = new SparseRows()
  for (let item = 0; item < itemCount; item++) {
    const first = userStart[item] as number
    const degree = degreeOf(item)
    const step = Math.max(1, degree / options.usersPerItemMax)
    let count = 0
    for (let at = 0; at < degree; at += step) {
      const user = users[first + Math.floor(at)] as number
      const from = start[user] as number
      const to = start[user + 1] as number
      const share = step * rule.share(degree, to - from)
      for (let k = from; k < to; k++) {
        const other = items[k] as number
        if (sums[other] === 0) touched[count++] = other
        sums[other] = (sums[other] as number) + share
      }
    }
    for (let at = 0; at < count; at++) {
      const other = touched[at] as number
      sums[other] = (sums[other] as number) * rule.scale(degree, degreeOf(other))
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
