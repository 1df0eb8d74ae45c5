/** What an administrator may do to a campaign changes this. */
export type CampaignState = 'open' | 'paused' | 'closed'

/** States by their number in events and snapshots; never reorder. */
export const campaignStates: readonly CampaignState[] = ['open', 'paused', 'closed']

/** Terms of a campaign that are fixed when it is made, or changed only by an event. */
export interface CampaignTerms {
  readonly productId: string
  /** Units at the start. */
  readonly stock: number
  /** Units one user may hold over the campaign's whole life. */
  readonly perUserLimit: number
  /** First ms at which a purchase is taken; 0 where it is open from the start. */
  readonly startsAtMs: number
  /** First ms at which a purchase is no longer taken; 0 where it has no end. */
  readonly endsAtMs: number
  /** Time a buyer has to pay, in ms; never changes, so deadlines are in order of making. */
  readonly reservationTtlMs: number
  readonly requireTicket: boolean
  readonly queue: boolean
  /** Leading zero bits of a proof of work; 0 where absent: none is asked for. */
  readonly proofBits?: number
  /** People of the waiting room let in a second; 0 where absent. */
  readonly admitPerSecond?: number
}

/** One flash sale of one product. Units: total + adjusted = remaining + reserved + paid, always. */
export interface Campaign {
  readonly index: number
  readonly productId: string
  /** 1 for the product's first campaign, then one more each time. */
  readonly epoch: number
  readonly createdAtMs: number
  readonly total: number
  readonly reservationTtlMs: number
  readonly requireTicket: boolean
  readonly queue: boolean
  readonly proofBits: number
  readonly admitPerSecond: number
  perUserLimit: number
  startsAtMs: number
  endsAtMs: number
  state: CampaignState
  /** Sum of all adjustments of the stock, in units; may be negative. */
  adjusted: number
  remaining: number
  /** Units in orders that wait for payment. */
  reserved: number
  /** Units in paid orders. */
  paid: number
  /** Units that came back by cancellation, expiry or refund, ever. */
  returned: number
  /** Orders ever made. */
  orders: number
  /** Changes each time the product becomes sold out or available again. */
  flagVersion: number
  /** Sequence of the last event that touched it. */
  lastSequence: number
  /** Oldest order that may still expire, and the newest order; slot + 1, 0 for none. */
  expiryHead: number
  expiryTail: number
}

/** A campaign as it is right after its `created` event. */
export function newCampaign(
  index: number,
  epoch: number,
  atMs: number,
  terms: CampaignTerms,
): Campaign {
  return {
    index,
    productId: terms.productId,
    epoch,
    createdAtMs: atMs,
    total: terms.stock,
    reservationTtlMs: terms.reservationTtlMs,
    requireTicket: terms.requireTicket,
    queue: terms.queue,
    proofBits: terms.proofBits ?? 0,
    admitPerSecond: terms.admitPerSecond ?? 0,
    perUserLimit: terms.perUserLimit,
    startsAtMs: terms.startsAtMs,
    endsAtMs: terms.endsAtMs,
    state: 'open',
    adjusted: 0,
    remaining: terms.stock,
    reserved: 0,
    paid: 0,
    returned: 0,
    orders: 0,
    flagVersion: 1,
    lastSequence: 0,
    expiryHead: 0,
    expiryTail: 0,
  }
}

/** Why a purchase cannot be taken at `nowMs`, whatever the stock; undefined where it can. */
export function closedReason(
  campaign: Campaign,
  nowMs: number,
): 'ended' | 'paused' | 'not_started' | undefined {
  if (campaign.state === 'closed') return 'ended'
  if (campaign.endsAtMs !== 0 && nowMs >= campaign.endsAtMs) return 'ended'
  if (campaign.state === 'paused') return 'paused'
  if (campaign.startsAtMs !== 0 && nowMs < campaign.startsAtMs) return 'not_started'
  return undefined
}
