import type { Campaign, CampaignTerms } from './campaign.ts'
import type { OrderStatus } from './order-table.ts'

/** What somebody wants of the sale. Random numbers come with the command: the core makes none. */
export type Command =
  | { readonly kind: 'create'; readonly terms: CampaignTerms }
  | ChangeCommand
  | { readonly kind: 'pause' | 'resume' | 'close'; readonly productId: string }
  | PurchaseCommand
  | CartCommand
  | PayCommand
  | { readonly kind: 'cancel'; readonly orderId: string; readonly userId?: string }
  | ExpireCommand
  /** Ends one reservation whose time is over: one that was spared before. */
  | { readonly kind: 'lapse'; readonly slot: number }

/** Changes terms or stock; absent fields stay as they are. */
export interface ChangeCommand {
  readonly kind: 'change'
  readonly productId: string
  readonly stockDelta?: number
  readonly startsAtMs?: number
  readonly endsAtMs?: number
  readonly perUserLimit?: number
  readonly key?: string
}

/** Stands for a ticket that did not verify: never the number of one. */
export const badTicket = '!'

/** Buys units of one product. */
export interface PurchaseCommand {
  readonly kind: 'purchase'
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  /** Idempotency key; empty for none. */
  readonly key: string
  /** Number of a ticket whose signature was checked; empty for none, `badTicket` for a bad one. */
  readonly ticket: string
  /** Whole numbers in [0, 2^32). */
  readonly randomA: number
  readonly randomB: number
}

/** Buys several products, all or nothing. */
export interface CartCommand {
  readonly kind: 'cart'
  readonly userId: string
  readonly key: string
  readonly items: readonly {
    readonly productId: string
    readonly quantity: number
    /** As in a purchase; absent for none. */
    readonly ticket?: string
    readonly randomA: number
    readonly randomB: number
  }[]
}

/** A payment arrived. `userId` where the caller's identity must match the order's. */
export interface PayCommand {
  readonly kind: 'pay'
  readonly orderId: string
  readonly paymentId: string
  readonly userId?: string
  /** True where the reservation was spared at its deadline because this payment was under way. */
  readonly spared?: boolean
}

/** Ends reservations whose time is over. */
export interface ExpireCommand {
  readonly kind: 'expire'
  readonly most: number
  /** Slots to leave alone: a payment for them is under way. They are not come back to. */
  readonly spared?: Pick<ReadonlySet<number>, 'has'>
}

/** Why a purchase was refused. */
export type RefusalCode =
  | 'sold_out'
  | 'limit_reached'
  | 'product_not_found'
  | 'not_started'
  | 'ended'
  | 'paused'
  | 'ticket_required'
  | 'ticket_invalid'
  | 'idempotency_mismatch'
  | 'duplicate_request'
  | 'overloaded'

/** An order as it is now. */
export interface OrderView {
  readonly slot: number
  readonly orderId: string
  readonly userId: string
  readonly productId: string
  readonly epoch: number
  readonly quantity: number
  readonly status: OrderStatus
  readonly createdAtMs: number
  readonly expiresAtMs: number
  /** Empty where nothing was paid. */
  readonly paymentId: string
  /** Id of the first order of the same cart; empty where the order is alone. */
  readonly cartId: string
}

/** What came of a command. */
export type Outcome =
  | {
      readonly kind: 'reserved'
      readonly slot: number
      readonly orderId: string
      readonly expiresAtMs: number
      /** True where an idempotency key brought an answer given before. */
      readonly replayed: boolean
    }
  | { readonly kind: 'cart'; readonly slots: readonly number[]; readonly replayed: boolean }
  | {
      readonly kind: 'refused'
      readonly code: RefusalCode
      /** The campaign the refusal speaks of; -1 for none. */
      readonly campaign: number
      /** Line of the cart that was refused; 0 for a plain purchase. */
      readonly line: number
    }
  | { readonly kind: 'campaign'; readonly campaign: Campaign }
  | {
      readonly kind: 'order'
      readonly slot: number
      /** A payment id whose money must be sent back; empty for none. */
      readonly returnPayment: string
    }
  | { readonly kind: 'conflict'; readonly code: ConflictCode }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'expired'; readonly count: number; readonly more: boolean }

/** Why an administrator's or an owner's command was refused. */
export type ConflictCode =
  | 'campaign_exists'
  | 'campaign_closed'
  | 'below_sold'
  | 'stock_limit'
  | 'campaign_limit'
  | 'already_paid'
  | 'not_cancellable'
  | 'idempotency_mismatch'
  | 'invalid_window'
