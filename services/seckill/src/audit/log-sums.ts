import type { SaleEvent } from '../domain/event.ts'

/** Units of one campaign as one of the books has them. */
export interface Units {
  total: number
  adjusted: number
  reserved: number
  paid: number
  returned: number
  orders: number
}

/** A campaign's units before anything happened. */
export function noUnits(total = 0): Units {
  return { total, adjusted: 0, reserved: 0, paid: 0, returned: 0, orders: 0 }
}

const reserved = 0
const paid = 1
const ended = 2

/**
 * Adds the log up again, without the core: a second opinion on what the events mean. 9 bytes an
 * order.
 */
export class LogSums {
  readonly campaigns: Units[] = []
  /** Number of the last event added. */
  sequence = 0
  #size = 0
  #campaign: Uint32Array = new Uint32Array(1024)
  #quantity: Uint32Array = new Uint32Array(1024)
  #status: Uint8Array = new Uint8Array(1024)

  /** Adds one event. */
  add(event: SaleEvent, sequence: number): void {
    this.sequence = sequence
    switch (event.type) {
      case 'campaign.created':
        this.campaigns.push(noUnits(event.stock))
        return
      case 'campaign.changed':
        this.#units(event.campaign).adjusted += event.stockDelta
        return
      case 'order.reserved':
        return this.#made(event.campaign, event.quantity)
      case 'cart.reserved':
        for (const line of event.lines) this.#made(line.campaign, line.quantity)
        return
      case 'order.paid':
        return this.#paid(event.order)
      case 'order.cancelled':
      case 'order.expired':
      case 'order.refunded':
        return this.#ended(event.order)
      case 'campaign.paused':
      case 'campaign.resumed':
      case 'campaign.closed':
      case 'payment.returned':
      case 'purchase.refused':
    }
  }

  #units(campaign: number): Units {
    return (this.campaigns[campaign] ??= noUnits())
  }

  #made(campaign: number, quantity: number): void {
    const slot = this.#size++
    if (slot === this.#status.length) this.#grow()
    this.#campaign[slot] = campaign
    this.#quantity[slot] = quantity
    this.#status[slot] = reserved
    const units = this.#units(campaign)
    units.reserved += quantity
    units.orders++
  }

  #paid(slot: number): void {
    const units = this.#units(this.#campaign[slot] ?? 0)
    const quantity = this.#quantity[slot] ?? 0
    if (this.#status[slot] === reserved) units.reserved -= quantity
    units.paid += quantity
    this.#status[slot] = paid
  }

  #ended(slot: number): void {
    const status = this.#status[slot]
    if (status === ended) return
    const units = this.#units(this.#campaign[slot] ?? 0)
    const quantity = this.#quantity[slot] ?? 0
    if (status === paid) units.paid -= quantity
    else units.reserved -= quantity
    units.returned += quantity
    this.#status[slot] = ended
  }

  #grow(): void {
    const length = this.#status.length * 2
    const campaign = new Uint32Array(length)
    campaign.set(this.#campaign)
    this.#campaign = campaign
    const quantity = new Uint32Array(length)
    quantity.set(this.#quantity)
    this.#quantity = quantity
    const status = new Uint8Array(length)
    status.set(this.#status)
    this.#status = status
  }
}
