import { Follower, type FollowerOptions, type FollowerPosition } from '../orders/follower.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import { readRecord } from '../ledger/record.ts'
import type { FeedRecord } from '../ledger/ledger.ts'
import { isPoison, type DeadLetters } from '../orders/dead-letters.ts'
import type { Redo } from '../orders/letter-desk.ts'
import type { OrderStore } from '../orders/order-store.ts'
import type { Payment, PaymentProvider } from './payment-provider.ts'

/** Name of the follower, and of its position. */
export const refundsName = 'refunds'

/** Money that must go back, and the event that says so. */
export interface RefundDue extends Payment {
  readonly sequence: number
  readonly slot: number
}

/**
 * Sends money back: for every payment the ledger could not take, and for every paid order that was
 * refunded. It follows the log like the order store does, so none is forgotten by a crash; a refund
 * may be asked for twice, which the provider answers as one.
 */
export function refundFollower(
  provider: PaymentProvider,
  store: OrderStore,
  ledger: EmbeddedLedger,
  options: Omit<FollowerOptions, 'name' | 'feed' | 'load' | 'apply' | 'bury'> & {
    readonly letters: DeadLetters
  },
): Follower {
  const apply: FollowerOptions['apply'] = async (records, from) => {
    const { due, position } = refundsDue(records, from, ledger)
    for (const { orderId, paymentId } of due) await provider.refund({ orderId, paymentId })
    await store.keep(refundsName, position)
    return position
  }
  const bury: FollowerOptions['bury'] = async (record, from) => {
    const { due, position } = refundsDue([record], from, ledger)
    for (const payment of due) {
      try {
        await provider.refund({ orderId: payment.orderId, paymentId: payment.paymentId })
      } catch (caught) {
        if (!isPoison(caught)) throw caught
        const { sequence, slot, orderId } = payment
        const letter = { follower: 'refunds' as const, sequence, slot, orderId, detail: payment }
        await options.letters.bury(letter, caught)
      }
    }
    await store.keep(refundsName, position)
    return position
  }
  const load: FollowerOptions['load'] = () => store.position(refundsName)
  return new Follower({ ...options, name: refundsName, feed: ledger.feed, load, apply, bury })
}

/** What `records` say must go back, in order, and the position behind them. */
export function refundsDue(
  records: readonly FeedRecord[],
  from: FollowerPosition,
  ledger: Pick<EmbeddedLedger, 'view'>,
): { readonly due: readonly RefundDue[]; readonly position: FollowerPosition } {
  const due: RefundDue[] = []
  let { record, sequence } = from
  const add = (slot: number, paymentId: string): void => {
    if (paymentId !== '')
      due.push({ orderId: ledger.view(slot).orderId, paymentId, sequence, slot })
  }
  for (const { record: number, payload } of records) {
    readRecord(payload, (event, at) => {
      sequence = at
      if (event.type === 'payment.returned') add(event.order, event.paymentId)
      // The payment of a refunded order stays with it; one that was only returned never was.
      if (event.type === 'order.refunded') add(event.order, ledger.view(event.order).paymentId)
    })
    record = number
  }
  return { due, position: { record, sequence, slots: from.slots } }
}

/** Sends the refund of a letter. */
export function redoRefund(provider: PaymentProvider): Redo {
  return ({ detail }) => {
    const { orderId, paymentId } = JSON.parse(detail) as RefundDue
    return provider.refund({ orderId, paymentId })
  }
}
