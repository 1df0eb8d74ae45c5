/**
 * What the HTTP API should answer, written from the contract and without the core: plain objects, no
 * log, no slots, no time but "all reservations lapse now".
 */

/** What a call should come to: status, refusal code, and what else is checked. */
export interface Expected {
  readonly status: number
  readonly code?: string
  /** Orders named in the answer. */
  readonly orders?: readonly ModelOrder[]
  /** Payment that must go back. */
  readonly refund?: string
}

/** A campaign of the model. */
export interface ModelCampaign {
  readonly productId: string
  readonly limit: number
  state: 'open' | 'paused' | 'closed'
  remaining: number
  reserved: number
  paid: number
  returned: number
  readonly held: Map<string, number>
}

/** An order of the model. */
export interface ModelOrder {
  readonly campaign: ModelCampaign
  readonly userId: string
  readonly quantity: number
  status: 'reserved' | 'paid' | 'cancelled' | 'expired' | 'refunded'
  spent: string
  readonly payments: Set<string>
  /** The engine's id, once it was told. */
  id: string
}

interface Known {
  readonly asked: string
  readonly campaigns: readonly ModelCampaign[]
  readonly expected: Expected
}

/** One line of a purchase. */
export interface Line {
  readonly productId: string
  readonly quantity: number
}

/** The sale as the contract has it. */
export class SaleModel {
  readonly campaigns: Map<string, ModelCampaign> = new Map()
  readonly orders: ModelOrder[] = []
  readonly #known: Map<string, Known> = new Map()

  create(productId: string, stock: number, limit: number): Expected {
    const before = this.campaigns.get(productId)
    if (before && before.state !== 'closed') return { status: 409, code: 'campaign_exists' }
    const counts = { remaining: stock, reserved: 0, paid: 0, returned: 0 }
    this.campaigns.set(productId, { productId, limit, state: 'open', ...counts, held: new Map() })
    return { status: 201 }
  }

  adjust(productId: string, delta: number, key: string): Expected {
    const campaign = this.campaigns.get(productId)
    if (!campaign) return { status: 404, code: 'product_not_found' }
    const known = this.#known.get(`admin ${key}`)
    if (key !== '' && known) {
      const same = known.campaigns[0] === campaign && known.asked === String(delta)
      return same ? { status: 200 } : { status: 422, code: 'idempotency_mismatch' }
    }
    if (campaign.state === 'closed') return { status: 409, code: 'campaign_closed' }
    if (campaign.remaining + delta < 0) return { status: 409, code: 'below_sold' }
    campaign.remaining += delta
    if (key !== '' && delta !== 0)
      this.#known.set(`admin ${key}`, {
        asked: String(delta),
        campaigns: [campaign],
        expected: { status: 200 },
      })
    return { status: 200 }
  }

  set(productId: string, verb: 'pause' | 'resume' | 'close'): Expected {
    const campaign = this.campaigns.get(productId)
    if (!campaign) return { status: 404, code: 'product_not_found' }
    if (campaign.state === 'closed' && verb !== 'close')
      return { status: 409, code: 'campaign_closed' }
    campaign.state = ({ pause: 'paused', resume: 'open', close: 'closed' } as const)[verb]
    return { status: 200 }
  }

  /** A purchase of one line, or a cart of several: all or nothing. */
  buy(userId: string, lines: readonly Line[], key: string, cart: boolean): Expected {
    const asked = JSON.stringify([cart, lines])
    const found = lines.map(({ productId }) => this.campaigns.get(productId))
    const known = key === '' ? undefined : this.#known.get(`${userId} ${key}`)
    if (known) {
      // A cart is of the campaigns it was made in; a purchase is of its product.
      const same = !cart || known.campaigns.every((each, at) => each === found[at])
      return known.asked === asked && same
        ? known.expected
        : { status: 422, code: 'idempotency_mismatch' }
    }
    if (found.includes(undefined)) return { status: 404, code: 'product_not_found' }
    const campaigns = found.filter((each) => each !== undefined)
    for (const [at, campaign] of campaigns.entries()) {
      if (campaign.state !== 'open')
        return { status: 403, code: campaign.state === 'paused' ? 'paused' : 'ended' }
      const code = shortage(campaign, userId, lines[at]?.quantity ?? 0)
      if (!code) continue
      const expected = { status: 409, code }
      if (key !== '') this.#known.set(`${userId} ${key}`, { asked, campaigns, expected })
      return expected
    }
    const orders = campaigns.map((campaign, at) =>
      reserve(campaign, userId, lines[at]?.quantity ?? 0),
    )
    this.orders.push(...orders)
    const expected = { status: 200, orders }
    if (key !== '') this.#known.set(`${userId} ${key}`, { asked, campaigns, expected })
    return expected
  }

  pay(order: ModelOrder, paymentId: string, userId: string | undefined): Expected {
    if (userId !== undefined && userId !== order.userId) return { status: 404, code: 'not_found' }
    const done = { status: 200, orders: [order] }
    if (order.payments.has(paymentId))
      return order.spent === paymentId ? done : { ...done, refund: paymentId }
    order.payments.add(paymentId)
    const { campaign, quantity } = order
    if (order.status === 'reserved') {
      campaign.reserved -= quantity
    } else if (
      order.status === 'expired' &&
      campaign.state === 'open' &&
      campaign.remaining >= quantity &&
      held(campaign, order.userId) + quantity <= campaign.limit
    ) {
      campaign.remaining -= quantity
      campaign.held.set(order.userId, held(campaign, order.userId) + quantity)
    } else {
      if (order.status !== 'paid') order.status = 'refunded'
      return { ...done, refund: paymentId }
    }
    campaign.paid += quantity
    order.status = 'paid'
    order.spent = paymentId
    return done
  }

  cancel(order: ModelOrder): Expected {
    const done = { status: 200, orders: [order] }
    if (order.status === 'reserved') return (giveBack(order, 'cancelled'), done)
    if (order.status !== 'paid') return done
    giveBack(order, 'refunded')
    return { ...done, refund: order.spent }
  }

  /** The time of all reservations is over. */
  lapse(): void {
    for (const order of this.orders) if (order.status === 'reserved') giveBack(order, 'expired')
  }
}

function held(campaign: ModelCampaign, userId: string): number {
  return campaign.held.get(userId) ?? 0
}

function shortage(campaign: ModelCampaign, userId: string, quantity: number): string | undefined {
  if (campaign.remaining === 0) return 'sold_out'
  if (held(campaign, userId) + quantity > campaign.limit) return 'limit_reached'
  return campaign.remaining < quantity ? 'sold_out' : undefined
}

function reserve(campaign: ModelCampaign, userId: string, quantity: number): ModelOrder {
  campaign.remaining -= quantity
  campaign.reserved += quantity
  campaign.held.set(userId, held(campaign, userId) + quantity)
  const order = { campaign, userId, quantity, status: 'reserved' as const, spent: '', id: '' }
  return { ...order, payments: new Set() }
}

function giveBack(order: ModelOrder, status: 'cancelled' | 'expired' | 'refunded'): void {
  const { campaign, quantity, userId } = order
  if (order.status === 'paid') campaign.paid -= quantity
  else campaign.reserved -= quantity
  campaign.remaining += quantity
  campaign.returned += quantity
  campaign.held.set(userId, held(campaign, userId) - quantity)
  order.status = status
}
