import type { Catalogue } from '../catalogue.ts'
import { featureNames, type FeatureQuestion, type FeatureRows } from '../features/feature-vector.ts'
import { tokenNames } from '../features/token.ts'
import type { Ranked } from '../recall/blend.ts'
import type { Placed, Placement } from '../rerank/rerank.ts'
import { spreadOf } from './mixing.ts'

/** One item of a list as it was served. */
export interface ServedItem {
  readonly itemId: string
  /** Score of the mixture of channels, in deviations from the mean of the candidates. */
  readonly score: number
  readonly propensity: number
  readonly placement: Placement
}

/**
 * A list as it was served, with the very feature vectors it was ranked by: what models learn from
 * and experiments are judged by. Nothing is worked out again afterwards, so nothing can differ.
 */
export interface ServedList {
  readonly requestId: string
  readonly userId: string
  readonly atMs: number
  readonly model: string
  /** Variant by experiment. */
  readonly variants: Readonly<Record<string, string>>
  readonly items: readonly ServedItem[]
  /** A row for each item. */
  readonly features: FeatureRows
}

/** The list as it is kept; scores are brought to unit deviation over all candidates. */
export function servedListOf(made: {
  readonly requestId: string
  readonly model: string
  readonly question: FeatureQuestion
  readonly merged: readonly Ranked[]
  readonly chosen: readonly Placed[]
  readonly features: FeatureRows
  readonly catalogue: Catalogue
  readonly variants: Readonly<Record<string, string>>
}): ServedList {
  const { mean, deviation } = spreadOf(made.merged)
  const scores = new Map(made.merged.map(({ item, score }) => [item, score]))
  return {
    requestId: made.requestId,
    userId: made.question.userId,
    atMs: made.question.nowMs,
    model: made.model,
    variants: made.variants,
    items: made.chosen.map(({ item, propensity, placement }) => ({
      itemId: made.catalogue.at(item)?.itemId ?? '',
      score: ((scores.get(item) ?? mean - deviation) - mean) / deviation,
      propensity,
      placement,
    })),
    features: made.features,
  }
}

/**
 * A served list as bytes: the length of the head, the head as JSON, then numbers and tokens as
 * little-endian words. About 3.6 KB for 20 items.
 */
export function encodeServed(list: ServedList): Uint8Array {
  const { features, ...head } = list
  const json = Buffer.from(JSON.stringify(head))
  const start = 4 + json.length + ((4 - (json.length & 3)) & 3)
  const bytes = Buffer.alloc(start + 4 * (features.numbers.length + features.tokens.length), 0x20)
  bytes.writeUInt32LE(json.length, 0)
  json.copy(bytes, 4)
  bytes.set(bytesOf(features.numbers), start)
  bytes.set(bytesOf(features.tokens), start + features.numbers.byteLength)
  return bytes
}

/** Reads what `encodeServed` wrote; undefined where it is something else. */
export function decodeServed(bytes: Uint8Array): ServedList | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < 4) return undefined
  const length = view.getUint32(0, true)
  const start = 4 + length + ((4 - (length & 3)) & 3)
  if (start > bytes.length) return undefined
  const head = readHead(bytes.subarray(4, 4 + length))
  if (head === undefined) return undefined
  const rows = head.items.length
  const numbers = rows * featureNames.length
  const tokens = rows * tokenNames.length
  // Rows of another definition of features teach nothing.
  if (bytes.length !== start + 4 * (numbers + tokens)) return undefined
  // A copy: aligned, and it does not keep the whole batch of the log alive.
  const words = new Uint8Array(bytes.subarray(start))
  const features = {
    rows,
    numbers: new Float32Array(words.buffer, 0, numbers),
    tokens: new Uint32Array(words.buffer, 4 * numbers, tokens),
  }
  return { ...head, features }
}

type Head = Omit<ServedList, 'features'>

function readHead(bytes: Uint8Array): Head | undefined {
  try {
    const head = JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<Head> | null
    const fits =
      typeof head?.requestId === 'string' &&
      typeof head.userId === 'string' &&
      Number.isFinite(head.atMs) &&
      typeof head.variants === 'object' &&
      Array.isArray(head.items)
    return fits ? (head as Head) : undefined
  } catch {
    // Not JSON: the caller counts it as skipped.
    return undefined
  }
}

function bytesOf(words: Float32Array | Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}
