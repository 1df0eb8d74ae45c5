import type { Context } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { Fault, shown } from '@spate/runtime/fault'
import { wireLimits, type FeaturesAnswer, type FeaturesBody } from '../contract.ts'
import { userNumbersOf } from '../domain/features/feature-vector.ts'
import type { Ingest } from '../ingest.ts'
import type { FeatureCache } from './feature-cache.ts'

/** What showing and setting features stands on. */
export interface FeatureParts {
  readonly features: FeatureCache
  readonly ingest: Ingest
  readonly clock: Clock
  /** Resolves once what was published before this call is applied, or after a short while. */
  readonly applied: () => Promise<void>
}

/** What is known of a user now; throws `invalid_field` for what is no id. */
export async function shownFeatures(
  { features, clock }: Pick<FeatureParts, 'features' | 'clock'>,
  userId: string,
): Promise<FeaturesAnswer> {
  checkId(userId)
  const { user, from } = await features.find(userId)
  return {
    userId,
    known: user.revision > 0,
    features: { ...userNumbersOf({ userId, user, nowMs: clock.now() }), ...user.attributes },
    categories: user.categories.map(([category, share]) => ({ category, share })),
    recent: user.recent,
    cache: from,
    ...(from === 'failed' ? { degraded: ['features'] } : {}),
  }
}

/** Says something of a user: durable first, then in the state, then in the cache. */
export async function putFeatures(
  parts: FeatureParts,
  userId: string,
  attributes: FeaturesBody['features'],
  context: Context,
): Promise<FeaturesAnswer> {
  checkId(userId)
  await parts.ingest.attributes(userId, attributes, context)
  await parts.applied()
  // A store that is down must not refuse what is durable already: `cache` then says `failed`.
  await parts.features.refresh(userId, context).catch(() => {})
  return shownFeatures(parts, userId)
}

function checkId(userId: string): void {
  const most = wireLimits.idLengthMax
  if (userId.length >= 1 && userId.length <= most) return
  const expected = `text of 1 to ${most} characters`
  throw new Fault('invalid_field', undefined, {
    fields: [{ field: 'userId', value: shown(userId), expected }],
  })
}
