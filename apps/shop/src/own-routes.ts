import type { Request, Response } from '@spate/http/exchange'
import { typedRoute } from '@spate/http/input'
import { jsonReader } from '@spate/http/json'
import { jsonResponse } from '@spate/http/problem'
import { parseQuery } from '@spate/http/query'
import type { Route } from '@spate/http/router'
import { secretBytes } from '@spate/runtime/chance'
import { Fault } from '@spate/runtime/fault'
import Type, {
  type TLiteral,
  type TObject,
  type TOptional,
  type TString,
  type TUnion,
} from 'typebox'
import { forYouPage, recommendationsFragment } from './pages/browse.ts'
import { orderPage, ordersPage, thanksPage } from './pages/orders.ts'
import { confirmPage, refusedPage } from './pages/sale.ts'
import { bankManners } from './provider.ts'
import { ownPage, privately, seeOther } from './replies.ts'
import { formOf, keyOf, productOf, sameSite, siteOf, type Shop } from './shop.ts'

/** Largest event from the script, bytes. */
export const deedBytesMax = 1024

/** What the script tells of. */
export const deedSchema: TObject<{
  type: TUnion<[TLiteral<'view'>, TLiteral<'click'>]>
  itemId: TString
  requestId: TOptional<TString>
}> = Type.Object({
  type: Type.Union([Type.Literal('view'), Type.Literal('click')]),
  itemId: Type.String({ minLength: 1, maxLength: 64 }),
  requestId: Type.Optional(Type.String({ maxLength: 64 })),
})

/** Pages and calls of one visitor: no cache keeps them, and here the cookie is set. */
export function ownRoutes(shop: Shop): Route[] {
  const get = (path: string, name: string, handler: Route['handler']): Route => ({
    method: 'GET',
    path,
    name,
    handler,
  })
  const post = (path: string, name: string, handler: Route['handler']): Route => ({
    method: 'POST',
    path,
    name,
    handler,
  })
  return [
    get('/{language}/fragments/recommendations', 'fragment', (request) => fragment(shop, request)),
    get('/{language}/for-you', 'forYou', (request) => forYou(shop, request)),
    get('/{language}/orders', 'orders', (request) => orders(shop, request)),
    get('/{language}/orders/{order}', 'order', (request) => order(shop, request)),
    post('/{language}/orders/{order}/pay', 'pay', (request) => settle(shop, request, 'pay')),
    post('/{language}/orders/{order}/cancel', 'cancel', (request) =>
      settle(shop, request, 'cancel'),
    ),
    post('/{language}/sale/{item}/buy', 'buyInSale', (request) => buyInSale(shop, request)),
    post('/{language}/p/{item}/buy', 'buy', (request) => buy(shop, request)),
    get('/{language}/thanks/{item}', 'thanks', (request) => thanks(shop, request)),
    ...providerRoutes(shop),
    post('/{language}/visitor/new', 'newVisitor', (request) => newVisitor(shop, request)),
    typedRoute({
      method: 'POST',
      path: '/events',
      name: 'tell',
      body: deedSchema,
      bytesMax: deedBytesMax,
      handler: async (request, { body }) => {
        sameSite(request)
        if (!shop.catalogue.product(body.itemId)) throw new Fault('not_found', 'no such product')
        const { userId, cookie } = shop.visitors.of(request)
        const { requestId, ...deed } = body
        const taken = await shop.recommend.tell(
          { ...deed, userId, ...(requestId ? { requestId } : {}) },
          request.context,
        )
        return jsonResponse(202, { accepted: taken }, privately(cookie))
      },
    }),
  ]
}

async function fragment(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const { userId, cookie } = shop.visitors.of(request)
  const itemId = new Map(parseQuery(request.query)).get('item')
  const known = itemId === undefined ? undefined : shop.catalogue.product(itemId)?.id
  const { picks, requestId } = await shop.recommend.forVisitor(
    { userId, language: site.language, ...(known === undefined ? {} : { itemId: known }) },
    request.context,
  )
  return ownPage(recommendationsFragment(site, picks, requestId), cookie)
}

async function forYou(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const { userId, cookie } = shop.visitors.of(request)
  const { picks, requestId } = await shop.recommend.forVisitor(
    { userId, language: site.language },
    request.context,
  )
  return ownPage(forYouPage(site, picks, requestId), cookie)
}

async function orders(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const { userId, cookie } = shop.visitors.of(request)
  // Nobody has bought with a cookie that was made this moment.
  const found = cookie === undefined ? await shop.seckill.orders(userId, request.context) : []
  return ownPage(ordersPage(site, userId, found), cookie)
}

