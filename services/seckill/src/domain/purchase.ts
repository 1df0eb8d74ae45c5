import { closedReason, type Campaign } from './campaign.ts'
import {
  badTicket,
  type CartCommand,
  type Outcome,
  type PurchaseCommand,
  type RefusalCode,
} from './command.ts'
import type { SaleEvent } from './event.ts'
import { keyKinds } from './key-table.ts'
import { cartHash, type Sale } from './sale.ts'

/** What bounds the state's memory. Reached limits refuse with `overloaded`. */
export interface SaleLimits {
  readonly ordersMax: number
  readonly usersMax: number
  readonly campaignsMax: number
  /** Refusals remembered for their idempotency key; past it they are given but not remembered. */
  readonly refusedKeysMax: number
}

/** Takes an event into the state and hands it to the log. */
export type Emit = (event: SaleEvent) => void

const noCampaign = -1

/** A refusal. */
export function refused(code: RefusalCode, campaign: number = noCampaign, line = 0): Outcome {
  return { kind: 'refused', code, campaign, line }
}

/** Everything a decision needs. */
export interface Decision {
  readonly sale: Sale
  readonly limits: SaleLimits
  /** The store's time, never before the last event's. */
  readonly atMs: number
  readonly record: Emit
}

/**
 * One product, one user. Order of the checks: an answer already given under the key, then the
 * window, then the ticket, then the stock, then the user's limit.
 */
export function purchase(decision: Decision, command: PurchaseCommand): Outcome {
  const { sale, atMs } = decision
  const campaign = sale.current.get(command.productId)
  const user = sale.users.find(0, command.userId)
  if (command.key !== '' && user >= 0) {
    const entry = sale.keys.find(user, command.key)
    if (entry >= 0) return replayPurchase(sale, entry, command)
  }
  if (!campaign) return refused('product_not_found')
  const closed = closedReason(campaign, atMs)
  if (closed) return refused(closed, campaign.index)
  const gated = gateRefusal(sale, campaign, command.ticket)
  if (gated) return refused(gated, campaign.index)
  const code = shortage(sale, campaign, user, command.quantity)
  if (code) {
    if (command.key !== '') remember(decision, command, { campaign, code, cart: false })
    return refused(code, campaign.index)
  }
  if (full(decision, user)) return refused('overloaded', campaign.index)
  const slot = sale.orders.size
  decision.record({
    type: 'order.reserved',
    atMs,
    campaign: campaign.index,
    userId: command.userId,
    quantity: command.quantity,
    randomA: command.randomA >>> 6,
    randomB: command.randomB >>> 16,
    key: command.key,
    ticket: spent(campaign, command.ticket),
  })
  return reserved(sale, slot, false)
}

/** What is wrong with `ticket` for `campaign`; undefined where nothing is. */
function gateRefusal(
  sale: Sale,
  campaign: Campaign,
  ticket: string,
): 'ticket_required' | 'ticket_invalid' | undefined {
  if (!campaign.requireTicket && !campaign.queue) return undefined
  if (ticket === '') return 'ticket_required'
  return ticket === badTicket || sale.tickets.find(campaign.index, ticket) >= 0
    ? 'ticket_invalid'
    : undefined
}

/** The ticket a purchase spends; empty where the campaign wants none. */
function spent(campaign: Campaign, ticket: string): string {
  return campaign.requireTicket || campaign.queue ? ticket : ''
}

function shortage(
  sale: Sale,
  campaign: Campaign,
  user: number,
  quantity: number,
): 'sold_out' | 'limit_reached' | undefined {
  if (campaign.remaining === 0) return 'sold_out'
  const held = user < 0 ? 0 : sale.holdings.get(campaign.index, user)
  if (held + quantity > campaign.perUserLimit) return 'limit_reached'
  return campaign.remaining < quantity ? 'sold_out' : undefined
}

function full({ sale, limits }: Decision, user: number, orders = 1): boolean {
  return (
    sale.orders.size + orders > limits.ordersMax || (user < 0 && sale.users.size >= limits.usersMax)
  )
}

function reserved(sale: Sale, slot: number, replayed: boolean): Outcome {
  return {
    kind: 'reserved',
    slot,
    orderId: sale.orderId(slot),
    expiresAtMs: sale.deadline(slot),
    replayed,
  }
}

