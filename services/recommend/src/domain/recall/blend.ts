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
  addScaled(total, scores, scaleOf(scores, weight, items))
}

/** What scores are multiplied by to be of unit deviation times `weight`; 0 where no item stands out. */
export function scaleOf(scores: Scores, weight: number, items: number): number {
  const deviation = scores.deviation(items)
  return deviation === 0 ? 0 : weight / deviation
}

/** Adds `scale` times `scores` to `total`. O(touched). */
export function addScaled(total: Scores, scores: Scores, scale: number): void {
  if (scale === 0) return
  const { touched, values, count } = scores
  for (let at = 0; at < count; at++) {
    const item = touched[at] as number
    total.add(item, scale * (values[item] as number))
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
  const { values, touched, count } = scores
  if (heapRoom.length < Math.min(most, count)) heapRoom = new Uint32Array(Math.min(most, count))
  const heap = heapRoom
  let size = 0
  // The worst of the chosen, once there are enough: what does not reach it is passed over.
  let bar = -Infinity
  for (let at = 0; at < count; at++) {
    const item = touched[at] as number
    if ((values[item] as number) < bar || most < 1) continue
    if (size === most && !isWorse(values, heap[0] as number, item)) continue
    if (!allowed(item)) continue
    if (size < most) siftUp(values, heap, size++, item)
    else siftDown(values, heap, size, item)
    if (size === most) bar = values[heap[0] as number] as number
  }
  const best: Ranked[] = []
  while (size > 0) {
    const item = heap[0] as number
    best.push({ item, score: values[item] as number })
    const last = heap[--size] as number
    if (size > 0) siftDown(values, heap, size, last)
  }
  return best.reverse()
}

/** Room for the chosen, worst on top; reused, because nothing is awaited while it is used. */
let heapRoom = new Uint32Array(0)

function isWorse(values: Float64Array, a: number, b: number): boolean {
  const x = values[a] as number
  const y = values[b] as number
  return x < y || (x === y && a > b)
}

function siftUp(values: Float64Array, heap: Uint32Array, size: number, item: number): void {
  let at = size
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isWorse(values, item, heap[parent] as number)) break
    heap[at] = heap[parent] as number
    at = parent
  }
  heap[at] = item
}

/** Puts `item` in place of the worst. */
function siftDown(values: Float64Array, heap: Uint32Array, size: number, item: number): void {
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= size) break
    if (child + 1 < size && isWorse(values, heap[child + 1] as number, heap[child] as number))
      child++
    if (!isWorse(values, heap[child] as number, item)) break
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
