import { trace, type Span } from '@opentelemetry/api'
import type { PreparedResponse, Request, Response } from '@spate/http/exchange'
import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import { spanNames } from '@spate/telemetry/names'
import { faultAnswer, isoTime, languageFor, orderJson, refusal, SoldOutAnswer } from '../answers.ts'
import { cartBody, purchaseBody, type CartBody, type PurchaseBody } from '../contract.ts'
import type { Outcome } from '../domain/command.ts'
import { purchased } from '../messages.ts'
import { gateAnswer, idempotencyKey, type Desk } from './desk.ts'

type Answer = Response | PreparedResponse

const purchasePath = '/seckill/purchase'
const soldOut = new SoldOutAnswer(purchasePath)
const jsonHeaders: readonly string[] = ['content-type', 'application/json']

/** Buying: one product, or a cart. */
export function purchaseRoutes(desk: Desk): Route[] {
  return [
    typedRoute({
      method: 'POST',
      path: purchasePath,
      name: 'purchase',
      summary: 'Reserve units of one product for a buyer',
      body: purchaseBody,
      bytesMax: 4096,
      refusals: [403, 404, 409, 429, 503],
      handler: (request, { body }) => purchase(desk, request, body),
    }),
    typedRoute({
      method: 'POST',
      path: '/seckill/carts',
      name: 'purchaseCart',
      summary: 'Reserve several products for a buyer, all or nothing',
      body: cartBody,
      bytesMax: 16_384,
      refusals: [403, 404, 409, 429, 503],
      handler: (request, { body }) => cart(desk, request, body),
    }),
  ]
}

/** `outcome` with a span over the wait for the journal, from the decision to the disk's word, where the trace is recorded. */
function durably<Settled>(
  { tracer }: Desk,
  request: Request,
  parent: Span,
  outcome: Promise<Settled>,
): Promise<Settled> {
  if (!parent.isRecording()) return outcome
  const span = tracer.startSpan(spanNames.journalAppend, {}, trace.setSpan(request.context, parent))
  return outcome.finally(() => span.end())
}

/** `go` for the buyer the request speaks for, where the gate lets him through. */
function admitted(
  desk: Desk,
  request: Request,
  asked: { readonly userId: string | undefined; readonly products: readonly string[] },
  go: (userId: string) => Answer | Promise<Answer>,
): Answer | Promise<Answer> {
  const { gate } = desk
  const early = gate.arrive(request)
  if (early) return gateAnswer(early, request)
  const known = (userId: string): Answer | Promise<Answer> => {
    const refused = gate.ask(request, userId, asked.products)
    return refused ? gateAnswer(refused, request) : go(userId)
  }
  const userId = gate.identity(request, asked.userId)
  return userId instanceof Promise ? userId.then(known) : known(userId)
}

const ticketHeader = 'seckill-ticket'

function purchase(desk: Desk, request: Request, body: PurchaseBody): Answer | Promise<Answer> {
  const asked = { userId: body.userId, products: [body.productId] }
  return admitted(desk, request, asked, (buyer) => purchaseBy(desk, request, buyer, body))
}

function purchaseBy(
  desk: Desk,
  request: Request,
  userId: string,
  { productId, quantity = 1 }: PurchaseBody,
): Answer | Promise<Answer> {
  const key = idempotencyKey(request)
  const shown = request.headers.get(ticketHeader)
  const [ticket = ''] = desk.gate.ticketNumbers(userId, [productId], shown)
  const span = desk.tracer.startSpan(spanNames.seckillPurchase, {}, request.context)
  span.setAttribute('user.id', userId)
  span.setAttribute('product.id', productId)
  span.setAttribute('quantity', quantity)
  try {
    const outcome = desk.ledger.purchase({ userId, productId, quantity, key, ticket })
    if (!(outcome instanceof Promise)) return purchaseAnswer(desk, request, span, outcome)
    return durably(desk, request, span, outcome).then(
      (settled) => purchaseAnswer(desk, request, span, settled),
      (caught: unknown) => failed(span, request, caught),
    )
  } catch (caught) {
    return failed(span, request, caught)
  }
}