async function order(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const { userId, cookie } = shop.visitors.of(request)
  const found = await shop.seckill.order(request.params['order'] ?? '', userId, request.context)
  if (!found) throw new Fault('not_found')
  const bank = new Map(parseQuery(request.query)).get('bank') ?? ''
  return ownPage(orderPage(site, found, bank), cookie)
}

async function buyInSale(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const product = productOf(shop, request)
  const key = keyOf(await formOf(request))
  const { userId, cookie } = shop.visitors.of(request)
  if (key === undefined)
    return ownPage(confirmPage(site, product, secretBytes(16).toString('hex')), cookie)
  const { offers } = await shop.seckill.offers(request.context)
  const queue = offers.find(({ productId }) => productId === product.id)?.queue === true
  const ticket = queue
    ? (await shop.waiting.look(product.id, userId, request.context))?.ticket
    : undefined
  if (queue && ticket === undefined)
    return seeOther(`/${site.language}/sale/${product.id}/wait`, cookie)
  const outcome = await shop.seckill.purchase({
    ...(ticket === undefined ? {} : { ticket }),
    userId,
    productId: product.id,
    key,
    language: site.language,
    context: request.context,
  })
  return outcome.kind === 'done'
    ? seeOther(`/${site.language}/orders/${encodeURIComponent(outcome.orderId)}`, cookie)
    : ownPage(refusedPage(site, product, outcome.code, outcome.message), cookie, outcome.status)
}

/** Starts a payment at the simulated provider, or cancels. The order's page says what it came to. */
async function settle(shop: Shop, request: Request, verb: 'pay' | 'cancel'): Promise<Response> {
  const site = siteOf(shop, request)
  const form = await formOf(request)
  const { userId, cookie } = shop.visitors.of(request)
  const orderId = request.params['order'] ?? ''
  const found = await shop.seckill.order(orderId, userId, request.context)
  if (!found) throw new Fault('not_found')
  const path = `/${site.language}/orders/${encodeURIComponent(orderId)}`
  if (verb === 'cancel') {
    // Refused (paid or expired meanwhile): the order's page says what it is now.
    await shop.seckill.cancel(orderId, site.language, request.context)
    return seeOther(path, cookie)
  }
  const manner = bankManners.find((each) => each === form.get('bank')) ?? 'now'
  await shop.provider.charge(orderId, manner, request.context)
  return seeOther(
    manner === 'slow' || manner === 'declined' ? `${path}?bank=${manner}` : path,
    cookie,
  )
}

/** The simulated provider's own side: what the flash sale asks of it, signed. */
function providerRoutes(shop: Pick<Shop, 'seal' | 'clock' | 'provider'>): Route[] {
  const signedBody = async (request: Request): Promise<string> => {
    const bytes = request.body.whole ?? (await request.body.bytes(callBytesMax))
    if (bytes.length > callBytesMax) throw new Fault('payload_too_large')
    const body = new TextDecoder().decode(bytes)
    shop.seal.check(request.headers, body, shop.clock.now())
    return body
  }
  return [
    {
      method: 'GET',
      path: '/payments/{payment}',
      name: 'paymentState',
      handler: async (request) => {
        await signedBody(request)
        const state = shop.provider.state(request.params['payment'] ?? '')
        if (state === undefined) throw new Fault('not_found', 'there is no such payment')
        return jsonResponse(200, { state }, privately(undefined))
      },
    },
    {
      method: 'POST',
      path: '/refunds',
      name: 'refund',
      handler: async (request) => {
        const { paymentId } = refundReader.parse(Buffer.from(await signedBody(request)))
        shop.provider.refund(paymentId)
        return jsonResponse(200, { refunded: true }, privately(undefined))
      },
    },
  ]
}

/** Largest call of the flash sale to the provider, bytes. */
const callBytesMax = 2048

const refundReader = jsonReader(
  Type.Object({
    orderId: Type.String({ minLength: 1, maxLength: 128 }),
    paymentId: Type.String({ minLength: 1, maxLength: 128 }),
  }),
)

/** An ordinary purchase: no stock is kept for these, but recommendations learn from it. */
async function buy(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const product = productOf(shop, request)
  const key = keyOf(await formOf(request))
  const { userId, cookie } = shop.visitors.of(request)
  await shop.recommend.tell(
    {
      userId,
      itemId: product.id,
      type: 'purchase',
      ...(key === undefined ? {} : { eventId: `buy-${userId}-${key}` }),
    },
    request.context,
  )
  return seeOther(`/${site.language}/thanks/${product.id}`, cookie)
}

function thanks(shop: Shop, request: Request): Response {
  const site = siteOf(shop, request)
  return ownPage(thanksPage(site, productOf(shop, request)), shop.visitors.of(request).cookie)
}

async function newVisitor(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  await formOf(request)
  return seeOther(`/${site.language}/for-you`, shop.visitors.fresh(request).cookie)
}
