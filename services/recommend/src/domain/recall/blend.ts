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
  if (scale !== 0) total.addBoard(scores, scale)
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
  if (heapItems.length < Math.min(most, count)) {
    heapItems = new Uint32Array(Math.min(most, count))
    heapValues = new Float64Array(heapItems.length)
  }
  let size = 0
  // The worst of the chosen, once there are enough: what does not reach it is passed over.
  let bar = -Infinity
  for (let at = 0; at < count; at++) {
    const item = touched[at] as number
    const value = values[item] as number
    if (value < bar || most < 1) continue
    if (size === most && !isWorse(heapValues[0] as number, heapItems[0] as number, value, item))
      continue
    if (!allowed(item)) continue
    if (size < most) siftUp(size++, value, item)
    else siftDown(size, value, item)
    if (size === most) bar = heapValues[0] as number
  }
  const best: Ranked[] = Array.from({ length: size })
  while (size > 0) {
    best[--size] = { item: heapItems[0] as number, score: heapValues[0] as number }
    if (size > 0) siftDown(size, heapValues[size] as number, heapItems[size] as number)
  }
  return best
}

/** The chosen with their scores, worst on top; reused, because nothing is awaited while they are used. */
let heapItems = new Uint32Array(0)
let heapValues = new Float64Array(0)

function isWorse(x: number, a: number, y: number, b: number): boolean {
  return x < y || (x === y && a > b)
}

function siftUp(size: number, value: number, item: number): void {
  let at = size
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heapValues[parent] as number
    if (!isWorse(value, item, above, heapItems[parent] as number)) break
    heapValues[at] = above
    heapItems[at] = heapItems[parent] as number
    at = parent
  }
  heapValues[at] = value
  heapItems[at] = item
}

/** Puts `item` in place of the worst. */
function siftDown(size: number, value: number, item: number): void {
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= size) break
    let below = heapValues[child] as number
    if (child + 1 < size) {
      const other = heapValues[child + 1] as number
      if (isWorse(other, heapItems[child + 1] as number, below, heapItems[child] as number)) {
        child++
        below = other
      }
    }
    if (!isWorse(below, heapItems[child] as number, value, item)) break
    heapValues[at] = below
    heapItems[at] = heapItems[child] as number
    at = child
  }
  heapValues[at] = value
  heapItems[at] = item
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

/** The mixture for those nothing is known of. */
export const firstBlendForStrangers: Blend = [
  { voice: { channel: 'popular', span: 'fortnight', power: 0.5 }, weight: 1 },
  { voice: { channel: 'popular', span: 'ever', power: 0.5 }, weight: 0.5 },
  { voice: { channel: 'latest', halfLifeMs: 7 * dayMs }, weight: 0.25 },
]
