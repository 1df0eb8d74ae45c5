import type { Context } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Language } from './catalogue/product.ts'
import type { Offer } from './pages/offers.ts'
import type { Order } from './pages/orders.ts'
import type { SignedCall } from './provider.ts'
import {
  isRecord,
  numberOf,
  textOf,
  timeOf,
  type Upstream,
  type UpstreamAnswer,
} from './upstream.ts'

/** What a purchase or a payment came to. */
export type OrderOutcome =
  | { readonly kind: 'done'; readonly orderId: string }
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly code: string
      readonly message: string
    }

/** A purchase as the shop sends it. */
export interface Purchase {
  readonly userId: string
  readonly productId: string
  /** The same key is the same purchase, however often it is sent. */
  readonly key: string
  readonly language: Language
  readonly context: Context
  /** Proof that the visitor waited in the queue, where the campaign wants one. */
  readonly ticket?: string
}

/** Times the shop gives seckill. */
export interface SeckillTimes {
  readonly clock: Clock
  /** For parts of pages, ms. */
  readonly glanceMs: number
  /** For orders, ms. */
  readonly orderMs: number
  /** How old the list of offers may be, ms. */
  readonly freshMs: number
}

/** The flash sale as the shop sees it. */
export class Seckill {
  readonly #upstream: Upstream
  readonly #times: SeckillTimes
  #offers: readonly Offer[] = []
  #readAtMs = Number.NEGATIVE_INFINITY

  constructor(upstream: Upstream, times: SeckillTimes) {
    this.#upstream = upstream
    this.#times = times
  }

  /**
   * Every offer, at most `freshMs` old; `complete` is false where seckill did not answer in time
   * and the last known ones are given.
   */
  async offers(
    context: Context,
  ): Promise<{ readonly offers: readonly Offer[]; readonly complete: boolean }> {
    const { clock, freshMs, glanceMs } = this.#times
    if (clock.elapsed() - this.#readAtMs < freshMs) return { offers: this.#offers, complete: true }
    try {
      const answer = await this.#upstream.call('/seckill/campaigns', {
        timeoutMs: glanceMs,
        context,
      })
      if (answer.status !== 200) return { offers: this.#offers, complete: false }
      this.#offers = campaignsOf(answer)
        .map(offerOf)
        .filter((offer) => offer.productId !== '')
      this.#readAtMs = clock.elapsed()
      return { offers: this.#offers, complete: true }
    } catch {
      // The page is complete enough without: it is kept for 2 s only and asked for again.
      return { offers: this.#offers, complete: false }
    }
  }

  async purchase(purchase: Purchase): Promise<OrderOutcome> {
    const { userId, productId, key, language, context, ticket } = purchase
    const answer = await this.#upstream.call('/seckill/purchase', {
      method: 'POST',
      body: { userId, productId, quantity: 1 },
      headers: {
        'idempotency-key': `shop-${userId}-${key}`,
        ...spoken(language),
        ...(ticket === undefined ? {} : { 'seckill-ticket': ticket }),
      },
      timeoutMs: this.#times.orderMs,
      context,
    })
    return outcomeOf(answer)
  }

  /** The order; undefined where there is none or it is somebody else's. */
  async order(orderId: string, userId: string, context: Context): Promise<Order | undefined> {
    const answer = await this.#upstream.call(
      `/seckill/orders/${encodeURIComponent(orderId)}?wait=1500`,
      {
        timeoutMs: this.#times.orderMs,
        context,
        template: '/seckill/orders/{orderId}',
      },
    )
    const order = answer.status === 200 ? orderOf(answer.value) : undefined
    return order?.userId === userId ? order : undefined
  }

  /** Orders of `userId`, newest first. */
  async orders(userId: string, context: Context): Promise<readonly Order[]> {
    const answer = await this.#upstream.call(
      `/seckill/orders?userId=${encodeURIComponent(userId)}`,
      {
        timeoutMs: this.#times.orderMs,
        context,
        template: '/seckill/orders',
      },
    )
    return listOf(answer, 'orders')
      .map(orderOf)
      .sort((a, b) => (a.orderId < b.orderId ? 1 : -1))
  }

  /** Gives an order up; a paid one is refunded. */
  async cancel(orderId: string, language: Language, context: Context): Promise<OrderOutcome> {
    const answer = await this.#upstream.call(
      `/seckill/orders/${encodeURIComponent(orderId)}/cancel`,
      {
        method: 'POST',
        body: {},
        headers: spoken(language),
        timeoutMs: this.#times.orderMs,
        context,
        template: '/seckill/orders/{orderId}/cancel',
      },
    )
    return outcomeOf(answer)
  }

  /** Brings a webhook of the payment provider. Throws `bad_gateway` where it is not taken. */
  async webhook({ body, headers }: SignedCall, context: Context): Promise<void> {
    const answer = await this.#upstream.call('/seckill/payments/webhook', {
      method: 'POST',
      text: { type: 'application/json', body },
      headers,
      timeoutMs: this.#times.orderMs,
      context,
    })
    if (answer.status >= 300)
      throw new Fault('bad_gateway', `the webhook was answered with ${answer.status}`)
  }
}

const spoken = (language: Language): Record<string, string> => ({
  'accept-language': language === 'zh' ? 'zh-CN' : 'en',
})

function outcomeOf(answer: UpstreamAnswer): OrderOutcome {
  if (answer.status < 300) return { kind: 'done', orderId: textOf(answer.value, 'orderId') }
  return {
    kind: 'refused',
    status: answer.status,
    code: textOf(answer.value, 'code') || 'store_unavailable',
    message: textOf(answer.value, 'message') || textOf(answer.value, 'detail'),
  }
}

function listOf(
  answer: UpstreamAnswer,
  name: string,
): readonly Readonly<Record<string, unknown>>[] {
  const named = answer.value[name]
  return (Array.isArray(named) ? named : answer.list).filter(isRecord)
}

function campaignsOf(answer: UpstreamAnswer): readonly Readonly<Record<string, unknown>>[] {
  return listOf(answer, 'campaigns')
}

/** Reads one campaign; a campaign without a number of units left counts as sold out. */
export function offerOf(record: Readonly<Record<string, unknown>>): Offer {
  const status = textOf(record, 'status') || textOf(record, 'state')
  const remaining = numberOf(record, 'remaining') ?? 0
  // Zero stands for "no such bound"; a closed campaign is one that ended long ago.
  const bound = (name: string): number | undefined => timeOf(record, name) || undefined
  return {
    productId: textOf(record, 'productId'),
    total: numberOf(record, 'total') ?? numberOf(record, 'stock') ?? remaining,
    remaining,
    perUserLimit: numberOf(record, 'perUserLimit') ?? 1,
    startsAtMs: bound('startsAt'),
    endsAtMs: status === 'closed' ? 1 : bound('endsAt'),
    paused: status === 'paused' || record['paused'] === true,
    queue: record['queue'] === true,
  }
}

function orderOf(record: Readonly<Record<string, unknown>>): Order {
  return {
    orderId: textOf(record, 'orderId'),
    userId: textOf(record, 'userId'),
    productId: textOf(record, 'productId'),
    quantity: numberOf(record, 'quantity') ?? 1,
    status: textOf(record, 'status'),
    expiresAtMs: timeOf(record, 'expiresAt') ?? timeOf(record, 'expiresAtMs'),
    createdAtMs:
      timeOf(record, 'createdAt') ?? timeOf(record, 'reservedAt') ?? timeOf(record, 'atMs'),
  }
}
