import { closedReason, type Campaign, type CampaignTerms } from './campaign.ts'
import type { ChangeCommand, ConflictCode, Outcome } from './command.ts'
import type { Decision } from './purchase.ts'
import { adminUser } from './sale.ts'

/** Most units a campaign may have in all. */
export const stockMax = 1_000_000_000

const conflict = (code: ConflictCode): Outcome => ({ kind: 'conflict', code })
const done = (campaign: Campaign): Outcome => ({ kind: 'campaign', campaign })

/** Makes a campaign. A product has one at a time: the one before must be closed or over. */
export function create(decision: Decision, terms: CampaignTerms): Outcome {
  const { sale, limits, atMs, record } = decision
  if (terms.endsAtMs !== 0 && terms.endsAtMs <= Math.max(terms.startsAtMs, 0))
    return conflict('invalid_window')
  const before = sale.current.get(terms.productId)
  if (before && closedReason(before, atMs) !== 'ended') return conflict('campaign_exists')
  if (sale.campaigns.length >= limits.campaignsMax) return conflict('campaign_limit')
  if (before && before.state !== 'closed')
    record({ type: 'campaign.closed', atMs, campaign: before.index })
  record({ type: 'campaign.created', atMs, ...terms })
  return done(sale.current.get(terms.productId) as Campaign)
}

/** Changes stock, window or limit. Units already sold cannot be taken away. */
export function change(decision: Decision, command: ChangeCommand): Outcome {
  const { sale, atMs, record } = decision
  const campaign = sale.current.get(command.productId)
  if (!campaign) return { kind: 'not_found' }
  const key = command.key ?? ''
  const stockDelta = command.stockDelta ?? 0
  const entry = key === '' ? -1 : sale.keys.find(adminUser, key)
  if (entry >= 0) {
    const same = sale.keys.ref[entry] === campaign.index
    return same && sale.keys.asked[entry] === stockDelta >>> 0
      ? done(campaign)
      : conflict('idempotency_mismatch')
  }
  if (campaign.state === 'closed') return conflict('campaign_closed')
  if (campaign.remaining + stockDelta < 0) return conflict('below_sold')
  if (campaign.total + campaign.adjusted + stockDelta > stockMax) return conflict('stock_limit')
  const startsAtMs = command.startsAtMs ?? campaign.startsAtMs
  const endsAtMs = command.endsAtMs ?? campaign.endsAtMs
  if (endsAtMs !== 0 && endsAtMs <= startsAtMs) return conflict('invalid_window')
  const perUserLimit = command.perUserLimit ?? campaign.perUserLimit
  const changed =
    stockDelta !== 0 ||
    startsAtMs !== campaign.startsAtMs ||
    endsAtMs !== campaign.endsAtMs ||
    perUserLimit !== campaign.perUserLimit
  if (changed) {
    record({
      type: 'campaign.changed',
      atMs,
      campaign: campaign.index,
      stockDelta,
      startsAtMs,
      endsAtMs,
      perUserLimit,
      key,
    })
  }
  return done(campaign)
}

const events = {
  pause: { type: 'campaign.paused', state: 'paused' },
  resume: { type: 'campaign.resumed', state: 'open' },
  close: { type: 'campaign.closed', state: 'closed' },
} as const

/** Pauses, resumes or closes; doing it again changes nothing. A closed campaign stays closed. */
export function setState(
  { sale, atMs, record }: Decision,
  productId: string,
  kind: keyof typeof events,
): Outcome {
  const campaign = sale.current.get(productId)
  if (!campaign) return { kind: 'not_found' }
  const { type, state } = events[kind]
  if (campaign.state === state) return done(campaign)
  if (campaign.state === 'closed') return conflict('campaign_closed')
  record({ type, atMs, campaign: campaign.index })
  return done(campaign)
}
