import type { RerankRules } from '../rerank/rerank.ts'

/** What a variant changes; what it leaves out is as the settings have it. */
export interface VariantRules {
  readonly diversity?: 'off' | 'mmr' | 'dpp'
  readonly diversityWeight?: number
  readonly exploration?: 'off' | 'epsilon' | 'thompson'
  readonly explorationShare?: number
}

/** One arm of an experiment. */
export interface Variant {
  readonly name: string
  /** Part of the experiment's users, against the other variants. */
  readonly share: number
  readonly rules: VariantRules
}

/** An experiment: some users of one layer, split over variants. The first variant is the control. */
export interface Experiment {
  readonly name: string
  /** Experiments of one layer share out its users; those of different layers are independent. */
  readonly layer: string
  /** Users of the layer that take part: a range of [0, 1). */
  readonly from: number
  readonly to: number
  readonly variants: readonly Variant[]
  readonly status: 'running' | 'stopped'
}

/** Where a user falls in [0, 1) under a salt: even, fixed, and independent from salt to salt. */
export function bucketOf(salt: string, userId: string): number {
  const text = `${salt}\n${userId}`
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  // The finaliser of murmur3: FNV alone leaves neighbours close to each other.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 4_294_967_296
}

/** The user's variant of a running experiment; undefined for users who take no part. O(variants). */
export function variantOf(experiment: Experiment, userId: string): Variant | undefined {
  if (experiment.status !== 'running') return undefined
  const place = bucketOf(`layer ${experiment.layer}`, userId)
  if (place < experiment.from || place >= experiment.to) return undefined
  const total = experiment.variants.reduce((sum, { share }) => sum + share, 0)
  let left = bucketOf(`experiment ${experiment.name}`, userId) * total
  for (const variant of experiment.variants) {
    left -= variant.share
    if (left < 0) return variant
  }
  return experiment.variants.at(-1)
}

/** The first free range of `traffic` in a layer; undefined where it is taken up. */
export function freeRange(
  experiments: Iterable<Experiment>,
  layer: string,
  traffic: number,
): { readonly from: number; readonly to: number } | undefined {
  const taken = [...experiments]
    .filter((each) => each.layer === layer && each.status === 'running')
    .sort((a, b) => a.from - b.from)
  let from = 0
  for (const each of taken) {
    if (each.from - from >= traffic - 1e-9) break
    from = each.to
  }
  return from + traffic <= 1 + 1e-9 ? { from, to: Math.min(1, from + traffic) } : undefined
}

/** The rules of the settings, changed as the variants of a user say; of two that differ the later. */
export function rulesUnder(
  rules: RerankRules,
  variants: readonly { readonly variant: Variant }[],
): RerankRules {
  let { diversity, exploration } = rules
  for (const { variant } of variants) {
    const said = variant.rules
    diversity = {
      kind: said.diversity ?? diversity.kind,
      weight: said.diversityWeight ?? diversity.weight,
    }
    exploration = {
      kind: said.exploration ?? exploration.kind,
      share: said.explorationShare ?? exploration.share,
    }
  }
  return { ...rules, diversity, exploration }
}
