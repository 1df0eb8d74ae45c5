import type { AdminToken } from '@spate/http/admin-token'
import type { Clock } from '@spate/runtime/clock'
import { errorText, Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Catalogue } from './catalogue/catalogue.ts'
import { demoEvents } from './demo-shoppers.ts'
import { phaseOf, type Offer, type OfferPhase } from './pages/offers.ts'
import { offerOf } from './seckill.ts'
import { isRecord, type Upstream } from './upstream.ts'

/**
 * What the shop does when it opens: tells recommend what it sells, opens two flash sales, and tells
 * of made-up shoppers where recommend has met nobody yet. Every step may be done again without
 * harm, and is tried until the program behind it is up.
 */

/** What stocking works with. */
export interface StockingOptions {
  readonly catalogue: Catalogue
  readonly seckill: Upstream
  readonly recommend: Upstream
  readonly adminToken: AdminToken
  readonly clock: Clock
  readonly log: Log
  readonly seed: number
  /** Open flash sales. */
  readonly sales: boolean
  /** Made-up shoppers to tell of; 0 for none. */
  readonly shoppers: number
}

/** Deadline of one call at the opening, ms. */
const callMs = 10_000
/** First and longest pause between tries, ms. */
const pauseMs = { first: 200, longest: 10_000 } as const
/** How often sales are looked after, ms: one always runs and one is to come. */
const saleRoundMs = 30_000
/** Most events in one call. */
const eventsPerCall = 500

/** How the opening went so far; readiness shows it. */
export interface StockingState {
  items: boolean
  sales: boolean
  shoppers: boolean
}

/** Opens the shop and looks after its sales until `signal` aborts. Resolves then; never rejects. */
export async function stockShop(
  options: StockingOptions,
  state: StockingState,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = options
  const recommended = async (): Promise<void> => {
    await untilDone('items', () => tellItems(options), options, signal)
    state.items = true
    await untilDone('shoppers', () => tellShoppers(options), options, signal)
    state.shoppers = true
  }
  const sold = async (): Promise<void> => {
    if (!options.sales) return
    while (!signal.aborted) {
      await untilDone('sales', () => openSales(options), options, signal)
      state.sales = true
      await clock.sleep(saleRoundMs, signal)
    }
  }
  await Promise.allSettled([recommended(), sold()])
}

async function untilDone(
  step: string,
  task: () => Promise<void>,
  { clock, log }: StockingOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let pause: number = pauseMs.first; ; pause = Math.min(pause * 2, pauseMs.longest)) {
    signal.throwIfAborted()
    try {
      return await task()
    } catch (caught) {
      log.debug('a step of the opening will be tried again', {
        step,
        pauseMs: pause,
        error: errorText(caught),
      })
      if (pause === pauseMs.longest) log.warn('the shop waits for a program behind it', { step })
    }
    await clock.sleep(pause, signal)
  }
}

async function tellItems({ catalogue, recommend, log }: StockingOptions): Promise<void> {
  const lines = catalogue.products.map((product) =>
    JSON.stringify({
      itemId: product.id,
      title: product.name.en,
      categories: [product.categoryId],
      tags: product.tags,
      price: product.priceFen / 100,
      stock: product.stock,
      publishedAt: product.publishedAtMs,
    }),
  )
  const answer = await recommend.call('/recommend/items', {
    method: 'POST',
    text: { type: 'application/x-ndjson', body: `${lines.join('\n')}\n` },
    timeoutMs: callMs,
  })
  expectStatus(answer.status, [200, 201, 202, 204])
  log.info('told recommend what we sell', { items: lines.length })
}

/** Tells of made-up shoppers, unless recommend has met somebody already. */
async function tellShoppers(options: StockingOptions): Promise<void> {
  const { catalogue, recommend, clock, log, seed, shoppers } = options
  if (shoppers === 0) return
  const popular = await recommend.call('/recommend/popular', { timeoutMs: callMs })
  expectStatus(popular.status, [200])
  const items = Array.isArray(popular.value['items']) ? popular.value['items'] : popular.list
  const met = items.some((item) => isRecord(item) && Number(item['score'] ?? 0) > 0)
  if (met) return
  const events = demoEvents(catalogue, { seed, shoppers, nowMs: clock.now() })
  for (let at = 0; at < events.length; at += eventsPerCall) {
    const answer = await recommend.call('/recommend/events', {
      method: 'POST',
      body: events.slice(at, at + eventsPerCall),
      timeoutMs: callMs,
    })
    expectStatus(answer.status, [200, 202])
  }
  log.info('told recommend of made-up shoppers, once', { shoppers, events: events.length })
}

