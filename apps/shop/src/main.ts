import type { AdminToken } from '@spate/http/admin-token'
import { createClient } from '@spate/http/client'
import { healthRoutes } from '@spate/http/health'
import { listen } from '@spate/http/listener'
import { telemetryRoutes } from '@spate/http/telemetry-routes'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Running } from '@spate/runtime/lifecycle'
import type { Log } from '@spate/runtime/log'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { createShopHandler } from './handler.ts'
import { makeCatalogue, type Catalogue } from './catalogue/catalogue.ts'
import { PaymentSeal, SimulatedProvider } from './provider.ts'
import { Recommend } from './recommend.ts'
import { PageStamps } from './replies.ts'
import { Seckill } from './seckill.ts'
import type { Shop } from './shop.ts'
import type { ShopSettings } from './settings.ts'
import { stockShop, type StockingState } from './stocking.ts'
import { Upstream } from './upstream.ts'
import { Visitors } from './visitor.ts'
import { WaitingRoom } from './waiting.ts'

/** What the shop is started with. */
export interface ShopOptions {
  readonly settings: ShopSettings
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly telemetry: Telemetry
  /** Opens flash sales; the key of visitors' cookies is derived from it. */
  readonly adminToken: AdminToken
  /** Where seckill and recommend answer; the settings say so where these are absent. */
  readonly seckillUrl?: string
  readonly recommendUrl?: string
}

/** Opens the shop. It answers at once; what it needs from seckill and recommend follows. */
export async function startShop(options: ShopOptions): Promise<Running> {
  const { settings, clock, chance, log, telemetry } = options
  const client = createClient({ clock, chance, telemetry })
  const catalogue = makeCatalogue(settings.shopSeed, settings.productsPerForm)
  const upstreams = {
    seckill: new Upstream(client, options.seckillUrl ?? settings.seckillUrl),
    recommend: new Upstream(client, options.recommendUrl ?? settings.recommendUrl),
  }
  const opening: StockingState = { items: false, sales: !settings.demoSale, shoppers: false }
  const closing = new AbortController()
  const health = healthRoutes(
    { catalogue: () => ({ ready: true, detail: openingLine(opening) }) },
    { clock, draining: () => closing.signal.aborted },
  )
  const shop = shopOf(options, catalogue, upstreams)
  const listener = await listen({
    ...settings,
    handler: createShopHandler(shop, {
      log,
      extra: [...health, ...telemetryRoutes(telemetry, options.adminToken)],
    }),
    clock,
    log,
    telemetry,
  })
  log.info('listening', { url: listener.url, port: listener.port })
  const stocked = stockShop(
    {
      ...upstreams,
      catalogue,
      adminToken: options.adminToken,
      clock,
      log,
      seed: settings.shopSeed,
      sales: settings.demoSale,
      shoppers: settings.demoShoppers,
    },
    opening,
    closing.signal,
  )
  return {
    name: 'shop',
    urls: { traffic: listener.url },
    stop: async () => {
      closing.abort()
      await listener.close()
      await shop.provider.close()
      await stocked
      await client.close()
    },
  }
}

function shopOf(
  options: ShopOptions,
  catalogue: Catalogue,
  upstreams: { readonly seckill: Upstream; readonly recommend: Upstream },
): Shop {
  const { settings, clock, adminToken } = options
  const glanceMs = settings.upstreamTimeoutMs
  const seal =
    settings.paymentSecret === undefined
      ? PaymentSeal.derived(adminToken.value)
      : new PaymentSeal(settings.paymentSecret)
  const seckill = new Seckill(upstreams.seckill, {
    clock,
    glanceMs,
    orderMs: settings.orderTimeoutMs,
    freshMs: settings.liveFreshMs / 4,
  })
  return {
    catalogue,
    clock,
    seckill,
    waiting: new WaitingRoom(upstreams.seckill, settings.orderTimeoutMs),
    recommend: new Recommend(upstreams.recommend, { catalogue, clock, glanceMs }),
    visitors: new Visitors(adminToken.value),
    stamps: new PageStamps(),
    seal,
    provider: new SimulatedProvider({
      clock,
      seal,
      deliver: (signed, context) => seckill.webhook(signed, context),
    }),
    pageFreshMs: settings.pageFreshMs,
    liveFreshMs: settings.liveFreshMs,
  }
}

function openingLine(state: StockingState): string {
  const waiting = Object.entries(state)
    .filter(([, done]) => !done)
    .map(([step]) => step)
  return waiting.length === 0 ? 'open' : `open; still to do: ${waiting.join(', ')}`
}
