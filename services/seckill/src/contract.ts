import Type, { type TString, type TUnsafe } from 'typebox'
import type { OrderStatus } from './domain/order-table.ts'
import { proofBitsMax } from './gate/domain/proof.ts'

/** Wire types of the flash sale: what callers send and get. */

/** Longest user id, product id, idempotency key and payment id, in characters. */
export const idLengthMax = 128
/** Most units in one purchase. */
export const quantityMax = 1_000_000
/** Most lines of a cart. */
export const cartLinesMax = 20

const id = (what: string): TString =>
  Type.String({
    minLength: 1,
    maxLength: idLengthMax,
    // oxlint-disable-next-line no-control-regex
    pattern: '^[^\\u0000-\\u001f\\u007f]+$',
    expected: `${what}: 1 to ${idLengthMax} characters, none of them a control character`,
  })

/** Schema of a user id. */
export const userId: TString = id('a user id')
/** Schema of a product id. */
export const productId: TString = id('a product id')
const quantity = Type.Integer({ minimum: 1, maximum: quantityMax })

/** A moment as a caller writes it: ISO 8601 with a zone, or ms since the Unix epoch; null for none. */
export type Moment = string | number | null

const moment = Type.Unsafe<Moment>({
  anyOf: [
    {
      type: 'string',
      pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,9})?)?(Z|[+-]\\d\\d:\\d\\d)$',
    },
    { type: 'integer', minimum: 0, maximum: 135_000_000_000_000 },
    { type: 'null' },
  ],
  expected: 'a moment like 2026-11-23T09:00:00Z, ms since 1970, or null',
})

/** Body of `POST /seckill/campaigns`. */
export interface CreateBody {
  readonly productId: string
  readonly stock: number
  readonly perUserLimit?: number
  readonly startsAt?: Moment
  readonly endsAt?: Moment
  readonly reservationTtlMs?: number
  readonly requireTicket?: boolean
  readonly queue?: boolean
  /** Leading zero bits of the proof of work that tickets and places cost. */
  readonly proofBits?: number
  /** People let in from the waiting room a second. */
  readonly admitPerSecond?: number
}

/** Schema of `CreateBody`. */
export const createBody: TUnsafe<CreateBody> = Type.Unsafe<CreateBody>(
  Type.Object({
    productId,
    stock: Type.Integer({ minimum: 0, maximum: 1_000_000_000 }),
    perUserLimit: Type.Optional(Type.Integer({ minimum: 1, maximum: quantityMax })),
    startsAt: Type.Optional(moment),
    endsAt: Type.Optional(moment),
    reservationTtlMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 2_592_000_000 })),
    requireTicket: Type.Optional(Type.Boolean()),
    queue: Type.Optional(Type.Boolean()),
    proofBits: Type.Optional(Type.Integer({ minimum: 0, maximum: proofBitsMax })),
    admitPerSecond: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  }),
)

/** Body of `PATCH /seckill/campaigns/{productId}`. */
export interface ChangeBody {
  readonly stockDelta?: number
  readonly startsAt?: Moment
  readonly endsAt?: Moment
  readonly perUserLimit?: number
}

/** Schema of `ChangeBody`. */
export const changeBody: TUnsafe<ChangeBody> = Type.Unsafe<ChangeBody>(
  Type.Object({
    stockDelta: Type.Optional(Type.Integer({ minimum: -1_000_000_000, maximum: 1_000_000_000 })),
    startsAt: Type.Optional(moment),
    endsAt: Type.Optional(moment),
    perUserLimit: Type.Optional(Type.Integer({ minimum: 1, maximum: quantityMax })),
  }),
)

/** Body of `POST /seckill/purchase`; `userId` is needed unless identity comes from elsewhere. */
export interface PurchaseBody {
  readonly userId?: string
  readonly productId: string
  /** Default 1. */
  readonly quantity?: number
}

/** Schema of `PurchaseBody`. */
export const purchaseBody: TUnsafe<PurchaseBody> = Type.Unsafe<PurchaseBody>(
  Type.Object({
    userId: Type.Optional(userId),
    productId,
    quantity: Type.Optional(quantity),
  }),
)

/** Body of `POST /seckill/carts`. */
export interface CartBody {
  readonly userId?: string
  readonly items: readonly { readonly productId: string; readonly quantity?: number }[]
}

/** Schema of `CartBody`. */
export const cartBody: TUnsafe<CartBody> = Type.Unsafe<CartBody>(
  Type.Object({
    userId: Type.Optional(userId),
    items: Type.Array(Type.Object({ productId, quantity: Type.Optional(quantity) }), {
      minItems: 1,
      maxItems: cartLinesMax,
    }),
  }),
)

/** Body of `POST /seckill/orders/{orderId}/pay`. */
export interface PayBody {
  readonly paymentId: string
  readonly userId?: string
}

/** Body of `POST /seckill/payments/webhook`. */
export interface WebhookBody {
  /** `payment.pending`, `payment.succeeded` or `payment.failed`; others are taken and ignored. */
  readonly type: string
  readonly data: { readonly orderId: string; readonly paymentId: string }
}

/** Schema of `WebhookBody`. */
export const webhookBody: TUnsafe<WebhookBody> = Type.Unsafe<WebhookBody>(
  Type.Object({
    type: Type.String({ minLength: 1, maxLength: 64 }),
    data: Type.Object({ orderId: id('an order id'), paymentId: id('a payment id') }),
  }),
)

