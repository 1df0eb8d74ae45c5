import { price, type Product } from '../catalogue/product.ts'
import { html, type Html } from '@spate/http/html'
import { phrases } from '../words.ts'
import { waitingPhrases } from '../waiting-words.ts'
import { layout, ownBlock, type Site } from './layout.ts'
import { phaseOf, shownOffers, type Offer, type OfferPhase } from './offers.ts'

/** Countdown that the script keeps going; without it the time of day stands there. */
export function countdown(offer: Offer, nowMs: number, site: Site): Html {
  const say = phrases(site.language)
  const phase = phaseOf(offer, nowMs)
  const untilMs = phase === 'upcoming' ? offer.startsAtMs : offer.endsAtMs
  if (untilMs === undefined) return html``
  const iso = new Date(untilMs).toISOString()
  return html`<p class="countdown">
    <span>${phase === 'upcoming' ? say.startsIn : say.endsIn}</span>
    <time datetime="${iso}" data-until="${untilMs}">${iso.slice(5, 16).replace('T', ' ')} UTC</time>
  </p>`
}

/** How much is left, kept fresh by the script. */
export function stockBar(offer: Offer, site: Site): Html {
  const say = phrases(site.language)
  const share = offer.total > 0 ? Math.ceil((100 * offer.remaining) / offer.total) : 0
  return html`<div class="stock" data-stock="${offer.productId}">
    <progress max="100" value="${share}" aria-label="${say.left}"></progress>
    <p>
      <b data-remaining>${offer.remaining}</b> ${say.left}
      <span class="quiet">${say.of} <span data-total>${offer.total}</span></span>
      <span class="pulse">${say.live}</span>
    </p>
  </div>`
}

/** The price of a flash sale, in fen: two fifths off, ending in 9 yuan. */
export function salePriceFen(product: Product): number {
  return Math.max(9, Math.round((product.priceFen * 0.6) / 1000) * 10 - 1) * 100
}

function prices(product: Product): Html {
  return html`<p class="prices">
    <strong>${price(salePriceFen(product))}</strong> <s>${price(product.priceFen)}</s>
  </p>`
}

/** One offer as a wide tile. */
function offerTile(offer: Offer, site: Site, nowMs: number): Html {
  const product = site.catalogue.product(offer.productId)
  if (!product) return html``
  const { language } = site
  const say = phrases(language)
  return html`<li class="offer">
    <a href="/${language}/sale/${product.id}">
      <img src="/pictures/${product.id}.svg" width="200" height="200" alt="" />
      <div>
        <h3>${product.name[language]}</h3>
        ${prices(product)} ${stockBar(offer, site)} ${countdown(offer, nowMs, site)}
        <span class="button">${say.saleGo}</span>
      </div></a
    >
  </li>`
}

/** All sales that run or will run. */
export function salesPage(site: Site, offers: readonly Offer[], nowMs: number): Html {
  const say = phrases(site.language)
  const shown = shownOffers(offers, nowMs)
  return layout(site, {
    title: say.saleTitle,
    path: '/sale',
    body: html`<div class="wrap">
      <h1>${say.saleTitle}</h1>
      <p class="lead">${say.saleLine}</p>
      ${
        shown.length === 0
          ? html`<p class="empty">${say.saleNone}</p>`
          : html`<ul class="offers">
              ${shown.map((offer) => offerTile(offer, site, nowMs))}
            </ul>`
      }
      ${ownBlock(site.language)}
    </div>`,
  })
}

/** One sale, with the button. The form has no key yet: the script or the confirm page adds it. */
export function salePage(site: Site, product: Product, offer: Offer, nowMs: number): Html {
  const { language } = site
  const say = phrases(language)
  const phase = phaseOf(offer, nowMs)
  return layout(site, {
    title: `${say.saleTitle}: ${product.name[language]}`,
    description: product.description[language],
    path: `/sale/${product.id}`,
    viewed: product.id,
    body: html`<div class="wrap">
      <article class="product sale">
        <img src="/pictures/${product.id}.svg" width="480" height="480" alt="" />
        <div>
          <p class="badge">${say.saleTitle}</p>
          <h1>${product.name[language]}</h1>
          <p>${product.description[language]}</p>
          ${prices(product)} ${countdown(offer, nowMs, site)} ${stockBar(offer, site)}
          ${offer.queue ? queueForm(site, product, phase) : buyForm(site, product, offer, nowMs)}
        </div>
      </article>
      ${ownBlock(language, product.id)}
    </div>`,
  })
}

/** The way into the waiting room: open before the start too. */
function queueForm({ language }: Site, product: Product, phase: OfferPhase): Html {
  const say = waitingPhrases(language)
  return phase === 'ended'
    ? html`<p>${say.ended}</p>`
    : html`<p>
          <a class="button big" href="/${language}/sale/${product.id}/wait">${say.join}</a>
        </p>
        <p class="quiet">${say.joinLine}</p>`
}

function buyForm({ language }: Site, product: Product, offer: Offer, nowMs: number): Html {
  const say = phrases(language)
  const phase = phaseOf(offer, nowMs)
  return html`<form
    class="buy"
    method="post"
    action="/${language}/sale/${product.id}/buy"
    data-phase="${phase}"
    data-starts="${offer.startsAtMs ?? ''}"
    data-ends="${offer.endsAtMs ?? ''}"
    data-sold-out="${say.soldOut}"
    data-ended="${say.ended}"
  >
    <input type="hidden" name="key" value="" />
    <button class="button big" type="submit">
      ${phase === 'sold_out' ? say.soldOut : say.buySale}
    </button>
    <p class="quiet">${say.perUser(offer.perUserLimit)} · ${say.confirmLine}</p>
  </form>`
}

/** Asked without a key (no script): gives the visitor a form that has one. Never cached. */
export function confirmPage(site: Site, product: Product, key: string): Html {
  const { language } = site
  const say = phrases(language)
  return layout(site, {
    title: say.confirm,
    path: `/sale/${product.id}`,
    hidden: true,
    body: html`<div class="wrap narrow">
      <article class="ticket">
        <img src="/pictures/${product.id}.svg" width="160" height="160" alt="" />
        <h1>${say.confirm}</h1>
        <p>${product.name[language]}</p>
        ${prices(product)}
        <form class="buy" method="post" action="/${language}/sale/${product.id}/buy">
          <input type="hidden" name="key" value="${key}" />
          <button class="button big" type="submit">${say.buySale}</button>
        </form>
        <p class="quiet">${say.confirmLine}</p>
      </article>
    </div>`,
  })
}

/** Seckill said no. Never cached. */
export function refusedPage(site: Site, product: Product, code: string, message: string): Html {
  const { language } = site
  const say = phrases(language)
  return layout(site, {
    title: say.refused,
    path: `/sale/${product.id}`,
    hidden: true,
    body: html`<div class="wrap narrow">
      <article class="ticket refused" data-code="${code}">
        <img src="/pictures/${product.id}.svg" width="160" height="160" alt="" />
        <h1>${say.refused}</h1>
        <p>${say.refusals[code] ?? message}</p>
        <p class="actions">
          <a class="button" href="/${language}/sale/${product.id}">${say.back}</a>
          <a class="button plain" href="/${language}/orders">${say.orders}</a>
        </p>
      </article>
      ${ownBlock(language, product.id)}
    </div>`,
  })
}
