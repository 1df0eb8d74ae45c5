import type { Ranked } from '../recall/blend.ts'

/** Mean and deviation of the scores; a deviation of 0 is given as 1. */
export function spreadOf(ranked: readonly Ranked[]): {
  readonly mean: number
  readonly deviation: number
} {
  let sum = 0
  let squares = 0
  for (const { score } of ranked) {
    sum += score
    squares += score * score
  }
  const mean = ranked.length === 0 ? 0 : sum / ranked.length
  const variance = ranked.length === 0 ? 0 : squares / ranked.length - mean * mean
  return { mean, deviation: variance > 1e-24 ? Math.sqrt(variance) : 1 }
}

/**
 * `ranked` with its first `values.length` items ordered by `values`, greatest first, equals as they
 * were; those behind keep their order below them.
 */
export function mixed(ranked: readonly Ranked[], values: ArrayLike<number>): readonly Ranked[] {
  const order = descending(values)
  const list: Ranked[] = []
  for (const at of order)
    list.push({ item: (ranked[at] as Ranked).item, score: values[at] as number })
  let least = list.at(-1)?.score ?? Infinity
  for (let at = values.length; at < ranked.length; at++) {
    least -= 1e-6
    list.push({ item: (ranked[at] as Ranked).item, score: least })
  }
  return list
}

/**
 * The places of `values`, that of the greatest first, equals as they stood: a merge sort from below
 * on whole numbers, which calls no comparison. O(n log n).
 */
function descending(values: ArrayLike<number>): Uint32Array {
  const count = values.length
  let from = Uint32Array.from({ length: count }, (_, at) => at)
  let to = new Uint32Array(count)
  for (let width = 1; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      const middle = Math.min(start + width, count)
      const end = Math.min(start + 2 * width, count)
      let left = start
      let right = middle
      for (let at = start; at < end; at++) {
        const takesLeft =
          left < middle &&
          (right >= end ||
            (values[from[left] as number] as number) >= (values[from[right] as number] as number))
        to[at] = (takesLeft ? from[left++] : from[right++]) as number
      }
    }
    ;[from, to] = [to, from]
  }
  return from
}
