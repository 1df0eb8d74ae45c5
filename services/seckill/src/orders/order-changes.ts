import type { CartLine, SaleEvent } from '../domain/event.ts'
import type { OrderStatus } from '../domain/order-table.ts'
import { orderIdOf } from '../domain/order-id.ts'
import type { FeedRecord } from '../ledger/ledger.ts'
import { readRecord } from '../ledger/record.ts'
import type { FollowerPosition } from './follower.ts'

/** What the log says of one order, one event at a time. */
export type OrderChange =
  | {
      readonly kind: 'made'
      readonly sequence: number
      readonly slot: number
      readonly orderId: string
      readonly userId: string
      readonly campaign: number
      readonly quantity: number
      readonly atMs: number
    }
  | {
      readonly kind: 'status'
      readonly sequence: number
      readonly slot: number
      readonly status: OrderStatus
      readonly atMs: number
      /** Empty where the event names no payment. */
      readonly paymentId: string
    }

/** Shows what `records` say of orders; returns the position behind them. O(events). */
export function readChanges(
  records: readonly FeedRecord[],
  from: FollowerPosition,
  see: (change: OrderChange) => void,
): FollowerPosition {
  let { record, sequence, slots } = from
  const made = (event: { atMs: number; userId: string }, line: CartLine): void => {
    const slot = slots++
    see({
      kind: 'made',
      sequence,
      slot,
      orderId: orderIdOf(event.atMs, line.randomA, line.randomB, slot),
      userId: event.userId,
      campaign: line.campaign,
      quantity: line.quantity,
      atMs: event.atMs,
    })
  }
  for (const { record: number, payload } of records) {
    readRecord(payload, (event, at) => {
      sequence = at
      if (event.type === 'order.reserved') made(event, event)
      else if (event.type === 'cart.reserved') for (const line of event.lines) made(event, line)
      else {
        const change = statusChange(event, at)
        if (change) see(change)
      }
    })
    record = number
  }
  return { record, sequence, slots }
}

function statusChange(event: SaleEvent, sequence: number): OrderChange | undefined {
  const { atMs } = event
  if (event.type === 'order.paid') {
    const { order: slot, paymentId } = event
    return { kind: 'status', sequence, slot, status: 'paid', atMs, paymentId }
  }
  if (
    event.type !== 'order.cancelled' &&
    event.type !== 'order.expired' &&
    event.type !== 'order.refunded'
  )
    return undefined
  const status = event.type.slice('order.'.length) as OrderStatus
  return { kind: 'status', sequence, slot: event.order, status, atMs, paymentId: '' }
}
