/** What clients of a sale saw, and what the sale says in the end: the input of the checker. */

/** One answer as a client got it. `failed` says nothing about what happened. */
export type Answer =
  | { readonly kind: 'reserved'; readonly orderId: string }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'order'; readonly status: string }
  | { readonly kind: 'failed' }

/** An answer and the moment it came. */
export interface AnswerAt {
  readonly atMs: number
  readonly answer: Answer
}

/** One intent of a client: sent once or many times, answered any number of times, perhaps never. */
export interface Operation {
  readonly kind: 'purchase' | 'pay' | 'cancel'
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  /** Idempotency key of a purchase; empty for others. */
  readonly key: string
  /** Order of a payment or cancellation; empty for purchases. */
  readonly orderId: string
  readonly invokedMs: number
  /** In the order they came. */
  readonly answers: AnswerAt[]
}

/** An order as the sale shows it in the end. */
export interface FinalOrder {
  readonly orderId: string
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  readonly status: string
  readonly createdAtMs: number
}

/** What was on sale, on what terms; and the sale's own counters in the end, where it has them. */
export interface OnSale {
  readonly productId: string
  readonly stock: number
  readonly perUserLimit: number
  readonly startsAtMs: number
  readonly endsAtMs: number
  readonly counters?: {
    readonly remaining: number
    readonly reserved: number
    readonly paid: number
  }
}

/** A whole run. */
export interface History {
  readonly products: readonly OnSale[]
  readonly operations: readonly Operation[]
  readonly orders: readonly FinalOrder[]
  /** Time of the run's end: all reservations are past their deadline. */
  readonly endMs: number
  /** A reservation that is not paid has lapsed this long after it was made, ms. */
  readonly lapseMs: number
  /** How far the sale's clock may be from the observer's, ms. */
  readonly clockSlackMs: number
}

/** What the checker can find. */
export type ViolationKind =
  | 'oversold'
  | 'lost-order'
  | 'invented-order'
  | 'limit-exceeded'
  | 'key-answered-twice'
  | 'counters-wrong'
  | 'sold-outside-window'
  | 'false-sold-out'
  | 'refused-inside-window'
  | 'limbo'
  | 'payment-lost'
  | 'ended-by-a-stranger'
  | 'cannot-recover'

/** One broken promise. */
export interface Violation {
  readonly kind: ViolationKind
  readonly detail: string
}
