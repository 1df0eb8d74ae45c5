import type { CampaignTerms } from './campaign.ts'
import type { Command, Outcome, PurchaseCommand } from './command.ts'
import type { SaleEvent } from './event.ts'
import { execute, type Core } from './execute.ts'
import type { SaleLimits } from './purchase.ts'
import { Sale } from './sale.ts'

/** Limits small enough to be reached. */
export const rehearsalLimits: SaleLimits = {
  ordersMax: 1000,
  usersMax: 1000,
  campaignsMax: 100,
  refusedKeysMax: 100,
}
/** When every rehearsal begins, ms since the epoch. */
export const start = 1_700_000_000_000
/** Time to pay in a rehearsal, ms. */
export const ttl = 1000

/** A sale in memory: no journal, no clock. */
export interface Room {
  readonly core: Core
  readonly events: SaleEvent[]
  readonly run: (command: Command, atMs?: number) => Outcome
}

/** An empty sale. */
export function room(over: Partial<SaleLimits> = {}): Room {
  const events: SaleEvent[] = []
  const core = {
    sale: new Sale(),
    limits: { ...rehearsalLimits, ...over },
    emit: (event: SaleEvent) => void events.push(event),
  }
  return { core, events, run: (command, atMs = start) => execute(core, command, atMs) }
}

/** Makes a campaign; `over` replaces terms. */
export const create = (
  productId: string,
  stock: number,
  over: Partial<CampaignTerms> = {},
): Command => ({
  kind: 'create',
  terms: {
    productId,
    stock,
    perUserLimit: 1,
    startsAtMs: 0,
    endsAtMs: 0,
    reservationTtlMs: ttl,
    requireTicket: false,
    queue: false,
    ...over,
  },
})

let random = 1
/** Buys one unit; `over` replaces fields. */
export const buy = (
  userId: string,
  productId: string = 'p',
  over: Partial<PurchaseCommand> = {},
): Command => ({
  kind: 'purchase',
  userId,
  productId,
  quantity: 1,
  key: '',
  ticket: '',
  randomA: (random = (random * 1_664_525 + 1_013_904_223) >>> 0),
  randomB: (random = (random * 1_664_525 + 1_013_904_223) >>> 0),
  ...over,
})
