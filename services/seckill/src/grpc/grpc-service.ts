import { fileURLToPath } from 'node:url'
import { createClientAddress } from '@spate/http/client-address'
import type { Handler } from '@spate/http/exchange'
import type { GrpcService } from '@spate/http/grpc'
import type { GrpcCall, GrpcMethod } from '@spate/http/grpc-method'
import { loadService } from '@spate/http/grpc-proto'
import { routeMethods, type Message } from '@spate/http/grpc-routes'
import type { Route } from '@spate/http/router'
import type { ProxySettings } from '@spate/http/settings'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { orderJson } from '../answers.ts'
import type { OrderJson } from '../contract.ts'
import { orderStatuses } from '../domain/order-table.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { OrderWatch } from '../order-watch.ts'
import type { QueueJson } from '../gate/contract.ts'
import { settled, unchanging } from '../routes/queue-view.ts'

/** The service's `.proto`. */
export const seckillProto: string = fileURLToPath(new URL('seckill.proto', import.meta.url))

/** The service's full name. */
export const seckillService = 'spate.seckill.v1.Seckill'

/** What the gRPC methods stand on. */
export interface GrpcParts {
  readonly routes: readonly Route[]
  readonly handler: Handler
  readonly ledger: EmbeddedLedger
  readonly watch: OrderWatch
  readonly proxies: ProxySettings
  readonly clock: Clock
}

/** Pings of the connection keep a silent stream open, so this is only how often it looks up. */
const quietMs = 60_000

/** The flash sale by gRPC: the HTTP routes under their names, and the orders' streams. */
export async function grpcService(parts: GrpcParts): Promise<GrpcService> {
  const { definition } = await loadService(seckillProto, seckillService)
  const streams: Record<string, GrpcMethod> = {
    WatchOrder: (message: Message, call: GrpcCall) =>
      watchOrder(parts.watch, methods['GetOrder'] as GrpcAsk, message, call),
    WatchQueue: (message: Message, call: GrpcCall) =>
      watchQueue(methods['GetQueue'] as Look, parts.clock, message, call),
  }
  const unary = Object.keys(definition).filter((name) => !(name in streams))
  const { trustedProxies, forwardedHeader } = parts.proxies
  const methods = routeMethods(unary, {
    routes: parts.routes,
    handler: parts.handler,
    clientAddress: createClientAddress(trustedProxies, forwardedHeader),
    elapsed: () => parts.clock.elapsed(),
    // The state of the sale forbids it, not the caller's rights.
    faults: { not_started: 'conflict', ended: 'conflict', paused: 'conflict' },
    adapt: { CreateCampaign: momentsOf, ChangeCampaign: momentsOf },
  })
  return { proto: seckillProto, name: seckillService, methods: { ...methods, ...streams } }
}

type Look = (message: Message, call: GrpcCall) => Promise<QueueJson>

/** How often a place in line is looked at, ms. */
const lookEveryMs = 500

/** The place as `GetQueue` tells it, where it changed, until it is settled. */
async function* watchQueue(
  look: Look,
  clock: Clock,
  message: Message,
  call: GrpcCall,
): AsyncGenerator<QueueJson, void, undefined> {
  let told = ''
  while (!call.signal.aborted) {
    const place = await look(message, call)
    const key = unchanging(place)
    if (key !== told) yield place
    if (settled.has(place.status)) return
    told = key
    // Whoever left meanwhile is seen by the loop.
    await clock.sleep(lookEveryMs, call.signal).catch(() => {})
  }
}

/** Empty texts are moments that are not set: JSON says null. */
function momentsOf(message: Message): Message {
  const moments = ['startsAt', 'endsAt'].filter((name) => message[name] === '')
  return { ...message, ...Object.fromEntries(moments.map((name) => [name, null])) }
}

type GrpcAsk = (message: Message, call: GrpcCall) => Promise<unknown>

async function* watchOrder(
  watch: OrderWatch,
  getOrder: GrpcAsk,
  message: Message,
  call: GrpcCall,
): AsyncGenerator<OrderJson, void, undefined> {
  const orderId = String(message['orderId'])
  const after = orderStatuses.find((each) => each === message['after'])
  if (message['after'] !== undefined && after === undefined) throw unknownStatus()
  // Refuses an order that is not there, or is not the caller's to see.
  await getOrder({ orderId }, call)
  for await (const order of watch.follow(orderId, after, quietMs, call.signal))
    if (order) yield orderJson(order)
}

function unknownStatus(): Fault {
  const expected = `one of ${orderStatuses.join(', ')}`
  return new Fault('invalid_field', undefined, { fields: [{ field: 'after', expected }] })
}
