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
  const head: Ranked[] = []
  let least = Infinity
  for (let at = 0; at < values.length; at++) {
    const score = values[at] as number
    head.push({ item: (ranked[at] as Ranked).item, score })
    least = Math.min(least, score)
  }
  head.sort((a, b) => b.score - a.score)
  for (let at = values.length; at < ranked.length; at++) {
    least -= 1e-6
    head.push({ item: (ranked[at] as Ranked).item, score: least })
  }
  return head
}
