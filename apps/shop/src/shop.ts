import type { Request, Response } from '@spate/http/exchange'
import { parseQuery } from '@spate/http/query'
import { Fault, shown } from '@spate/runtime/fault'
import type { Clock } from '@spate/runtime/clock'
import { script, styles } from './assets.ts'
import type { Catalogue } from './catalogue/catalogue.ts'
import { languages, type Language, type Product } from './catalogue/product.ts'
import type { Html } from '@spate/http/html'
import type { Site } from './pages/layout.ts'
import type { Recommend } from './recommend.ts'
import { PageStamps, etagOf, sharedPage } from './replies.ts'
import type { PaymentSeal, SimulatedProvider } from './provider.ts'
import type { Seckill } from './seckill.ts'
import type { Visitors } from './visitor.ts'
import type { WaitingRoom } from './waiting.ts'

/** What the routes of the shop work with. */
export interface Shop {
  readonly catalogue: Catalogue
  readonly clock: Clock
  readonly seckill: Seckill
  readonly waiting: WaitingRoom
  readonly recommend: Recommend
  readonly visitors: Visitors
  readonly stamps: PageStamps
  readonly provider: SimulatedProvider
  readonly seal: PaymentSeal
  /** How long shared caches may keep a page, ms. */
  readonly pageFreshMs: number
  readonly liveFreshMs: number
}

/** The site in the language of the request's path. Throws `not_found` where we do not speak it. */
export function siteOf(shop: Pick<Shop, 'catalogue'>, request: Request): Site {
  const language = languages.find((each) => each === request.params['language'])
  if (!language) throw new Fault('not_found')
  return siteIn(shop, language)
}

/** The site in `language`. */
export function siteIn(shop: Pick<Shop, 'catalogue'>, language: Language): Site {
  return { catalogue: shop.catalogue, language, styles: styles.path, script: script.path }
}

/** The product the path names. Throws `not_found`. */
export function productOf(shop: Pick<Shop, 'catalogue'>, request: Request): Product {
  const product = shop.catalogue.product(request.params['item'] ?? '')
  if (!product) throw new Fault('not_found')
  return product
}

/** A page any cache may keep, with the tags it can be purged by. */
export function sharing(
  shop: Shop,
  request: Request,
  page: Html,
  kept: { readonly tags: readonly string[]; readonly partial?: boolean },
): Response {
  const changedMs = shop.stamps.changed(request.target, etagOf(page.text), shop.clock.now())
  return sharedPage(request, page, {
    freshMs: shop.pageFreshMs,
    tags: ['shop', ...kept.tags],
    changedMs,
    partial: kept.partial ?? false,
  })
}

/** Largest form, bytes: our forms hold one key. */
export const formBytesMax = 4096

/** Fields of a posted form. Throws where it is not one, or comes from another site. */
export async function formOf(request: Request): Promise<ReadonlyMap<string, string>> {
  sameSite(request)
  const type = request.headers.get('content-type') ?? ''
  if (request.body.length === 0 || request.body.whole?.length === 0) return new Map()
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type))
    throw new Fault(
      'unsupported_media_type',
      'a form is expected: application/x-www-form-urlencoded',
    )
  const bytes = request.body.whole ?? (await request.body.bytes(formBytesMax))
  if (bytes.length > formBytesMax)
    throw new Fault('payload_too_large', `a form has at most ${formBytesMax} bytes`)
  const fields = parseQuery(new TextDecoder().decode(bytes))
  const form = new Map(fields)
  if (form.size !== fields.length)
    throw new Fault('invalid_request', 'a field of the form is given twice')
  return form
}

/** Throws `forbidden` where a browser says that another site sent this. */
export function sameSite(request: Request): void {
  const site = request.headers.get('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new Fault('forbidden', 'this may only be sent from the shop itself')
}

/** Form of an attempt's key. */
export const keyPattern: RegExp = /^[\w-]{8,64}$/

/** The attempt's key in `form`; undefined where it is empty. Throws where it is malformed. */
export function keyOf(form: ReadonlyMap<string, string>): string | undefined {
  const key = form.get('key') ?? ''
  if (key === '') return undefined
  if (!keyPattern.test(key))
    throw new Fault('invalid_field', 'the key of the form is not valid', {
      fields: [{ field: 'key', value: shown(key), expected: '8 to 64 letters, digits, _ and -' }],
    })
  return key
}

/** The language `Accept-Language` prefers: Chinese where it comes before English, else English. */
export function preferredLanguage(header: string | undefined): Language {
  const wanted = (header ?? '')
    .split(',')
    .map((part) => {
      const [tag = '', ...rest] = part.trim().toLowerCase().split(';')
      const weight = rest.map((each) => /^\s*q=([\d.]+)$/.exec(each)?.[1]).find(Boolean)
      return { tag: tag.split('-')[0] ?? '', weight: weight === undefined ? 1 : Number(weight) }
    })
    .filter(({ tag, weight }) => weight > 0 && (tag === 'zh' || tag === 'en'))
    .sort((a, b) => b.weight - a.weight)
  return wanted[0]?.tag === 'zh' ? 'zh' : 'en'
}
