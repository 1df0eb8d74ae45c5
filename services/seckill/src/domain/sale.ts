import { newCampaign, type Campaign } from './campaign.ts'
import type { CartLine, CartReserved, OrderPaid, OrderReserved, SaleEvent } from './event.ts'
import { keyKinds, KeyTable } from './key-table.ts'
import type { OrderView } from './command.ts'
import { orderIdOf, parseOrderId } from './order-id.ts'
import { orderStatuses, OrderTable, statusNumber } from './order-table.ts'
import { PairTable } from './pair-table.ts'
import { TextTable } from './text-table.ts'

/** User number under which an administrator's idempotency keys are kept. */
export const adminUser = 0xffff_ffff

/**
 * The whole state of the sale. It changes only by `apply`: the same events give the same state,
 * byte for byte in a snapshot, on any machine and after any restart.
 *
 * Memory: 43 B an order; id + 31 to 41 B a user with his first campaign; 24 to 48 B for each further
 * (campaign, user); key + 28 to 38 B a key. Columns double, so up to twice that right after they grew.
 */
export class Sale {
  /** Number of the last event applied. */
  sequence = 0
  /** Time of the last event: time never runs backwards here, whatever the clock does. */
  lastMs = 0
  readonly campaigns: Campaign[] = []
  /** The newest campaign of each product. */
  readonly current: Map<string, Campaign> = new Map()
  readonly users: TextTable
  readonly keys: KeyTable
  readonly payments: TextTable
  /** Spent one-shot tickets, under their campaign. */
  readonly tickets: TextTable
  readonly holdings: PairTable = new PairTable()
  readonly orders: OrderTable = new OrderTable()
  /** Newest order of each user, slot + 1. */
  lastOrder: Uint32Array = new Uint32Array(256)
  /** Keys that hold a refusal. */
  refusedKeys = 0

  /** `seed`: makes hash tables differ between processes; no answer depends on it. */
  constructor(seed = 0) {
    this.users = new TextTable(seed)
    this.keys = new KeyTable(seed ^ 0x5bd1e995)
    this.payments = new TextTable(seed ^ 0x27d4eb2f)
    this.tickets = new TextTable(seed ^ 0x165667b1)
  }

  /** Bytes of memory held by its tables. */
  get bytes(): number {
    return (
      this.users.bytes +
      this.keys.bytes +
      this.payments.bytes +
      this.tickets.bytes +
      this.holdings.bytes +
      this.orders.bytes +
      this.lastOrder.byteLength
    )
  }

  /** The slot of the order with this id; -1 where there is none. O(1). */
  find(orderId: string): number {
    const parts = parseOrderId(orderId)
    if (!parts || parts.slot >= this.orders.size) return -1
    const { orders } = this
    const { slot } = parts
    return orders.atMs[slot] === parts.atMs &&
      orders.randomA[slot] === parts.randomA &&
      orders.randomB[slot] === parts.randomB
      ? slot
      : -1
  }

  /** The id of the order in `slot`, which must exist. */
  orderId(slot: number): string {
    const { orders } = this
    return orderIdOf(
      orders.atMs[slot] as number,
      orders.randomA[slot] as number,
      orders.randomB[slot] as number,
      slot,
    )
  }

  /** The campaign of the order in `slot`, which must exist. */
  campaignOf(slot: number): Campaign {
    return this.campaigns[this.orders.campaign[slot] as number] as Campaign
  }

  /** First ms at which the order in `slot` can no longer be paid in time. */
  deadline(slot: number): number {
    return (this.orders.atMs[slot] as number) + this.campaignOf(slot).reservationTtlMs
  }

  /** The order in `slot`, which must exist, as it is now. */
  view(slot: number): OrderView {
    const { orders } = this
    const campaign = this.campaignOf(slot)
    const payment = orders.payment[slot] as number
    const cart = orders.cart[slot] as number
    return {
      slot,
      orderId: this.orderId(slot),
      userId: this.users.text(orders.user[slot] as number),
      productId: campaign.productId,
      epoch: campaign.epoch,
      quantity: orders.quantity[slot] as number,
      status: orderStatuses[orders.status[slot] as number] ?? 'reserved',
      createdAtMs: orders.atMs[slot] as number,
      expiresAtMs: this.deadline(slot),
      paymentId: payment === 0 ? '' : this.payments.text(payment - 1),
      cartId: cart === 0 ? '' : this.orderId(cart - 1),
    }
  }

