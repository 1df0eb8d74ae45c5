import { secretBytes, type Chance } from '@spate/runtime/chance'
import type { Outcome } from '../domain/command.ts'
import { OrderTable } from '../domain/order-table.ts'
import type { Sale } from '../domain/sale.ts'

/** True where `userId` has used this idempotency key. */
export function keyKnown(sale: Sale, userId: string, key: string): boolean {
  if (key === '') return false
  const user = sale.users.find(0, userId)
  return user >= 0 && sale.keys.find(user, key) >= 0
}

/**
 * True where the user has a reservation in the campaign with a slot of `durableOrders` or above:
 * one that is not durable yet. O(own orders in flight).
 */
export function inFlight(
  sale: Sale,
  durableOrders: number,
  userId: string,
  campaign: number,
): boolean {
  if (sale.orders.size === durableOrders) return false
  const user = sale.users.find(0, userId)
  if (user < 0) return false
  let slot = OrderTable.linked(sale.lastOrder[user] ?? 0)
  while (slot >= durableOrders) {
    if (sale.orders.campaign[slot] === campaign) return true
    slot = OrderTable.linked(sale.orders.previousOfUser[slot] as number)
  }
  return false
}

/** True where `outcome` would be wrong if the events after `durableSequence` were lost. */
export function restsOnPending(sale: Sale, durableSequence: number, outcome: Outcome): boolean {
  if (sale.sequence === durableSequence || outcome.kind === 'not_found') return false
  if (outcome.kind !== 'refused') return true
  const campaign = sale.campaigns[outcome.campaign]
  return campaign !== undefined && campaign.lastSequence > durableSequence
}

/** 32 random bits a call: from `chance`, or from the system's generator, 1024 numbers at a time. */
export function randomSource(chance: Chance | undefined): () => number {
  if (chance) return () => chance.uint32()
  let pool = new Uint32Array(0)
  let at = 0
  return () => {
    if (at === pool.length) {
      pool = new Uint32Array(new Uint8Array(secretBytes(4096)).buffer)
      at = 0
    }
    return pool[at++] as number
  }
}
