import { fileURLToPath } from 'node:url'
import { createClientAddress } from '@spate/http/client-address'
import type { Handler } from '@spate/http/exchange'
import type { GrpcService } from '@spate/http/grpc'
import type { GrpcCall, GrpcMethod } from '@spate/http/grpc-method'
import { loadService } from '@spate/http/grpc-proto'
import { routeMethods, type Message } from '@spate/http/grpc-routes'
import type { Route } from '@spate/http/router'
import type { ProxySettings } from '@spate/http/settings'
import { Fault } from '@spate/runtime/fault'
import { orderJson } from '../answers.ts'
import type { OrderJson } from '../contract.ts'
import { orderStatuses } from '../domain/order-table.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { OrderWatch } from '../order-watch.ts'

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
  readonly elapsed: () => number
}

/** Pings of the connection keep a silent stream open, so this is only how often it looks up. */
const quietMs = 60_000

/** The flash sale by gRPC: the HTTP routes under their names, and the orders' streams. */
export async function grpcService(parts: GrpcParts): Promise<GrpcService> {
  const { definition } = await loadService(seckillProto, seckillService)
  const streams: Record<string, GrpcMethod> = {
    WatchOrder: (message: Message, call: GrpcCall) => watchOrder(parts, message, call),
  }
  const unary = Object.keys(definition).filter((name) => !(name in streams))
  const { trustedProxies, forwardedHeader } = parts.proxies
  const methods = routeMethods(unary, {
    routes: parts.routes,
    handler: parts.handler,
    clientAddress: createClientAddress(trustedProxies, forwardedHeader),
    elapsed: parts.elapsed,
    // The state of the sale forbids it, not the caller's rights.
    faults: { not_started: 'conflict', ended: 'conflict', paused: 'conflict' },
    adapt: { CreateCampaign: momentsOf, ChangeCampaign: momentsOf },
  })
  return { proto: seckillProto, name: seckillService, methods: { ...methods, ...streams } }
}

/** Empty texts are moments that are not set: JSON says null. */
function momentsOf(message: Message): Message {
  const moments = ['startsAt', 'endsAt'].filter((name) => message[name] === '')
  return { ...message, ...Object.fromEntries(moments.map((name) => [name, null])) }
}

async function* watchOrder(
  { ledger, watch }: GrpcParts,
  message: Message,
  { signal }: GrpcCall,
): AsyncGenerator<OrderJson, void, undefined> {
  const orderId = String(message['orderId'])
  const after = orderStatuses.find((each) => each === message['after'])
  if (message['after'] !== undefined && after === undefined) throw unknownStatus()
  if (ledger.slotOf(orderId) < 0) throw new Fault('not_found', 'there is no such order')
  for await (const order of watch.follow(orderId, after, quietMs, signal))
    if (order) yield orderJson(order)
}

function unknownStatus(): Fault {
  const expected = `one of ${orderStatuses.join(', ')}`
  return new Fault('invalid_field', undefined, { fields: [{ field: 'after', expected }] })
}