  /** Slots of a user's orders, newest first, at most `most`, those below slot `before`. O(orders passed). */
  ordersOf(userId: string, most: number, before: number = Number.POSITIVE_INFINITY): number[] {
    const user = this.users.find(0, userId)
    const found: number[] = []
    if (user < 0) return found
    let slot = OrderTable.linked(this.lastOrder[user] ?? 0)
    while (slot >= 0 && found.length < most) {
      if (slot < before) found.push(slot)
      slot = OrderTable.linked(this.orders.previousOfUser[slot] as number)
    }
    return found
  }

  /** Takes `event` into the state. The event must follow from the state: it is not checked again. */
  apply(event: SaleEvent): void {
    this.sequence++
    this.lastMs = event.atMs
    switch (event.type) {
      case 'order.reserved':
        return this.#reserved(event)
      case 'cart.reserved':
        return this.#cartReserved(event)
      case 'order.paid':
        return this.#paid(event)
      case 'order.cancelled':
        return this.#ended(event.order, statusNumber.cancelled)
      case 'order.expired':
        return this.#ended(event.order, statusNumber.expired)
      case 'order.refunded':
        return this.#ended(event.order, statusNumber.refunded)
      case 'payment.returned':
        this.payments.add(event.order, event.paymentId)
        return this.#touch(event.order)
      case 'purchase.refused':
        return this.#refused(event)
      case 'campaign.created':
      case 'campaign.changed':
      case 'campaign.paused':
      case 'campaign.resumed':
      case 'campaign.closed':
        return this.#campaignEvent(event)
    }
  }

