import type { Request, Response } from '@spate/http/exchange'
import { jsonResponse } from '@spate/http/problem'
import { parseQuery } from '@spate/http/query'
import type { Route } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import { favicon, script, solver, styles } from './assets.ts'
import { queryCharactersMax } from './catalogue/catalogue.ts'
import { pictureOf } from './catalogue/picture.ts'
import { languages } from './catalogue/product.ts'
import { escaped } from '@spate/http/html'
import { categoryPage, homePage, productPage, searchPage } from './pages/browse.ts'
import { phaseOf } from './pages/offers.ts'
import { salePage, salesPage } from './pages/sale.ts'
import { frozen, securityHeaders, shared } from './replies.ts'
import { preferredLanguage, productOf, sharing, siteOf, type Shop } from './shop.ts'

/** Most products on a page of answers. */
export const foundMax = 48

/** Newest products on the front page. */
const freshMax = 8

/** Pages and files any cache may keep: they are made without looking at the visitor. */
export function browseRoutes(shop: Shop): Route[] {
  const get = (path: string, name: string, handler: Route['handler']): Route => ({
    method: 'GET',
    path,
    name,
    handler,
  })
  return [
    get('/', 'root', root),
    get('/{language}', 'home', (request) => home(shop, request)),
    get('/{language}/c/{category}', 'category', (request) => category(shop, request)),
    get('/{language}/p/{item}', 'product', (request) => product(shop, request)),
    get('/{language}/search', 'search', (request) => search(shop, request)),
    get('/{language}/sale', 'sales', (request) => sales(shop, request)),
    get('/{language}/sale/{item}', 'sale', (request) => sale(shop, request)),
    get('/live/sale.json', 'live', (request) => live(shop, request)),
    get('/pictures/{file}', 'picture', (request) => picture(shop, request)),
    get(styles.path, 'styles', (request) => frozen(request, styles.body, styles.type)),
    get(script.path, 'script', (request) => frozen(request, script.body, script.type)),
    get(solver.path, 'solver', (request) => frozen(request, solver.body, solver.type)),
    get('/favicon.svg', 'favicon', (request) => frozen(request, favicon, 'image/svg+xml')),
    get('/sitemap.xml', 'sitemap', (request) => sitemap(shop, request)),
    get('/robots.txt', 'robots', (request) =>
      frozen(request, 'User-agent: *\nDisallow: /events\n', 'text/plain; charset=utf-8'),
    ),
  ]
}

function root(request: Request): Response {
  const language = preferredLanguage(request.headers.get('accept-language'))
  return {
    status: 302,
    headers: ['location', `/${language}`, 'cache-control', 'no-cache', 'vary', 'Accept-Language'],
    body: '',
  }
}

async function home(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const [{ offers, complete }, popular] = await Promise.all([
    shop.seckill.offers(request.context),
    shop.recommend.popular(request.context),
  ])
  const fresh = [...shop.catalogue.products]
    .sort((a, b) => b.publishedAtMs - a.publishedAtMs || (a.id < b.id ? -1 : 1))
    .slice(0, freshMax)
  const page = homePage(site, {
    offers,
    popular: popular.products,
    fresh,
    nowMs: shop.clock.now(),
  })
  return sharing(shop, request, page, { tags: ['home'], partial: !complete || !popular.complete })
}

function category(shop: Shop, request: Request): Response {
  const site = siteOf(shop, request)
  const found = shop.catalogue.category(request.params['category'] ?? '')
  if (!found) throw new Fault('not_found')
  return sharing(shop, request, categoryPage(site, found), { tags: [`category-${found.id}`] })
}

async function product(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const found = productOf(shop, request)
  const [{ offers, complete }, similar] = await Promise.all([
    shop.seckill.offers(request.context),
    shop.recommend.similar(found.id, request.context),
  ])
  const page = productPage(site, found, {
    offer: offers.find(({ productId }) => productId === found.id),
    similar: similar.products,
    nowMs: shop.clock.now(),
  })
  return sharing(shop, request, page, {
    tags: [`product-${found.id}`, `category-${found.categoryId}`],
    partial: !complete || !similar.complete,
  })
}

function search(shop: Shop, request: Request): Response {
  const site = siteOf(shop, request)
  const query = new Map(parseQuery(request.query)).get('q') ?? ''
  const words = query.slice(0, queryCharactersMax).trim()
  const page = searchPage(site, words, shop.catalogue.search(words, foundMax))
  return sharing(shop, request, page, { tags: ['search'] })
}

async function sales(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const { offers, complete } = await shop.seckill.offers(request.context)
  const page = salesPage(site, offers, shop.clock.now())
  return sharing(shop, request, page, { tags: ['sale'], partial: !complete || offers.length === 0 })
}

async function sale(shop: Shop, request: Request): Promise<Response> {
  const site = siteOf(shop, request)
  const found = productOf(shop, request)
  const { offers, complete } = await shop.seckill.offers(request.context)
  const offer = offers.find(({ productId }) => productId === found.id)
  if (!offer) throw new Fault(complete ? 'not_found' : 'store_unavailable')
  const page = salePage(site, found, offer, shop.clock.now())
  return sharing(shop, request, page, {
    tags: ['sale', `product-${found.id}`],
    partial: !complete,
  })
}

/**
 * Stock of every offer, for the script. A shared cache keeps it for a second, so a million pages
 * that ask every two seconds cost the shop one call a second.
 */
async function live(shop: Shop, request: Request): Promise<Response> {
  const { offers, complete } = await shop.seckill.offers(request.context)
  const nowMs = shop.clock.now()
  if (!complete && offers.length === 0) throw new Fault('store_unavailable')
  const seconds = Math.floor(shop.liveFreshMs / 1000)
  return jsonResponse(
    200,
    {
      nowMs,
      offers: Object.fromEntries(
        offers.map((offer) => [
          offer.productId,
          { remaining: offer.remaining, total: offer.total, phase: phaseOf(offer, nowMs) },
        ]),
      ),
    },
    [
      'cache-control',
      `public, max-age=0, s-maxage=${seconds}`,
      'cache-tag',
      'shop,live',
      ...securityHeaders,
    ],
  )
}

function picture(shop: Shop, request: Request): Response {
  const match = /^([a-z]+-\d+)\.svg$/.exec(request.params['file'] ?? '')
  const found = shop.catalogue.product(match?.[1] ?? '')
  if (!found) throw new Fault('not_found')
  return shared(
    request,
    { body: pictureOf(found, escaped(found.name.en)), type: 'image/svg+xml' },
    {
      freshMs: 86_400_000,
      tags: ['shop', 'pictures', `product-${found.id}`],
      changedMs: found.publishedAtMs,
    },
  )
}

function sitemap(shop: Shop, request: Request): Response {
  const paths = languages.flatMap((language) => [
    `/${language}`,
    ...shop.catalogue.categories.map(({ id }) => `/${language}/c/${id}`),
    ...shop.catalogue.products.map(({ id }) => `/${language}/p/${id}`),
  ])
  const origin = `${request.secure ? 'https' : 'http'}://${escaped(request.host)}`
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${paths
    .map((path) => `<url><loc>${origin}${path}</loc></url>`)
    .join('\n')}\n</urlset>\n`
  const newestMs = Math.max(...shop.catalogue.products.map(({ publishedAtMs }) => publishedAtMs))
  return shared(
    request,
    { body, type: 'application/xml; charset=utf-8' },
    { freshMs: shop.pageFreshMs, tags: ['shop', 'sitemap'], changedMs: newestMs },
  )
}
