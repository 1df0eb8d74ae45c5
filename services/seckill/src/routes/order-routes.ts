import type { Request, Response } from '@spate/http/exchange'
import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { encodeEvent, sseHeaders, sseKeepAlive } from '@spate/http/sse'
import type { AdminToken } from '@spate/http/admin-token'
import { Fault } from '@spate/runtime/fault'
import { orderJson } from '../answers.ts'
import {
  cancelBody,
  type CancelBody,
  orderParams,
  orderQuery,
  ordersQuery,
  payBody,
  type OrderQuery,
  type OrdersQuery,
} from '../contract.ts'
import type { Outcome } from '../domain/command.ts'
import { orderStatuses, type OrderStatus } from '../domain/order-table.ts'
import { finalStatus } from '../order-watch.ts'
import type { Cashier } from '../payments/cashier.ts'
import type { OrderStore } from '../orders/order-store.ts'
import type { Projection } from '../orders/projection.ts'
import type { Desk } from './desk.ts'

/** What the order routes need beside the desk. */
export interface OrderDesk extends Desk {
  readonly store: OrderStore
  readonly projection: Projection
  readonly adminToken: AdminToken
  readonly cashier: Cashier
  /** True where only the signed webhook and administrators may say that an order was paid. */
  readonly paymentsSigned: boolean
}

const orderPath = '/seckill/orders/{orderId}'
const pageSize = 100

/** Orders: read, paid, given up. */
export function orderRoutes(desk: OrderDesk): Route[] {
  return [
    typedRoute({
      method: 'GET',
      path: orderPath,
      name: 'getOrder',
      summary: 'One order; with wait, once it exists or its status is no longer `after`',
      params: orderParams,
      query: orderQuery,
      refusals: [404],
      handler: (request, { params, query }) => one(desk, request, params.orderId, query),
    }),
    typedRoute({
      method: 'GET',
      path: `${orderPath}/events`,
      name: 'watchOrder',
      summary: 'The order now and after each change of its status, as server-sent events',
      params: orderParams,
      produces: 'text/event-stream',
      refusals: [404, 503],
      handler: (request, { params }) => events(desk, request, params.orderId),
    }),
    typedRoute({
      method: 'GET',
      path: '/seckill/orders',
      name: 'listOrders',
      summary: "A buyer's orders, newest first; for administrators, a product's",
      query: ordersQuery,
      refusals: [401],
      handler: (request, { query }) => list(desk, request, query),
    }),
    typedRoute({
      method: 'POST',
      path: `${orderPath}/pay`,
      name: 'payOrder',
      summary: 'Tell that an order was paid',
      params: orderParams,
      body: payBody,
      bytesMax: 4096,
      refusals: [401, 404, 503],
      handler: async (request, { params, body }) => {
        if (desk.paymentsSigned) desk.adminToken.require(request)
        const owner = await ownerOf(desk, request, body.userId)
        return orderAnswer(desk, await desk.cashier.pay({ ...params, ...body, ...owner }))
      },
    }),
    typedRoute({
      method: 'POST',
      path: `${orderPath}/cancel`,
      name: 'cancelOrder',
      summary: 'Give an order up; a paid one is refunded',
      params: orderParams,
      body: cancelBody,
      bodyOptional: true,
      bytesMax: 4096,
      refusals: [404, 503],
      handler: async (request, { params, body }) => {
        const { userId } = (body as CancelBody | undefined) ?? {}
        const owner = await ownerOf(desk, request, userId)
        return orderAnswer(desk, await desk.ledger.run({ kind: 'cancel', ...params, ...owner }))
      },
    }),
  ]
}

/**
 * Whose orders a call may touch: its user's. Where identity comes from the body, whoever it names,
 * and everybody's where it names nobody: order ids cannot be guessed. Administrators': everybody's.
 */
async function ownerOf(
  { gate, adminToken }: OrderDesk,
  request: Request,
  named: string | undefined,
): Promise<{ readonly userId?: string }> {
  if (!gate.anonymous && !carries(adminToken, request))
    return { userId: await gate.identity(request, named) }
  return named === undefined ? {} : { userId: named }
}

function carries(adminToken: AdminToken, request: Request): boolean {
  try {
    adminToken.require(request)
    return true
  } catch {
    // Somebody else's token, or none: identity says what that is worth.
    return false
  }
}

async function one(
  desk: OrderDesk,
  request: Request,
  orderId: string,
  query: OrderQuery,
): Promise<Response> {
  const { wait = 0, after } = query
  const { userId } = await ownerOf(desk, request, undefined)
  const order = await desk.watch.wait(orderId, after, wait)
  if (!order || (userId !== undefined && order.userId !== userId)) throw notFound()
  return jsonResponse(200, orderJson(order), noStore)
}

/** Silence after which a comment is sent so that proxies keep the connection, ms. */
const keepAliveMs = 15_000

/**
 * Server-sent events, one a change; the id of an event is the status, since none comes twice. A
 * reader that comes back with `Last-Event-ID` gets the present status unless it is that one; after
 * the final status it is told (204) not to come back.
 */
async function events(desk: OrderDesk, request: Request, orderId: string): Promise<Response> {
  const after = orderStatuses.find((each) => each === request.headers.get('last-event-id'))
  const { userId } = await ownerOf(desk, request, undefined)
  const slot = desk.ledger.slotOf(orderId)
  if (slot < 0 || (userId !== undefined && desk.ledger.view(slot).userId !== userId))
    throw notFound()
  if (after === finalStatus) return { status: 204, headers: noStore }
  desk.watch.admit()
  return { status: 200, headers: sseHeaders, body: frames(desk, request, orderId, after) }
}

async function* frames(
  desk: OrderDesk,
  request: Request,
  orderId: string,
  after: OrderStatus | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const order of desk.watch.follow(orderId, after, keepAliveMs, request.signal))
    yield order
      ? encodeEvent({ event: 'order', id: order.status, data: orderJson(order) })
      : sseKeepAlive
}

async function list(desk: OrderDesk, request: Request, query: OrdersQuery): Promise<Response> {
  const { productId, limit = pageSize, cursor } = query
  const { userId } = await ownerOf(desk, request, query.userId)
  if (userId !== undefined && productId === undefined) {
    const orders = desk.ledger.ordersOf(userId, limit, cursor)
    const last = orders.at(-1)
    const next = orders.length === limit && last ? { next: last.slot } : {}
    return jsonResponse(200, { orders: orders.map(orderJson), ...next }, noStore)
  }
  if (productId === undefined) {
    throw new Fault('invalid_field', undefined, {
      fields: [{ field: 'userId', expected: 'a user id (or, for administrators, a productId)' }],
    })
  }
  desk.adminToken.require(request)
  await desk.projection.caughtUp()
  const page = await desk.store.ofProduct({ productId, userId, limit, after: cursor ?? -1 })
  return jsonResponse(200, page, noStore)
}

/** The order after a payment or a cancellation, and the money that goes back. */
export function orderAnswer(desk: OrderDesk, outcome: Outcome, more: object = {}): Response {
  if (outcome.kind !== 'order') throw notFound()
  const refund =
    outcome.returnPayment === '' ? {} : { refund: { paymentId: outcome.returnPayment } }
  return jsonResponse(
    200,
    {
      ...more,
      ...orderJson(desk.ledger.view(outcome.slot)),
      ...refund,
    },
    noStore,
  )
}

const noStore = ['cache-control', 'no-store']

function notFound(): Fault {
  return new Fault('not_found', 'there is no such order')
}