function remember(
  { sale, limits, atMs, record }: Decision,
  command: PurchaseCommand | CartCommand,
  refusal: {
    campaign: Campaign
    code: 'sold_out' | 'limit_reached'
    cart: boolean
    asked?: number
  },
): void {
  if (sale.refusedKeys >= limits.refusedKeysMax) return
  const asked = refusal.asked ?? (command.kind === 'purchase' ? command.quantity : 0)
  record({
    type: 'purchase.refused',
    atMs,
    campaign: refusal.campaign.index,
    userId: command.userId,
    key: command.key,
    code: refusal.code,
    asked,
    cart: refusal.cart,
  })
}

/** The answer given under a key before, or `idempotency_mismatch` where the body is another. */
function replayPurchase(sale: Sale, entry: number, command: PurchaseCommand): Outcome {
  const kind = sale.keys.kind[entry]
  const ref = sale.keys.ref[entry] as number
  const same = sale.keys.asked[entry] === command.quantity
  if (kind === keyKinds.order) {
    const campaign = sale.campaignOf(ref)
    return same && campaign.productId === command.productId
      ? reserved(sale, ref, true)
      : refused('idempotency_mismatch', campaign.index)
  }
  if (kind !== keyKinds.soldOut && kind !== keyKinds.limitReached)
    return refused('idempotency_mismatch')
  const campaign = sale.campaigns[ref]
  return same && campaign?.productId === command.productId
    ? refused(kind === keyKinds.soldOut ? 'sold_out' : 'limit_reached', ref)
    : refused('idempotency_mismatch', ref)
}

/** Several products for one user, all or none; the lines are checked in the order they came. */
export function cart(decision: Decision, command: CartCommand): Outcome {
  const { sale, atMs } = decision
  const user = sale.users.find(0, command.userId)
  const campaigns: Campaign[] = []
  let missing = -1
  for (const [line, item] of command.items.entries()) {
    const campaign = sale.current.get(item.productId)
    if (!campaign && missing < 0) missing = line
    if (campaign) campaigns.push(campaign)
  }
  const lines = campaigns.map((campaign, at) => ({
    campaign: campaign.index,
    quantity: command.items[at]?.quantity ?? 0,
    randomA: (command.items[at]?.randomA ?? 0) >>> 6,
    randomB: (command.items[at]?.randomB ?? 0) >>> 16,
    ticket: spent(campaign, command.items[at]?.ticket ?? ''),
  }))
  const asked = cartHash(lines)
  if (command.key !== '' && user >= 0) {
    const entry = sale.keys.find(user, command.key)
    if (entry >= 0) return replayCart(sale, entry, missing < 0 ? asked : undefined)
  }
  if (missing >= 0) return refused('product_not_found', noCampaign, missing)
  for (const [line, campaign] of campaigns.entries()) {
    const closed = closedReason(campaign, atMs)
    if (closed) return refused(closed, campaign.index, line)
    const gated = gateRefusal(sale, campaign, command.items[line]?.ticket ?? '')
    if (gated) return refused(gated, campaign.index, line)
    const code = shortage(sale, campaign, user, command.items[line]?.quantity ?? 0)
    if (!code) continue
    if (command.key !== '') remember(decision, command, { campaign, code, cart: true, asked })
    return refused(code, campaign.index, line)
  }
  if (full(decision, user, lines.length)) return refused('overloaded')
  const first = sale.orders.size
  decision.record({ type: 'cart.reserved', atMs, userId: command.userId, key: command.key, lines })
  return { kind: 'cart', slots: lines.map((_, at) => first + at), replayed: false }
}

function replayCart(sale: Sale, entry: number, asked: number | undefined): Outcome {
  const kind = sale.keys.kind[entry]
  const ref = sale.keys.ref[entry] as number
  if (asked === undefined || sale.keys.asked[entry] !== asked)
    return refused('idempotency_mismatch')
  if (kind === keyKinds.cartSoldOut) return refused('sold_out', ref)
  if (kind === keyKinds.cartLimitReached) return refused('limit_reached', ref)
  if (kind !== keyKinds.cart) return refused('idempotency_mismatch')
  return { kind: 'cart', slots: cartSlots(sale, ref), replayed: true }
}

/** Slots of the orders made together with the order in `first`, the cart's first. */
export function cartSlots(sale: Sale, first: number): number[] {
  const slots: number[] = []
  for (let slot = first; slot < sale.orders.size && sale.orders.cart[slot] === first + 1; slot++)
    slots.push(slot)
  return slots
}
