/** What an order is now. */
export type OrderStatus = 'reserved' | 'paid' | 'cancelled' | 'expired' | 'refunded'

/** Statuses by their number in memory and in snapshots; never reorder. */
export const orderStatuses: readonly OrderStatus[] = [
  'reserved',
  'paid',
  'cancelled',
  'expired',
  'refunded',
]

/** The numbers of `orderStatuses`. */
export const statusNumber = { reserved: 0, paid: 1, cancelled: 2, expired: 3, refunded: 4 } as const

/** A new order as the table takes it. */
export interface OrderRow {
  readonly atMs: number
  /** 26 and 16 random bits of the order's id. */
  readonly randomA: number
  readonly randomB: number
  readonly user: number
  readonly campaign: number
  readonly quantity: number
  /** Slot of the first order of the same cart + 1; 0 where the order is alone. */
  readonly cart: number
}

/** `none` in links: slots are kept + 1, so that fresh memory means absent. */
const none = 0

/**
 * Orders in columns: 43 bytes an order, no object each. An order's number is its slot, in order of
 * making. Links: each user's orders newest first; each campaign's orders oldest first (the queue
 * of expiry: within a campaign the time to live is one, so deadlines are in order of making).
 */
export class OrderTable {
  #size = 0
  atMs: Float64Array = new Float64Array(256)
  randomA: Uint32Array = new Uint32Array(256)
  randomB: Uint16Array = new Uint16Array(256)
  user: Uint32Array = new Uint32Array(256)
  campaign: Uint32Array = new Uint32Array(256)
  quantity: Uint32Array = new Uint32Array(256)
  status: Uint8Array = new Uint8Array(256)
  cart: Uint32Array = new Uint32Array(256)
  /** Number of the payment's text + 1. */
  payment: Uint32Array = new Uint32Array(256)
  /** The same user's order before this one, + 1. */
  previousOfUser: Uint32Array = new Uint32Array(256)
  /** The same campaign's next order, + 1. */
  nextOfCampaign: Uint32Array = new Uint32Array(256)

  /** Number of orders. */
  get size(): number {
    return this.#size
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.atMs.length * 43
  }

  /** Adds `row` with status `reserved`; returns its slot. Amortised O(1). */
  push(row: OrderRow): number {
    const slot = this.#size
    if (slot === this.atMs.length) this.#grow(slot * 2)
    this.atMs[slot] = row.atMs
    this.randomA[slot] = row.randomA
    this.randomB[slot] = row.randomB
    this.user[slot] = row.user
    this.campaign[slot] = row.campaign
    this.quantity[slot] = row.quantity
    this.cart[slot] = row.cart
    this.#size = slot + 1
    return slot
  }

  /** The columns a snapshot keeps, cut to the orders there are. Links are made again. */
  columns(): (Float64Array | Uint32Array | Uint16Array | Uint8Array)[] {
    const size = this.#size
    return [
      this.atMs.subarray(0, size),
      this.randomA.subarray(0, size),
      this.randomB.subarray(0, size),
      this.user.subarray(0, size),
      this.campaign.subarray(0, size),
      this.quantity.subarray(0, size),
      this.status.subarray(0, size),
      this.cart.subarray(0, size),
      this.payment.subarray(0, size),
    ]
  }

  /** Makes room for `size` orders and counts them as present: the columns are filled by the caller. */
  reserve(size: number): void {
    if (size > this.atMs.length) this.#grow(Math.max(size, this.atMs.length * 2))
    this.#size = size
  }

  #grow(length: number): void {
    const size = this.#size
    const grow = <C extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(
      to: C,
      from: C,
    ): C => {
      to.set(from.subarray(0, size))
      return to
    }
    this.atMs = grow(new Float64Array(length), this.atMs)
    this.randomA = grow(new Uint32Array(length), this.randomA)
    this.randomB = grow(new Uint16Array(length), this.randomB)
    this.user = grow(new Uint32Array(length), this.user)
    this.campaign = grow(new Uint32Array(length), this.campaign)
    this.quantity = grow(new Uint32Array(length), this.quantity)
    this.status = grow(new Uint8Array(length), this.status)
    this.cart = grow(new Uint32Array(length), this.cart)
    this.payment = grow(new Uint32Array(length), this.payment)
    this.previousOfUser = grow(new Uint32Array(length), this.previousOfUser)
    this.nextOfCampaign = grow(new Uint32Array(length), this.nextOfCampaign)
  }

  /** The slot a link names; -1 where it names none. */
  static linked(link: number): number {
    return link === none ? -1 : link - 1
  }
}
