import { openApiRoute } from '@spate/http/openapi'
import { createRouter, type Route } from '@spate/http/router'
import { healthRoutes } from '@spate/http/health'
import { listen, type Listener } from '@spate/http/listener'
import { telemetryRoutes } from '@spate/http/telemetry-routes'
import { Lifecycle, type Running } from '@spate/runtime/lifecycle'
import { faultAnswer, refusalText } from './answers.ts'
import { openBooks, type Books } from './books.ts'
import { Gate, gateRules } from './gate/gate.ts'
import { addGrpc } from './grpc/grpc-door.ts'
import { StockFlags } from './gate/stock-flags.ts'
import type { SeckillOptions } from './options.ts'
import { OrderWatch } from './order-watch.ts'
import { auditRoutes } from './routes/audit-routes.ts'
import { campaignRoutes } from './routes/campaign-routes.ts'
import type { Desk } from './routes/desk.ts'
import { gateRoutes } from './routes/gate-routes.ts'
import { letterRoutes } from './routes/letter-routes.ts'
import { orderRoutes } from './routes/order-routes.ts'
import { paymentRoutes } from './routes/payment-routes.ts'
import { purchaseRoutes } from './routes/purchase-routes.ts'
import { QueueStreams } from './routes/queue-streams.ts'

/** Opens the stores under `dataDir/seckill`, recovers, and listens. */
export async function startSeckill(options: SeckillOptions): Promise<Running> {
  const { settings, clock, log, telemetry, adminToken } = options
  const lifecycle = new Lifecycle({ clock, log })
  const rules = await gateRules(settings, clock)
  const books = await openBooks(options, lifecycle)
  const { ledger, projection, links } = books
  const watch = new OrderWatch(ledger, clock, settings.orderWatchersMax)
  const { tracer, metrics } = telemetry
  const folder = `${options.dataDir}/seckill`
  const gate = await Gate.open({ settings, rules, folder, ledger, clock, log, tracer, metrics })
  lifecycle.add({ name: 'gate', stop: () => gate.close() })
  const flags = new StockFlags({
    ledger,
    clock,
    log,
    ...(options.eventLog ? { eventLog: options.eventLog } : {}),
  })
  lifecycle.add({ name: 'stock flags', stop: () => flags.close() })
  const streams = new QueueStreams(clock, settings.queueStreamsMax)
  const desk: Desk = { ledger, watch, tracer, links, gate }
  const checks = {
    ledger: () => ready(ledger.failure?.message ?? ''),
    orderStore: () => ready(projection.failure),
    waitingRooms: () => ready(gate.rooms.failure?.message ?? ''),
  }
  const calls = [
    ...purchaseRoutes(desk),
    ...gateRoutes(desk, streams, flags),
    ...campaignRoutes(desk),
    ...bookRoutes(desk, books, options),
  ]
  const handler = createRouter(
    [
      ...calls,
      openApiRoute(calls, { title: 'Spate seckill', version: '0.1.0' }),
      ...healthRoutes(checks, { clock, draining: () => lifecycle.state === 'draining' }),
      ...telemetryRoutes(telemetry, adminToken),
    ],
    { log, adminToken, refuse: faultAnswer, problemText: refusalText },
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
      streams.close()
      await listener?.close(signal)
    },
  })
  const grpc = addGrpc(lifecycle, options, {
    routes: calls,
    handler,
    ledger,
    watch,
    proxies: settings,
    clock,
  })
  await lifecycle.start()
  return {
    name: 'seckill',
    urls: { traffic: listener?.url ?? '', grpc: grpc.url() },
    stop: async () => void (await lifecycle.stop()),
  }
}

/** What is done with orders once they are made. */
function bookRoutes(desk: Desk, books: Books, options: SeckillOptions): Route[] {
  const { till, letters, auditor } = books
  const { paymentsSigned } = options.settings
  const orders = { ...desk, ...books, ...till, adminToken: options.adminToken, paymentsSigned }
  return [
    ...orderRoutes(orders),
    ...paymentRoutes(orders, till.key),
    ...letterRoutes(letters),
    ...auditRoutes(desk, auditor),
  ]
}

function ready(failure: string): { ready: boolean; detail?: string } {
  return failure === '' ? { ready: true } : { ready: false, detail: failure }
}
