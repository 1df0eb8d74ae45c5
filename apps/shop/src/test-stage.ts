import { adminToken } from '@spate/http/admin-token'
import type { Request, Response } from '@spate/http/exchange'
import { listen, type Listener } from '@spate/http/listener'
import { jsonResponse } from '@spate/http/problem'
import { createRouter } from '@spate/http/router'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import type { Running } from '@spate/runtime/lifecycle'
import { silentLog } from '@spate/runtime/log'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { startShop } from './main.ts'
import type { ShopSettings } from './settings.ts'

/** Stand-ins for seckill and recommend, and a shop between them, for tests. */
export interface Stage {
  readonly url: string
  readonly backstage: Backstage
  stop(): Promise<void>
}

/** What the stand-ins were asked and hold. */
export class Backstage {
  /** Calls by `METHOD /path`, in order. */
  readonly calls: string[] = []
  readonly events: Record<string, unknown>[] = []
  readonly campaigns: Map<string, Record<string, unknown>> = new Map()
  readonly orders: Map<string, Record<string, unknown>> = new Map()
  readonly keys: Map<string, string> = new Map()
  readonly authorizations: Set<string | undefined> = new Set()
  items = 0
  /** Answers 503 where true. */
  down = false
  /** Refusal of purchases; none where undefined. */
  refusal: { readonly status: number; readonly code: string } | undefined

  /** Calls that begin with `prefix`. */
  count(prefix: string): number {
    return this.calls.filter((call) => call.startsWith(prefix)).length
  }
}

async function json(request: Request): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await request.body.bytes(1_000_000)))
}

function standIn(backstage: Backstage): Promise<Listener> {
  const say =
    (handler: (request: Request) => Promise<Response> | Response) =>
    (request: Request): Promise<Response> | Response => {
      backstage.calls.push(`${request.method} ${request.target}`)
      return backstage.down ? jsonResponse(503, { code: 'store_unavailable' }) : handler(request)
    }
  const on = (
    method: string,
    path: string,
    handler: (request: Request) => Promise<Response> | Response,
  ): { method: string; path: string; handler: ReturnType<typeof say> } => ({
    method,
    path,
    handler: say(handler),
  })
  return listen({
    host: '127.0.0.1',
    port: 0,
    acceptors: 1,
    clock: systemClock,
    log: silentLog,
    handler: createRouter([...saleRoutes(backstage, on), ...recommendRoutes(backstage, on)], {
      log: silentLog,
    }),
  })
}

type On = (
  method: string,
  path: string,
  handler: (request: Request) => Promise<Response> | Response,
) => { method: string; path: string; handler: (request: Request) => Promise<Response> | Response }

function saleRoutes(backstage: Backstage, on: On): ReturnType<On>[] {
  return [
    on('GET', '/seckill/campaigns', () =>
      jsonResponse(200, { campaigns: [...backstage.campaigns.values()] }),
    ),
    on('POST', '/seckill/campaigns', async (request) => {
      backstage.authorizations.add(request.headers.get('authorization'))
      const campaign = (await json(request)) as Record<string, unknown>
      backstage.campaigns.set(String(campaign['productId']), {
        ...campaign,
        total: campaign['stock'],
        remaining: campaign['stock'],
        state: 'open',
      })
      return jsonResponse(201, campaign)
    }),
    on('POST', '/seckill/purchase', async (request) => {
      const { refusal } = backstage
      if (refusal)
        return jsonResponse(refusal.status, {
          success: false,
          code: refusal.code,
          message: '<b>no</b>',
        })
      const body = (await json(request)) as Record<string, unknown>
      const key = request.headers.get('idempotency-key') ?? ''
      const orderId = backstage.keys.get(key) ?? `order-${backstage.orders.size + 1}`
      backstage.keys.set(key, orderId)
      if (!backstage.orders.has(orderId))
        backstage.orders.set(orderId, {
          ...body,
          orderId,
          status: 'reserved',
          expiresAt: systemClock.now() + 900_000,
        })
      return jsonResponse(200, { success: true, orderId, status: 'reserved' })
    }),
    on('GET', '/seckill/orders', (request) => {
      const userId = new URLSearchParams(request.query).get('userId')
      return jsonResponse(200, {
        orders: [...backstage.orders.values()].filter((order) => order['userId'] === userId),
      })
    }),
    on('GET', '/seckill/orders/{id}', (request) => {
      const order = backstage.orders.get(request.params['id'] ?? '')
      return order ? jsonResponse(200, order) : jsonResponse(404, { code: 'not_found' })
    }),
    on('POST', '/seckill/payments/webhook', async (request) => {
      if (!request.headers.has('webhook-signature')) return jsonResponse(401, {})
      const { type, data } = (await json(request)) as { type: string; data: { orderId: string } }
      const order = backstage.orders.get(data.orderId)
      if (!order) return jsonResponse(404, { code: 'not_found' })
      if (type === 'payment.succeeded') order['status'] = 'paid'
      return jsonResponse(200, { received: true })
    }),
    on('POST', '/seckill/orders/{id}/cancel', (request) => {
      const order = backstage.orders.get(request.params['id'] ?? '')
      if (!order) return jsonResponse(404, { code: 'not_found' })
      order['status'] = 'cancelled'
      return jsonResponse(200, order)
    }),
  ]
}

