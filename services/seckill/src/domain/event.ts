import type { CampaignTerms } from './campaign.ts'

/**
 * What happened, as it stands in the log. Events are numbered from 1 without gaps; an order is
 * named by its slot, a campaign by its index: both follow from the events before.
 */
export type SaleEvent =
  | ({ readonly type: 'campaign.created'; readonly atMs: number } & CampaignTerms)
  | CampaignChanged
  | CampaignStateSet
  | OrderReserved
  | CartReserved
  | OrderPaid
  | OrderEnded
  | PaymentReturned
  | PurchaseRefused

/** Terms or stock were changed; fields keep their value where they did not change. */
export interface CampaignChanged {
  readonly type: 'campaign.changed'
  readonly atMs: number
  readonly campaign: number
  readonly stockDelta: number
  readonly startsAtMs: number
  readonly endsAtMs: number
  readonly perUserLimit: number
  /** Idempotency key of the administrator; empty where there was none. */
  readonly key: string
}

/** The campaign was paused, resumed or closed. */
export interface CampaignStateSet {
  readonly type: 'campaign.paused' | 'campaign.resumed' | 'campaign.closed'
  readonly atMs: number
  readonly campaign: number
}

/** A user holds `quantity` units until the campaign's time to pay is over. */
export interface OrderReserved {
  readonly type: 'order.reserved'
  readonly atMs: number
  readonly campaign: number
  readonly userId: string
  readonly quantity: number
  readonly randomA: number
  readonly randomB: number
  /** Idempotency key; empty where there was none. */
  readonly key: string
  /** Number of the one-shot ticket that was spent; empty where none was needed. */
  readonly ticket: string
}

/** One line of a cart. */
export interface CartLine {
  readonly campaign: number
  readonly quantity: number
  readonly randomA: number
  readonly randomB: number
  /** Number of the one-shot ticket that was spent; empty where none was needed. */
  readonly ticket: string
}

/** Several orders made as one: all or none. Their slots follow each other. */
export interface CartReserved {
  readonly type: 'cart.reserved'
  readonly atMs: number
  readonly userId: string
  readonly key: string
  readonly lines: readonly CartLine[]
}

/** A reservation was paid; with `reinstated`, after it had expired, out of the stock left. */
export interface OrderPaid {
  readonly type: 'order.paid'
  readonly atMs: number
  readonly order: number
  readonly reinstated: boolean
  readonly paymentId: string
}

/** An order ended: given up, not paid in time, or paid and given back. */
export interface OrderEnded {
  readonly type: 'order.cancelled' | 'order.expired' | 'order.refunded'
  readonly atMs: number
  readonly order: number
}

/** A payment came for an order that can no longer take it: the money must go back. */
export interface PaymentReturned {
  readonly type: 'payment.returned'
  readonly atMs: number
  readonly order: number
  readonly paymentId: string
}

/** A purchase under an idempotency key was refused for good; the same key gets the same answer. */
export interface PurchaseRefused {
  readonly type: 'purchase.refused'
  readonly atMs: number
  readonly campaign: number
  readonly userId: string
  readonly key: string
  readonly code: 'sold_out' | 'limit_reached'
  /** What was asked for: the quantity, or a hash of a cart's lines. */
  readonly asked: number
  readonly cart: boolean
}
