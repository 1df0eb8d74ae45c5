import { openApiRoute } from '@spate/http/openapi'
import { createRouter } from '@spate/http/router'
import { healthRoutes } from '@spate/http/health'
import { listen, type Listener } from '@spate/http/listener'
import { rateLimiterOf } from '@spate/http/settings'
import { telemetryRoutes } from '@spate/http/telemetry-routes'
import { Lifecycle, type Running } from '@spate/runtime/lifecycle'
import { faultAnswer } from './answers.ts'
import { openBooks } from './books.ts'
import { addGrpc } from './grpc/grpc-door.ts'
import type { SeckillOptions } from './options.ts'
import { OrderWatch } from './order-watch.ts'
import { auditRoutes } from './routes/audit-routes.ts'
import { campaignRoutes } from './routes/campaign-routes.ts'
import { bodyBuyer, type Desk } from './routes/desk.ts'
import { orderRoutes } from './routes/order-routes.ts'
import { purchaseRoutes } from './routes/purchase-routes.ts'

/** Opens the stores under `dataDir/seckill`, recovers, and listens. */
export async function startSeckill(options: SeckillOptions): Promise<Running> {
  const { settings, clock, log, telemetry, adminToken } = options
  const lifecycle = new Lifecycle({ clock, log })
  const books = await openBooks(options, lifecycle)
  const { ledger, projection, auditor, links } = books
  const watch = new OrderWatch(ledger, clock, settings.orderWatchersMax)
  const { tracer } = telemetry
  const limiter = rateLimiterOf(settings, clock)
  const desk: Desk = { ledger, watch, tracer, links, limiter, buyer: bodyBuyer }
  const checks = {
    ledger: () => ready(ledger.failure?.message ?? ''),
    orderStore: () => ready(projection.failure),
  }
  const calls = [
    ...purchaseRoutes(desk),
    ...campaignRoutes(desk),
    ...orderRoutes({ ...desk, ...books, adminToken }),
    ...auditRoutes(desk, auditor),
  ]
  const handler = createRouter(
    [
      ...calls,
      openApiRoute(calls, { title: 'Spate seckill', version: '0.1.0' }),
      ...healthRoutes(checks, { clock, draining: () => lifecycle.state === 'draining' }),
      ...telemetryRoutes(telemetry, adminToken),
    ],
    { log, adminToken, refuse: faultAnswer },
  )
  let listener: Listener | undefined
  const { host, port, trustedProxies, forwardedHeader } = settings
  lifecycle.add({
    name: 'listener',
    start: async () => {
      const door = { host, port, trustedProxies, forwardedHeader }
      listener = await listen({ ...door, handler, clock, log, telemetry })
      log.info('listening', { url: listener.url })
    },
    stop: async (signal) => {
      watch.close()
      await listener?.close(signal)
    },
  })
  const grpc = addGrpc(lifecycle, options, {
    routes: calls,
    handler,
    ledger,
    watch,
    proxies: settings,
    elapsed: () => clock.elapsed(),
  })
  await lifecycle.start()
  return {
    name: 'seckill',
    urls: { traffic: listener?.url ?? '', grpc: grpc.url() },
    stop: async () => void (await lifecycle.stop()),
  }
}

function ready(failure: string): { ready: boolean; detail?: string } {
  return failure === '' ? { ready: true } : { ready: false, detail: failure }
}
