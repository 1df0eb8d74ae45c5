import type { Handler, Request, Response } from '@spate/http/exchange'
import { problem, traceIdOf } from '@spate/http/problem'
import { createRouter, type Route } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { browseRoutes } from './browse-routes.ts'
import { languages, type Language } from './catalogue/product.ts'
import { ownRoutes } from './own-routes.ts'
import { messagePage } from './pages/orders.ts'
import { securityHeaders } from './replies.ts'
import { waitingRoutes } from './waiting-routes.ts'
import { preferredLanguage, siteIn, type Shop } from './shop.ts'

/** What the handler needs beside the shop. */
export interface ShopHandlerOptions {
  readonly log: Log
  /** Further routes: health, metrics. */
  readonly extra: readonly Route[]
}

/** The whole shop as one handler. Failures are pages for people and problems for programs. */
export function createShopHandler(shop: Shop, options: ShopHandlerOptions): Handler {
  const refuse = (fault: Fault, request: Request): Response => refusal(shop, fault, request)
  return createRouter(
    [...browseRoutes(shop), ...ownRoutes(shop), ...waitingRoutes(shop), ...options.extra],
    {
      log: options.log,
      refuse,
      fallback: (request) => refuse(new Fault('not_found'), request),
    },
  )
}

function refusal(shop: Shop, fault: Fault, request: Request): Response {
  if (!(request.headers.get('accept') ?? '').includes('text/html'))
    return problem(fault, request, { headers: securityHeaders })
  const language = languageOf(request)
  const kind = fault.status === 404 || fault.status === 405 ? 'missing' : 'troubled'
  const page = messagePage(siteIn(shop, language), kind, traceIdOf(request.span))
  return {
    status: fault.status,
    headers: [
      'content-type',
      'text/html; charset=utf-8',
      'cache-control',
      'no-store',
      ...(fault.retryAfterSeconds === undefined
        ? []
        : ['retry-after', String(Math.ceil(fault.retryAfterSeconds))]),
      ...securityHeaders,
    ],
    body: page.text,
    errorType: fault.code,
  }
}

function languageOf(request: Request): Language {
  const first = request.path.split('/')[1]
  const named = languages.find((each) => each === first)
  return named ?? preferredLanguage(request.headers.get('accept-language'))
}
