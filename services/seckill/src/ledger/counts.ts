import type { Sale } from '../domain/sale.ts'
import type { LedgerCapture } from './ledger-options.ts'

/** What an audit compares, of every campaign, copied. O(campaigns). */
export function countsOf(sale: Sale): LedgerCapture['campaigns'] {
  return sale.campaigns.map(({ total, adjusted, remaining, reserved, paid, returned, orders }) => ({
    total,
    adjusted,
    remaining,
    reserved,
    paid,
    returned,
    orders,
  }))
}
