import type { Interactions } from './interactions.ts'
import { emptyLinearModel, SparseRows, type LinearModel } from './linear-model.ts'
import { strongest } from './walk.ts'

/** Shape of the table of steps. */
export interface FollowOptions {
  /** Items kept that follow an item. */
  readonly rowMax: number
  /** Steps added to an item's own, so that one that was left once does not look certain. */
  readonly prior: number
}

/** Shipped shape. */
export const followDefaults: FollowOptions = { rowMax: 200, prior: 3 }

/**
 * Steps from an item to the very next one, as a share of all steps from it (a Markov chain of first
 * order): what leads where paths matter and tastes do not. Every weight is of steps that were taken.
 * O(events); memory is bounded by items x rowMax.
 */
export function trainFollow(interactions: Interactions, options: FollowOptions): LinearModel {
  const { start, items, itemCount } = interactions
  const { offsets, nexts } = stepsOf(start, items, itemCount)
  const counts = new Float64Array(itemCount)
  const touched = new Uint32Array(itemCount)
  const rows = new SparseRows()
  for (let item = 0; item < itemCount; item++) {
    const first = offsets[item] as number
    const end = offsets[item + 1] as number
    let count = 0
    for (let at = first; at < end; at++) {
      const next = nexts[at] as number
      if (counts[next] === 0) touched[count++] = next
      counts[next] = (counts[next] as number) + 1
    }
    const all = end - first + options.prior
    for (const next of strongest(touched.subarray(0, count), counts, options.rowMax))
      rows.add(next, (counts[next] as number) / all)
    rows.endRow()
    for (let at = 0; at < count; at++) counts[touched[at] as number] = 0
  }
  return { ...emptyLinearModel(itemCount), ...rows.finish() }
}

/** The steps from each item, item by item; a step from an item to itself leads nowhere. */
function stepsOf(
  start: Uint32Array,
  items: Uint32Array,
  itemCount: number,
): { readonly offsets: Uint32Array; readonly nexts: Uint32Array } {
  const offsets = new Uint32Array(itemCount + 1)
  eachStep(start, items, (from) => {
    offsets[from + 1] = (offsets[from + 1] as number) + 1
  })
  for (let item = 0; item < itemCount; item++)
    offsets[item + 1] = (offsets[item + 1] as number) + (offsets[item] as number)
  const free = offsets.slice()
  const nexts = new Uint32Array(offsets[itemCount] as number)
  eachStep(start, items, (from, to) => {
    const at = free[from] as number
    nexts[at] = to
    free[from] = at + 1
  })
  return { offsets, nexts }
}

function eachStep(
  start: Uint32Array,
  items: Uint32Array,
  take: (from: number, to: number) => void,
): void {
  for (let user = 0; user + 1 < start.length; user++)
    for (let at = (start[user] as number) + 1; at < (start[user + 1] as number); at++) {
      const from = items[at - 1] as number
      const to = items[at] as number
      if (from !== to) take(from, to)
    }
}