function purchaseAnswer(desk: Desk, request: Request, span: Span, outcome: Outcome): Answer {
  if (outcome.kind === 'reserved') {
    span.setAttribute('order.id', outcome.orderId)
    if (!outcome.replayed) desk.links.keep(outcome.slot, span)
    span.end()
    // Every part is plain ASCII without quotes, except the message, which is ours.
    const body =
      `{"success":true,"orderId":"${outcome.orderId}","status":"reserved",` +
      `"expiresAt":"${isoTime(outcome.expiresAtMs)}",` +
      `"message":"${purchased[languageFor(request)]}"}`
    return { status: 200, headers: jsonHeaders, body }
  }
  if (outcome.kind !== 'refused') throw new Fault('internal', 'a purchase has another outcome')
  span.setAttribute('error.type', outcome.code)
  span.end()
  return outcome.code === 'sold_out' ? soldOut.to(request) : refusal(outcome.code, request)
}

function cart(desk: Desk, request: Request, body: CartBody): Answer | Promise<Answer> {
  refuseTwice(body.items)
  const products = body.items.map(({ productId }) => productId)
  const asked = { userId: body.userId, products }
  return admitted(desk, request, asked, (buyer) => cartBy(desk, request, buyer, body))
}

function cartBy(
  desk: Desk,
  request: Request,
  userId: string,
  body: CartBody,
): Answer | Promise<Answer> {
  const key = idempotencyKey(request)
  const products = body.items.map(({ productId }) => productId)
  const shown = request.headers.get(ticketHeader)
  const tickets = desk.gate.ticketNumbers(userId, products, shown)
  const items = body.items.map(({ productId, quantity = 1 }, line) => ({
    productId,
    quantity,
    ticket: tickets[line] ?? '',
  }))
  const span = desk.tracer.startSpan(spanNames.seckillPurchase, {}, request.context)
  span.setAttribute('user.id', userId)
  span.setAttribute(
    'quantity',
    items.reduce((sum, { quantity }) => sum + quantity, 0),
  )
  try {
    const outcome = desk.ledger.cart({ userId, key, items })
    if (!(outcome instanceof Promise)) return cartAnswer(desk, request, span, outcome)
    return durably(desk, request, span, outcome).then(
      (settled) => cartAnswer(desk, request, span, settled),
      (caught: unknown) => failed(span, request, caught),
    )
  } catch (caught) {
    return failed(span, request, caught)
  }
}

function refuseTwice(items: CartBody['items']): void {
  const seen = new Set<string>()
  for (const [index, { productId }] of items.entries()) {
    if (seen.has(productId)) {
      throw new Fault('invalid_field', undefined, {
        fields: [
          {
            field: `items[${index}].productId`,
            value: productId.slice(0, 80),
            expected: 'each product once; give its quantity instead',
          },
        ],
      })
    }
    seen.add(productId)
  }
}

function cartAnswer(desk: Desk, request: Request, span: Span, outcome: Outcome): Answer {
  if (outcome.kind === 'refused') {
    span.setAttribute('error.type', outcome.code)
    span.end()
    return refusal(outcome.code, request, { item: outcome.line })
  }
  if (outcome.kind !== 'cart') throw new Fault('internal', 'a cart has another outcome')
  const orders = outcome.slots.map((slot) => {
    if (!outcome.replayed) desk.links.keep(slot, span)
    // The same key gets the same answer: the orders as they were when they were made.
    const order = desk.ledger.view(slot)
    return orderJson({ ...order, status: 'reserved', paymentId: '' })
  })
  span.end()
  return jsonResponse(200, {
    success: true,
    cartId: orders[0]?.orderId,
    status: 'reserved',
    expiresAt: orders.map(({ expiresAt }) => expiresAt).sort()[0],
    orders,
    message: purchased[languageFor(request)],
  })
}

function failed(span: Span, request: Request, caught: unknown): Response {
  const fault = Fault.from(caught)
  span.setAttribute('error.type', fault.code)
  span.recordException(fault)
  span.end()
  if (fault.code === 'internal') throw fault
  return faultAnswer(fault, request)
}
