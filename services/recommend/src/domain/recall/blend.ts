import type { Voice } from './knowledge.ts'
import type { Scores } from './scores.ts'

/** A voice and how loud it is. */
export interface BlendPart {
  readonly voice: Voice
  readonly weight: number
}

/** Voices that are added up. Which, and how loud, is chosen on a validation split of the data. */
export type Blend = readonly BlendPart[]

/**
 * Adds `scores`, brought to unit deviation over `items` items and times `weight`, to `total`.
 * Adding up z-scores without their means: the means would move all items alike.
 */
export function addNormalised(total: Scores, scores: Scores, weight: number, items: number): void {
  const deviation = scores.deviation(items)
  if (deviation === 0) return
  const scale = weight / deviation
  for (let at = 0; at < scores.count; at++) {
    const item = scores.touched[at] as number
    total.add(item, scale * (scores.values[item] as number))
  }
}

/** An item and its score. */
export interface Ranked {
  readonly item: number
  readonly score: number
}

/**
 * The `most` best items of `scores` that pass `allowed`, best first; among equals the lower item,
 * so equal questions get equal answers. O(touched log most).
 */
export function topOf(scores: Scores, most: number, allowed: (item: number) => boolean): Ranked[] {
  const heap: number[] = []
  const { values, touched } = scores
  const worse = (a: number, b: number): boolean => {
    const x = values[a] as number
    const y = values[b] as number
    return x < y || (x === y && a > b)
  }
  for (let at = 0; at < scores.count; at++) {
    const item = touched[at] as number
    if (heap.length === most && !worse(heap[0] as number, item)) continue
    if (!allowed(item)) continue
    if (heap.length < most) siftUp(heap, item, worse)
    else siftDown(heap, item, worse)
  }
  return heap
    .sort((a, b) => (worse(a, b) ? 1 : -1))
    .map((item) => ({ item, score: values[item] as number }))
}

function siftUp(heap: number[], item: number, worse: (a: number, b: number) => boolean): void {
  let at = heap.length
  heap.push(item)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!worse(item, heap[parent] as number)) break
    heap[at] = heap[parent] as number
    at = parent
  }
  heap[at] = item
}

/** Puts `item` in place of the worst. */
function siftDown(heap: number[], item: number, worse: (a: number, b: number) => boolean): void {
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && worse(heap[child + 1] as number, heap[child] as number)) child++
    if (!worse(heap[child] as number, item)) break
    heap[at] = heap[child] as number
    at = child
  }
  heap[at] = item
}

const dayMs = 86_400_000

/** What serves before the engine has data to choose by: the shop's usual mixture. */
export const firstBlend: Blend = [
  { voice: { channel: 'ease', profile: { kind: 'time', halfLifeMs: 90 * dayMs } }, weight: 1 },
  { voice: { channel: 'covisitation', profile: { kind: 'position', factor: 0.8 } }, weight: 1 },
  { voice: { channel: 'popular', span: 'fortnight', power: 0.5 }, weight: 0.5 },
  { voice: { channel: 'content', profile: { kind: 'position', factor: 0.8 } }, weight: 0.5 },
  { voice: { channel: 'latest', halfLifeMs: 7 * dayMs }, weight: 0.1 },
]

/** The mixture for lists that may repeat what the user had before. */
export const firstBlendWithRepeats: Blend = [
  ...firstBlend,
  { voice: { channel: 'again', profile: { kind: 'time', halfLifeMs: 90 * dayMs } }, weight: 2 },
]
