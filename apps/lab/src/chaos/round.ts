import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { FinalOrder, History, OnSale, Operation } from '../checker/history.ts'
import { AdminClient, allOrders } from '../load-seckill-check.ts'
import type { SaleProgram } from './sale-program.ts'
import { Shopper } from './shopper.ts'

/** Units of one campaign: few enough that most rounds sell out. */
const stock = 400
const perUserLimit = 2
/** How long a reservation lasts, ms: short, so that many lapse within a round. */
const reservationTtlMs = 1500
/** How far the sale's clock may be from ours, ms: one machine, two processes. */
const clockSlackMs = 20
/** Longest time after a round's end in which lost answers are asked for again, ms. */
const graceMs = 5000

/** What a round is. */
export interface RoundPlan {
  readonly number: number
  readonly shoppers: number
  readonly roundMs: number
}

/** What a round stands on. */
export interface Stage {
  readonly program: SaleProgram
  readonly clock: Clock
  readonly chance: Chance
}

/** A campaign that was sold through a kill, as its clients saw it. */
export interface Round {
  readonly product: OnSale
  readonly operations: readonly Operation[]
}

/** Sells one campaign, kills the program at a moment of chance and starts it again. */
export async function playRound(plan: RoundPlan, stage: Stage): Promise<Round> {
  const { program, clock, chance } = stage
  const productId = `chaos-${plan.number}`
  const admin = new AdminClient('127.0.0.1', program.port, program.token)
  const terms = { productId, stock, perUserLimit, reservationTtlMs }
  const made = await admin.call('POST', '/seckill/campaigns', terms)
  admin.close()
  if (made.status !== 201) throw new Error(`no campaign: ${made.status} ${JSON.stringify(made)}`)
  const endMs = clock.now() + plan.roundMs
  const operations: Operation[] = []
  const shop = {
    productId,
    port: () => program.port,
    clock,
    chance,
    open: () => clock.now() < endMs,
    untilMs: () => endMs + graceMs,
  }
  const shopping = Promise.all(
    Array.from({ length: plan.shoppers }, (_, at) =>
      new Shopper(shop, String(at), operations).run(),
    ),
  )
  await clock.sleep(chance.integer(100, Math.max(101, plan.roundMs - 900)))
  await program.kill()
  await program.start()
  await shopping
  const product = { productId, stock, perUserLimit, startsAtMs: 0, endsAtMs: Infinity }
  return { product, operations }
}

/** A round with what the sale says of it in the end: the input of the checker. */
export async function closeRound(
  { product, operations }: Round,
  { program, clock }: Stage,
): Promise<History> {
  const { productId } = product
  const admin = new AdminClient('127.0.0.1', program.port, program.token)
  try {
    const orders = (await allOrders(admin, productId)).map((order): FinalOrder => ({
      ...order,
      productId,
      createdAtMs: Date.parse(order.createdAt),
    }))
    const audit = (await admin.call('GET', `/seckill/audit/${productId}`)).body
    const count = (name: string): number => Number(audit[name])
    const counters = {
      remaining: count('remaining'),
      reserved: count('reserved'),
      paid: count('paid'),
    }
    // While the program was dead nothing lapsed: that much later units may have come back.
    const lapseMs = reservationTtlMs + graceMs
    const products = [{ ...product, counters }]
    return { products, operations, orders, endMs: clock.now(), lapseMs, clockSlackMs }
  } finally {
    admin.close()
  }
}

/** After this time nothing that was reserved before is still reserved, ms. */
export const settleMs: number = reservationTtlMs + 1500