/** Path of calls on one dead letter. */
export const letterParams: TUnsafe<{ readonly id: string }> = Type.Unsafe<{ readonly id: string }>(
  Type.Object({ id: Type.String({ pattern: '^[1-9]\\d{0,14}$', expected: "a letter's number" }) }),
)

/** What became of a dead letter. */
export type LetterState = 'open' | 'retried' | 'compensated' | 'discarded'

/** Query of `GET /seckill/dead-letters`. */
export interface LettersQuery {
  readonly state?: LetterState
  /** Letters a page. Default 100. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly cursor?: number
}

/** Schema of `LettersQuery`. */
export const lettersQuery: TUnsafe<LettersQuery> = Type.Unsafe<LettersQuery>(
  Type.Object({
    state: Type.Optional(Type.Enum(['open', 'retried', 'compensated', 'discarded'])),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    cursor: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  }),
)

/** Body of `POST /seckill/dead-letters/{id}/resolve`. */
export interface ResolveBody {
  /** `compensate` gives the order up: its units go back, and a paid one is refunded. */
  readonly action: 'compensate' | 'discard'
  /** Why, for whoever looks later. */
  readonly note?: string
}

/** Schema of `ResolveBody`. */
export const resolveBody: TUnsafe<ResolveBody> = Type.Unsafe<ResolveBody>(
  Type.Object({
    action: Type.Enum(['compensate', 'discard']),
    note: Type.Optional(Type.String({ maxLength: 500 })),
  }),
)

/** Schema of `PayBody`. */
export const payBody: TUnsafe<PayBody> = Type.Unsafe<PayBody>(
  Type.Object({ paymentId: id('a payment id'), userId: Type.Optional(userId) }),
)

/** Body of `POST /seckill/orders/{orderId}/cancel`; may be left out. */
export interface CancelBody {
  readonly userId?: string
}

/** Schema of `CancelBody`. */
export const cancelBody: TUnsafe<CancelBody> = Type.Unsafe<CancelBody>(
  Type.Object({ userId: Type.Optional(userId) }),
)

/** Path of calls on one product. */
export const productParams: TUnsafe<{ readonly productId: string }> = Type.Unsafe<{
  readonly productId: string
}>(Type.Object({ productId }))

/** Path of calls on one order. */
export const orderParams: TUnsafe<{ readonly orderId: string }> = Type.Unsafe<{
  readonly orderId: string
}>(Type.Object({ orderId: id('an order id') }))

/** Query of `GET /seckill/orders/{orderId}`. */
export interface OrderQuery {
  /** Ms to wait for the order to exist, or for its status to leave `after`. */
  readonly wait?: number
  readonly after?: OrderStatus
}

/** Schema of `OrderQuery`. */
export const orderQuery: TUnsafe<OrderQuery> = Type.Unsafe<OrderQuery>(
  Type.Object({
    wait: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000 })),
    after: Type.Optional(Type.Enum(['reserved', 'paid', 'cancelled', 'expired', 'refunded'])),
  }),
)

/** Query of `GET /seckill/orders`: one user's orders, or (for administrators) one product's. */
export interface OrdersQuery {
  readonly userId?: string
  readonly productId?: string
  /** Orders a page. Default 100. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly cursor?: number
}

/** Schema of `OrdersQuery`. */
export const ordersQuery: TUnsafe<OrdersQuery> = Type.Unsafe<OrdersQuery>(
  Type.Object({
    userId: Type.Optional(userId),
    productId: Type.Optional(productId),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    cursor: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  }),
)

/** A campaign as callers see it. Units: total + adjusted = remaining + reserved + paid. */
export interface CampaignJson {
  readonly productId: string
  readonly epoch: number
  readonly status: 'scheduled' | 'open' | 'paused' | 'ended' | 'closed'
  readonly stock: number
  readonly adjusted: number
  readonly remaining: number
  readonly reserved: number
  readonly paid: number
  readonly returned: number
  readonly sold: number
  readonly orders: number
  readonly soldOut: boolean
  /** Changes each time `soldOut` does. */
  readonly flagVersion: number
  readonly perUserLimit: number
  readonly startsAt: string | null
  readonly endsAt: string | null
  readonly reservationTtlMs: number
  readonly requireTicket: boolean
  readonly queue: boolean
  readonly proofBits: number
  readonly admitPerSecond: number
  readonly createdAt: string
}

/** An order as callers see it. */
export interface OrderJson {
  readonly orderId: string
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  readonly status: OrderStatus
  readonly createdAt: string
  readonly expiresAt: string
  readonly paymentId?: string
  /** Id of the first order made together with this one. */
  readonly cartId?: string
}

/** Answer to a purchase. */
export interface PurchaseJson {
  readonly success: true
  readonly orderId: string
  readonly status: 'reserved'
  readonly expiresAt: string
  readonly message: string
}

/** Value of an event on the topic `orders`. */
export interface OrderEventJson {
  readonly type:
    | 'order.reserved'
    | 'order.paid'
    | 'order.cancelled'
    | 'order.expired'
    | 'order.refunded'
  /** Number of the event in the ledger: the same number is the same event. */
  readonly sequence: number
  readonly orderId: string
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  readonly atMs: number
}
