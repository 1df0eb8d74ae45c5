import { metricNames } from '@spate/telemetry/names'
import type { MetricRegistry } from '@spate/telemetry/metrics'
import type { Feedback } from './domain/rank/feedback.ts'
import type { RecommendState } from './domain/state.ts'
import type { FeatureCache } from './features/feature-cache.ts'

/** What the figures are read from. */
export interface HeldParts {
  readonly state: RecommendState
  readonly features: FeatureCache
  readonly feedback: Feedback
}

/** What each bounded structure holds now. */
export function heldBy({
  state,
  feedback,
}: Pick<HeldParts, 'state' | 'feedback'>): Readonly<Record<string, number>> {
  return {
    items: state.catalogue.size,
    users: state.histories.users,
    events: state.histories.events,
    event_ids: state.eventIds.size,
    pairs: state.covisitation.pairs,
    content_terms: state.content.terms,
    latest: state.latest.size,
    served_lists: feedback.ranker.lists,
    early_lists: feedback.early.held,
    arms: feedback.arms.size,
    experiment_users: feedback.experiments.users,
    choices: feedback.experiments.choices.held,
  }
}

/** What had to make room in each, or was turned away, since this process began. */
export function evictedFrom({
  state,
  feedback,
}: Pick<HeldParts, 'state' | 'feedback'>): Readonly<Record<string, number>> {
  return {
    items: state.catalogue.refused,
    users: state.histories.evictions,
    events: state.histories.eventsDropped,
    event_ids: state.eventIds.forgotten,
    pairs: state.covisitation.pairsDropped,
    content_terms: state.content.termsRefused,
    served_lists: feedback.ranker.listsDropped,
    early_lists: feedback.early.dropped,
    arms: feedback.arms.evicted,
    experiment_users: feedback.experiments.usersRefused,
    choices: feedback.experiments.choices.dropped,
  }
}

/** Publishes both, and what the feature cache does; costs nothing until metrics are read. */
export function publishHeld(metrics: MetricRegistry, parts: HeldParts): () => void {
  const held = metrics.gauge(metricNames.recommendHeld)
  const evicted = metrics.counter(metricNames.recommendEvicted)
  const lookups = metrics.counter(metricNames.featureLookups)
  return metrics.observe(() => {
    for (const [structure, count] of Object.entries(heldBy(parts)))
      held.series({ 'recommend.structure': structure }).set(count)
    for (const [structure, count] of Object.entries(evictedFrom(parts)))
      evicted.series({ 'recommend.structure': structure }).observe(count)
    for (const outcome of ['hit', 'miss', 'stale', 'failed'] as const)
      lookups.series({ outcome }).observe(parts.features.counts[outcome])
  })
}
