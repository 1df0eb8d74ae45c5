import { closedReason } from './campaign.ts'
import type { ExpireCommand, Outcome, PayCommand } from './command.ts'
import { statusNumber } from './order-table.ts'
import type { Decision } from './purchase.ts'
import type { Sale } from './sale.ts'

const noMoneyBack = ''

/**
 * A payment for an order. Each reservation is resolved exactly once, by the store's time: paid
 * before its deadline (or while it is spared because this payment is under way), or expired. Money that comes later takes the units again where the
 * stock and the user's limit allow (reinstated), and is sent back otherwise (refunded).
 */
export function pay(decision: Decision, command: PayCommand): Outcome {
  const { sale, atMs, record } = decision
  const slot = owned(sale, command.orderId, command.userId)
  if (slot < 0) return { kind: 'not_found' }
  const { paymentId } = command
  const known = sale.payments.find(slot, paymentId)
  if (known >= 0) {
    const spent = sale.orders.payment[slot] === known + 1
    return { kind: 'order', slot, returnPayment: spent ? noMoneyBack : paymentId }
  }
  if (!command.spared) lapse(decision, slot)
  const status = sale.orders.status[slot]
  if (status === statusNumber.reserved) {
    record({ type: 'order.paid', atMs, order: slot, reinstated: false, paymentId })
    return { kind: 'order', slot, returnPayment: noMoneyBack }
  }
  if (status === statusNumber.expired && reinstatable(sale, slot, atMs)) {
    record({ type: 'order.paid', atMs, order: slot, reinstated: true, paymentId })
    return { kind: 'order', slot, returnPayment: noMoneyBack }
  }
  record({ type: 'payment.returned', atMs, order: slot, paymentId })
  if (status === statusNumber.expired || status === statusNumber.cancelled)
    record({ type: 'order.refunded', atMs, order: slot })
  return { kind: 'order', slot, returnPayment: paymentId }
}

function reinstatable(sale: Sale, slot: number, atMs: number): boolean {
  const campaign = sale.campaignOf(slot)
  const quantity = sale.orders.quantity[slot] as number
  const held = sale.holdings.get(campaign.index, sale.orders.user[slot] as number)
  return (
    closedReason(campaign, atMs) === undefined &&
    campaign.remaining >= quantity &&
    held + quantity <= campaign.perUserLimit
  )
}

/** Gives an order up: a reservation is cancelled, a paid order is refunded; an ended one stays. */
export function cancel(
  decision: Decision,
  command: { readonly orderId: string; readonly userId?: string },
): Outcome {
  const { sale, atMs, record } = decision
  const slot = owned(sale, command.orderId, command.userId)
  if (slot < 0) return { kind: 'not_found' }
  lapse(decision, slot)
  const status = sale.orders.status[slot]
  if (status === statusNumber.reserved) record({ type: 'order.cancelled', atMs, order: slot })
  if (status !== statusNumber.paid) return { kind: 'order', slot, returnPayment: noMoneyBack }
  record({ type: 'order.refunded', atMs, order: slot })
  const payment = sale.orders.payment[slot] as number
  return { kind: 'order', slot, returnPayment: sale.payments.text(payment - 1) }
}

/** Ends at most `most` reservations whose time is over. O(campaigns + ended). */
export function expire({ sale, atMs, record }: Decision, command: ExpireCommand): Outcome {
  const { most, spared } = command
  let count = 0
  for (const campaign of sale.campaigns) {
    while (campaign.expiryHead !== 0) {
      const slot = campaign.expiryHead - 1
      if (sale.orders.status[slot] === statusNumber.reserved) {
        if ((sale.orders.atMs[slot] as number) + campaign.reservationTtlMs > atMs) break
        if (count === most) return { kind: 'expired', count, more: true }
        if (!spared?.has(slot)) {
          record({ type: 'order.expired', atMs, order: slot })
          count++
        }
      }
      campaign.expiryHead = sale.orders.nextOfCampaign[slot] as number
      if (campaign.expiryHead === 0) campaign.expiryTail = 0
    }
  }
  return { kind: 'expired', count, more: false }
}

/** Ends the reservation in `slot` where its time is over; changes nothing otherwise. */
export function lapseOne(decision: Decision, slot: number): Outcome {
  const { sale } = decision
  const { sequence } = sale
  if (slot < sale.orders.size) lapse(decision, slot)
  return { kind: 'expired', count: sale.sequence - sequence, more: false }
}

/** Ends the reservation in `slot` where its time is over and the timer has not come to it yet. */
function lapse({ sale, atMs, record }: Decision, slot: number): void {
  if (sale.orders.status[slot] === statusNumber.reserved && atMs >= sale.deadline(slot))
    record({ type: 'order.expired', atMs, order: slot })
}

/** The order's slot; -1 where there is none, or where it belongs to somebody else. */
function owned(sale: Sale, orderId: string, userId: string | undefined): number {
  const slot = sale.find(orderId)
  if (slot < 0 || userId === undefined) return slot
  return sale.users.text(sale.orders.user[slot] as number) === userId ? slot : -1
}