  #campaignEvent(event: Extract<SaleEvent, { type: `campaign.${string}` }>): void {
    if (event.type === 'campaign.created') {
      const epoch = (this.current.get(event.productId)?.epoch ?? 0) + 1
      const made = newCampaign(this.campaigns.length, epoch, event.atMs, event)
      made.lastSequence = this.sequence
      this.campaigns.push(made)
      this.current.set(event.productId, made)
      return
    }
    const campaign = this.campaigns[event.campaign] as Campaign
    campaign.lastSequence = this.sequence
    if (event.type !== 'campaign.changed') {
      campaign.state =
        event.type === 'campaign.paused'
          ? 'paused'
          : event.type === 'campaign.closed'
            ? 'closed'
            : 'open'
      return
    }
    campaign.adjusted += event.stockDelta
    move(campaign, event.stockDelta)
    campaign.startsAtMs = event.startsAtMs
    campaign.endsAtMs = event.endsAtMs
    campaign.perUserLimit = event.perUserLimit
    if (event.key !== '') {
      const answer = { kind: keyKinds.change, ref: campaign.index, asked: event.stockDelta >>> 0 }
      this.keys.add(adminUser, event.key, answer)
    }
  }

  #reserved(event: OrderReserved): void {
    const user = this.#user(event.userId)
    const slot = this.#reserve(event.atMs, user, event, 0)
    if (event.key !== '') {
      const answer = { kind: keyKinds.order, ref: slot, asked: event.quantity }
      this.keys.add(user, event.key, answer)
    }
  }

  #cartReserved(event: CartReserved): void {
    const user = this.#user(event.userId)
    const first = this.orders.size
    for (const line of event.lines) this.#reserve(event.atMs, user, line, first + 1)
    if (event.key !== '') {
      const answer = { kind: keyKinds.cart, ref: first, asked: cartHash(event.lines) }
      this.keys.add(user, event.key, answer)
    }
  }

  #reserve(atMs: number, user: number, line: CartLine, cart: number): number {
    const { orders } = this
    const slot = orders.push({
      atMs,
      randomA: line.randomA,
      randomB: line.randomB,
      user,
      campaign: line.campaign,
      quantity: line.quantity,
      cart,
    })
    this.#link(slot)
    const campaign = this.campaigns[line.campaign] as Campaign
    campaign.reserved += line.quantity
    campaign.orders++
    campaign.lastSequence = this.sequence
    move(campaign, -line.quantity)
    this.holdings.add(line.campaign, user, line.quantity)
    if (line.ticket !== '') this.tickets.add(line.campaign, line.ticket)
    return slot
  }

  /** Hangs the order in `slot` into its user's and its campaign's lists. */
  #link(slot: number): void {
    const { orders } = this
    const user = orders.user[slot] as number
    const campaign = this.campaignOf(slot)
    orders.previousOfUser[slot] = this.lastOrder[user] ?? 0
    this.lastOrder[user] = slot + 1
    if (campaign.expiryTail !== 0) orders.nextOfCampaign[campaign.expiryTail - 1] = slot + 1
    if (campaign.expiryHead === 0) campaign.expiryHead = slot + 1
    campaign.expiryTail = slot + 1
  }

  #paid(event: OrderPaid): void {
    const slot = event.order
    const campaign = this.campaignOf(slot)
    const quantity = this.orders.quantity[slot] as number
    if (event.reinstated) {
      move(campaign, -quantity)
      this.holdings.add(campaign.index, this.orders.user[slot] as number, quantity)
    } else campaign.reserved -= quantity
    campaign.paid += quantity
    this.orders.status[slot] = statusNumber.paid
    this.orders.payment[slot] = this.payments.add(slot, event.paymentId) + 1
    this.#touch(slot)
  }

  /** Ends an order; where it still held units, they go back to the stock and to the user's limit. */
  #ended(slot: number, status: number): void {
    const before = this.orders.status[slot]
    this.orders.status[slot] = status
    this.#touch(slot)
    const held = before === statusNumber.reserved || before === statusNumber.paid
    if (!held) return
    const campaign = this.campaignOf(slot)
    const quantity = this.orders.quantity[slot] as number
    if (before === statusNumber.paid) campaign.paid -= quantity
    else campaign.reserved -= quantity
    campaign.returned += quantity
    move(campaign, quantity)
    this.holdings.add(campaign.index, this.orders.user[slot] as number, -quantity)
  }

  #refused(event: Extract<SaleEvent, { type: 'purchase.refused' }>): void {
    const user = this.#user(event.userId)
    const soldOut = event.code === 'sold_out'
    const kind = event.cart
      ? soldOut
        ? keyKinds.cartSoldOut
        : keyKinds.cartLimitReached
      : soldOut
        ? keyKinds.soldOut
        : keyKinds.limitReached
    this.keys.add(user, event.key, { kind, ref: event.campaign, asked: event.asked })
    this.refusedKeys++
  }

  #touch(slot: number): void {
    this.campaignOf(slot).lastSequence = this.sequence
  }

  #user(userId: string): number {
    const user = this.users.add(0, userId)
    if (user >= this.lastOrder.length) {
      const next = new Uint32Array(this.lastOrder.length * 2)
      next.set(this.lastOrder)
      this.lastOrder = next
    }
    return user
  }

  /** Makes again what a snapshot leaves out: the lists and the counts. O(orders). */
  relink(): void {
    if (this.users.size > this.lastOrder.length) {
      let room = this.lastOrder.length
      while (room < this.users.size) room *= 2
      this.lastOrder = new Uint32Array(room)
    }
    for (let slot = 0; slot < this.orders.size; slot++) this.#link(slot)
    this.current.clear()
    for (const campaign of this.campaigns) this.current.set(campaign.productId, campaign)
  }
}

/** Changes the free stock; a change between none and some is a new version of the sold-out flag. */
function move(campaign: Campaign, units: number): void {
  const before = campaign.remaining
  campaign.remaining = before + units
  if ((before === 0) !== (campaign.remaining === 0)) campaign.flagVersion++
}

/** A hash of what a cart asks for (FNV-1a, 32 bit): tells one body from another under one key. */
export function cartHash(lines: readonly { campaign: number; quantity: number }[]): number {
  let hash = 0x811c9dc5
  for (const { campaign, quantity } of lines) {
    hash = Math.imul(hash ^ campaign, 0x01000193)
    hash = Math.imul(hash ^ quantity, 0x01000193)
  }
  return hash >>> 0
}
