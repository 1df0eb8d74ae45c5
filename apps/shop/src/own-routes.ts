import type { Request, Response } from '@spate/http/exchange'
import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import { parseQuery } from '@spate/http/query'
import type { Route } from '@spate/http/router'
import { secretBytes } from '@spate/runtime/chance'
import { Fault } from '@spate/runtime/fault'
import Type from 'typebox'
import { forYouPage, recommendationsFragment } from './pages/browse.ts'
import { orderPage, ordersPage, thanksPage } from './pages/orders.ts'
import { confirmPage, refusedPage } from './pages/sale.ts'
import { ownPage, privately, seeOther } from './replies.ts'
import { formOf, keyOf, productOf, sameSite, siteOf, type Shop } from './shop.ts'

/** What the script tells of. */
const deedSchema = Type.Object({
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
    post('/{language}/visitor/new', 'newVisitor', (request) => newVisitor(shop, request)),
    typedRoute({
      method: 'POST',
      path: '/events',
      name: 'tell',
      body: deedSchema,
      bytesMax: 1024,
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
  return ownPage(orderPage(site, found), cookie)
}

async function buyInSale(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const product = productOf(shop, request)
  const key = keyOf(await formOf(request))
  const { userId, cookie } = shop.visitors.of(request)
  if (key === undefined)
    return ownPage(confirmPage(site, product, secretBytes(16).toString('hex')), cookie)
  const outcome = await shop.seckill.purchase({
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

/** The simulated provider pays at once; its payment id is made from the order, so twice is once. */
async function settle(shop: Shop, request: Request, verb: 'pay' | 'cancel'): Promise<Response> {
  const site = siteOf(shop, request)
  await formOf(request)
  const { userId, cookie } = shop.visitors.of(request)
  const orderId = request.params['order'] ?? ''
  const found = await shop.seckill.order(orderId, userId, request.context)
  if (!found) throw new Fault('not_found')
  const step = verb === 'pay' ? { pay: `demo-pay-${orderId}` } : 'cancel'
  // Refused (paid or expired meanwhile): the order's page says what it is now.
  await shop.seckill.settle(orderId, step, site.language, request.context)
  return seeOther(`/${site.language}/orders/${encodeURIComponent(orderId)}`, cookie)
}

/** An ordinary purchase: no stock is kept for these, but recommendations learn from it. */
async function buy(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const product = productOf(shop, request)
  keyOf(await formOf(request))
  const { userId, cookie } = shop.visitors.of(request)
  await shop.recommend.tell({ userId, itemId: product.id, type: 'purchase' }, request.context)
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
