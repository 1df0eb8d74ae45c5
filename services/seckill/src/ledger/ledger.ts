import type { Campaign } from '../domain/campaign.ts'
import type { Command, OrderView, Outcome } from '../domain/command.ts'
import type { Fault } from '@spate/runtime/fault'

/** A purchase as it comes in; the ledger adds the random part of the order's id. */
export interface PurchaseRequest {
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  /** Idempotency key; empty for none. */
  readonly key: string
  /** Number of a ticket whose signature was checked; empty for none, `badTicket` for a bad one. */
  readonly ticket: string
}

/** A cart as it comes in. */
export interface CartRequest {
  readonly userId: string
  readonly key: string
  readonly items: readonly {
    readonly productId: string
    readonly quantity: number
    /** As in a purchase; absent for none. */
    readonly ticket?: string
  }[]
}

/** Commands other than purchases. */
export type PlainCommand = Exclude<Command, { kind: 'purchase' | 'cart' }>

/** One durable record of the log: the events of one turn. */
export interface FeedRecord {
  readonly record: number
  readonly payload: Uint8Array
}

/** The durable log, for those who follow it: order store, outbox, audit. */
export interface LedgerFeed {
  /** Newest record that survives a power cut. */
  readonly durableRecord: number
  /** Durable records from `from` on, until `bytesMax` are taken; empty where there are none. */
  read(from: number, bytesMax: number): Promise<readonly FeedRecord[]>
  /** Calls `task` after each append that became durable; returns how to stop. */
  onDurable(task: () => void): () => void
}

/** What an audit compares: counts by campaign, straight from the state. */
export interface LedgerCounters {
  readonly sequence: number
  readonly durableSequence: number
  readonly orders: number
  readonly users: number
  readonly campaigns: number
  /** Bytes the state's tables hold. */
  readonly bytes: number
  readonly appends: number
  readonly syncs: number
  readonly immediateRefusals: number
}

/**
 * The book of the sale. An outcome that changed something, or that rests on something not yet
 * durable, is a promise that resolves after fdatasync; other refusals are answered at once.
 * Throws or rejects with `store_unavailable`, `disk_full`, `disk_failed` or `overloaded`.
 */
export interface Ledger {
  purchase(request: PurchaseRequest): Outcome | Promise<Outcome>
  cart(request: CartRequest): Outcome | Promise<Outcome>
  run(command: PlainCommand): Outcome | Promise<Outcome>
  /** The newest campaign of a product; undefined where there never was one. Read only. */
  campaign(productId: string): Readonly<Campaign> | undefined
  campaigns(): readonly Readonly<Campaign>[]
  /** An order that is durable; undefined where there is none with this id. */
  order(orderId: string): OrderView | undefined
  /** Durable orders of a user, newest first, at most `most`, older than slot `before`. */
  ordersOf(userId: string, most: number, before?: number): readonly OrderView[]
  /** Store time, ms since the Unix epoch. */
  now(): number
  readonly feed: LedgerFeed
  readonly counters: LedgerCounters
  /** Hash of the chain after the last event taken, in hex. */
  readonly chainHead: string
  /** Why nothing is taken any more; undefined while it works. */
  readonly failure: Fault | undefined
  close(): Promise<void>
}