function recommendRoutes(backstage: Backstage, on: On): ReturnType<On>[] {
  const some = (): unknown[] =>
    ['tea-01', 'desk-02', 'sound-03', 'bath-04'].map((itemId) => ({
      itemId,
      score: backstage.events.length,
    }))
  return [
    on('POST', '/recommend/items', async (request) => {
      const lines = new TextDecoder()
        .decode(await request.body.bytes(1_000_000))
        .trim()
        .split('\n')
      backstage.items += lines.length
      return jsonResponse(200, { accepted: lines.length })
    }),
    on('POST', '/recommend/events', async (request) => {
      const body = await json(request)
      backstage.events.push(...((Array.isArray(body) ? body : [body]) as Record<string, unknown>[]))
      return jsonResponse(202, { accepted: 1, duplicates: 0, rejected: [] })
    }),
    on('GET', '/recommend/popular', () => jsonResponse(200, { items: some() })),
    on('GET', '/recommend/similar/{id}', () => jsonResponse(200, { items: some() })),
    on('POST', '/recommend', async (request) => {
      const body = (await json(request)) as Record<string, unknown>
      return jsonResponse(200, {
        requestId: `for-${String(body['userId'])}`,
        items: ['tea-02', 'light-03', 'kitchen-07', 'play-05'].map((itemId) => ({
          itemId,
          score: 1,
          reason: {
            channel: 'walk',
            text: 'like Willow Porcelain Teapot <3',
            evidence: { items: ['tea-01'] },
          },
        })),
      })
    }),
  ]
}

/** Settings of the shop for tests: any port, seldom anything else. */
export const testSettings: ShopSettings = {
  host: '127.0.0.1',
  port: 0,
  trustedProxies: ['loopback'],
  forwardedHeader: 'x-forwarded-for',
  adminToken: undefined,
  seckillUrl: 'http://127.0.0.1:1',
  recommendUrl: 'http://127.0.0.1:1',
  shopSeed: 7,
  productsPerForm: 5,
  pageFreshMs: 60_000,
  liveFreshMs: 1000,
  upstreamTimeoutMs: 2000,
  orderTimeoutMs: 5000,
  paymentSecret: undefined,
  demoSale: true,
  demoShoppers: 3,
}

/** Opens a shop between stand-ins. */
export async function openStage(settings: Partial<ShopSettings> = {}): Promise<Stage> {
  const backstage = new Backstage()
  const behind = await standIn(backstage)
  const shop: Running = await startShop({
    settings: { ...testSettings, ...settings },
    clock: systemClock,
    chance: new SeededChance(1),
    log: silentLog,
    telemetry: noTelemetry,
    adminToken: adminToken('test-token-0123456789'),
    seckillUrl: behind.url,
    recommendUrl: behind.url,
  })
  return {
    url: shop.urls['traffic'] ?? '',
    backstage,
    stop: async () => {
      await shop.stop()
      await behind.close()
    },
  }
}
