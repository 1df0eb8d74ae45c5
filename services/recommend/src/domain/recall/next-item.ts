import { SymmetricMatrix } from './inverse.ts'
import { placesOf, type Interactions } from './interactions.ts'
import { emptyLinearModel, type LinearModel } from './linear-model.ts'

/** Shape of the next-item regression. */
export interface NextItemOptions {
  readonly lambda: number
  /** Past items that speak, each `pastFactor` times as loud as the one after it. */
  readonly past: number
  readonly pastFactor: number
  /** Coming items that are predicted, each `comingFactor` times as much as the one before it. */
  readonly coming: number
  readonly comingFactor: number
}

/** Shipped shape. */
export const nextItemDefaults: NextItemOptions = {
  lambda: 100,
  past: 10,
  pastFactor: 0.75,
  coming: 3,
  comingFactor: 0.5,
}

/**
 * Ridge regression from what came before to what comes next: B = (X'X + lambda I)^-1 X'Y, one row of
 * X and Y for every place in every history. Knows order, where EASE does not (compare SLIST, Choi
 * et al., WWW 2021). O(events x past^2 + head^3).
 */
export function trainNextItem(
  interactions: Interactions,
  head: Uint32Array,
  options: NextItemOptions,
): LinearModel {
  const size = head.length
  const placeOf = placesOf(head, interactions.itemCount)
  const matrix = new SymmetricMatrix(size)
  const target = new Float32Array(matrix.stride * matrix.stride)
  accumulate(interactions, placeOf, options, { matrix, target })
  for (let at = 0; at < size; at++) matrix.add(at, at, options.lambda)
  matrix.invert()
  const dense = matrix.multiplied(target)
  return { ...emptyLinearModel(interactions.itemCount), head, placeOf, dense }
}

/** Adds X'X to `matrix` and X'Y to `target` (row-major by the matrix's stride). */
function accumulate(
  interactions: Interactions,
  placeOf: Int32Array,
  options: NextItemOptions,
  out: { readonly matrix: SymmetricMatrix; readonly target: Float32Array },
): void {
  const { start, items } = interactions
  const { numbers, stride } = out.matrix
  const pastWeights = Float64Array.from({ length: options.past }, (_, k) => options.pastFactor ** k)
  const comingWeights = Float64Array.from(
    { length: options.coming },
    (_, k) => options.comingFactor ** k,
  )
  const run = new Int32Array(items.length)
  for (let user = 0; user + 1 < start.length; user++) {
    let length = 0
    for (let at = start[user] as number; at < (start[user + 1] as number); at++) {
      const place = placeOf[items[at] as number] as number
      if (place >= 0 && (length === 0 || run[length - 1] !== place)) run[length++] = place
    }
    for (let now = 1; now < length; now++) {
      const depth = Math.min(options.past, now)
      const reach = Math.min(options.coming, length - now)
      for (let a = 0; a < depth; a++) {
        const place = run[now - 1 - a] as number
        const weight = pastWeights[a] as number
        for (let b = 0; b < depth; b++) {
          const other = run[now - 1 - b] as number
          if (other > place) continue
          const at = place * stride + other
          numbers[at] = (numbers[at] as number) + weight * (pastWeights[b] as number)
        }
        for (let c = 0; c < reach; c++) {
          const at = place * stride + (run[now + c] as number)
          out.target[at] = (out.target[at] as number) + weight * (comingWeights[c] as number)
        }
      }
    }
  }
}