/** Products that take turns in the flash sale: the dearest of each shelf, in shelf order. */
export function saleCandidates(catalogue: Catalogue): readonly string[] {
  return [
    'sound',
    'tea',
    'outdoor',
    'light',
    'bags',
    'kitchen',
    'green',
    'desk',
    'sleep',
    'play',
    'table',
    'bath',
  ]
    .map((id) => [...catalogue.inCategory(id)].sort((a, b) => b.priceFen - a.priceFen)[0]?.id)
    .filter((id) => id !== undefined)
}

/** Sees to it that one sale runs and one is to come. */
async function openSales(options: StockingOptions): Promise<void> {
  const { seckill, adminToken, catalogue, clock, log } = options
  const listed = await seckill.call('/seckill/campaigns', { timeoutMs: callMs })
  expectStatus(listed.status, [200])
  const named = listed.value['campaigns']
  const offers = (Array.isArray(named) ? named : listed.list).filter(isRecord).map(offerOf)
  for (const campaign of salesToOpen(saleCandidates(catalogue), offers, clock.now())) {
    const answer = await seckill.call('/seckill/campaigns', {
      method: 'POST',
      body: campaign,
      headers: { authorization: `Bearer ${adminToken.value}` },
      timeoutMs: callMs,
    })
    // 409: another start of ours was faster.
    expectStatus(answer.status, [200, 201, 409])
    if (answer.status !== 409)
      log.info('opened a flash sale', { productId: campaign.productId, stock: campaign.stock })
  }
}

/** A campaign as seckill takes it. */
export interface CampaignOrder {
  readonly productId: string
  readonly stock: number
  readonly perUserLimit: number
  readonly startsAt?: number
  readonly endsAt: number
  readonly reservationTtlMs: number
  /** People wait in a room and are let in one after the other. */
  readonly queue?: true
  readonly proofBits?: number
  readonly admitPerSecond?: number
}

const hourMs = 3_600_000

/** The second sale lets people wait for it; no proof of work, so that it works without a script. */
const waitingSale = { perUserLimit: 1, queue: true, proofBits: 0, admitPerSecond: 5 } as const

/**
 * Campaigns that are missing at `nowMs`: one that runs, and a second one that runs or starts within
 * minutes. Products whose sale has ended take a second turn when no fresh one is left.
 */
export function salesToOpen(
  candidates: readonly string[],
  offers: readonly Offer[],
  nowMs: number,
): readonly CampaignOrder[] {
  const phases = new Map(offers.map((offer) => [offer.productId, phaseOf(offer, nowMs)]))
  const count = (phase: OfferPhase): number =>
    candidates.filter((id) => phases.get(id) === phase).length
  const free = [
    ...candidates.filter((id) => !phases.has(id)),
    ...candidates.filter((id) => phases.get(id) === 'ended'),
  ]
  const missing: CampaignOrder[] = []
  const common = { perUserLimit: 2, reservationTtlMs: 900_000 }
  if (count('running') === 0) {
    const productId = free.shift()
    if (productId !== undefined)
      missing.push({ ...common, productId, stock: 200, endsAt: nowMs + 12 * hourMs })
  }
  if (count('upcoming') === 0 && count('running') < 2) {
    const productId = free.shift()
    const startsAt = nowMs + hourMs / 4
    const endsAt = startsAt + 12 * hourMs
    if (productId !== undefined)
      missing.push({ ...common, ...waitingSale, productId, stock: 50, startsAt, endsAt })
  }
  return missing
}

function expectStatus(status: number, wanted: readonly number[]): void {
  if (!wanted.includes(status)) throw new Fault('bad_gateway', `unexpected status ${status}`)
}
