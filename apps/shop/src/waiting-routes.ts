import type { Request, Response } from '@spate/http/exchange'
import type { Route } from '@spate/http/router'
import { secretBytes } from '@spate/runtime/chance'
import { Fault } from '@spate/runtime/fault'
import { solver } from './assets.ts'
import { waitingPage } from './pages/waiting.ts'
import { ownPage, privately, securityHeaders, seeOther } from './replies.ts'
import { formOf, productOf, siteOf, type Shop } from './shop.ts'

const path = '/{language}/sale/{item}/wait'

/** The waiting room: a page that waits, by events where a script runs and by refresh where none does. */
export function waitingRoutes(shop: Shop): Route[] {
  return [
    { method: 'GET', path, name: 'wait', handler: (request) => page(shop, request) },
    { method: 'POST', path, name: 'joinWait', handler: (request) => join(shop, request) },
    {
      method: 'GET',
      path: `${path}/events`,
      name: 'waitEvents',
      handler: (request) => events(shop, request),
    },
  ]
}

async function page(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const product = productOf(shop, request)
  const { userId, cookie } = shop.visitors.of(request)
  const { context } = request
  const waiting = await shop.waiting.look(product.id, userId, context)
  if (!waiting) throw new Fault('not_found')
  const task =
    waiting.status === 'not_joined'
      ? await shop.waiting.task(product.id, userId, context)
      : undefined
  const key = secretBytes(16).toString('hex')
  return ownPage(waitingPage(site, { product, waiting, task, key, solver: solver.path }), cookie)
}

async function join(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const product = productOf(shop, request)
  const form = await formOf(request)
  const { userId, cookie } = shop.visitors.of(request)
  const [challenge = '', proof = ''] = [form.get('challenge'), form.get('proof')]
  const proven = challenge === '' || proof === '' ? undefined : { challenge, proof }
  // Where a proof is wanted first, the page asks the browser for it.
  await shop.waiting.join(product.id, userId, proven, request.context)
  return seeOther(`/${site.language}/sale/${product.id}/wait`, cookie)
}

async function events(shop: Shop, request: Request): Promise<Response> {
  siteOf(shop, request)
  const product = productOf(shop, request)
  const { userId, cookie } = shop.visitors.of(request)
  const { context, signal } = request
  const body = await shop.waiting.stream(product.id, userId, { context, signal })
  return {
    status: 200,
    headers: [
      'content-type',
      'text/event-stream; charset=utf-8',
      'x-accel-buffering',
      'no',
      ...privately(cookie),
      ...securityHeaders,
    ],
    body,
  }
}
