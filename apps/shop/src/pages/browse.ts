import { price, type Category, type Product } from '../catalogue/product.ts'
import { html, type Html } from '@spate/http/html'
import { phrases } from '../words.ts'
import { card, cards, layout, ownBlock, type Site } from './layout.ts'
import { phaseOf, shownOffers, type Offer } from './offers.ts'
import { countdown, salePriceFen, stockBar } from './sale.ts'

/** What the front page shows; all of it is the same for everybody. */
export interface HomeContent {
  readonly offers: readonly Offer[]
  readonly popular: readonly Product[]
  readonly fresh: readonly Product[]
  readonly nowMs: number
}

/** The front page. */
export function homePage(site: Site, content: HomeContent): Html {
  const { language, catalogue } = site
  const say = phrases(language)
  const offer = shownOffers(content.offers, content.nowMs)[0]
  return layout(site, {
    title: say.shopName,
    description: say.motto,
    path: '',
    body: html`${offer ? banner(site, offer, content.nowMs) : hero(site)}
      <div class="wrap">
        ${
          content.popular.length === 0
            ? ''
            : html`<section>
                <h2>${say.popular}</h2>
                ${cards(language, content.popular, 4)}
              </section>`
        }
        ${ownBlock(language)}
        <section>
          <h2>${say.shelves}</h2>
          <ul class="tiles">
            ${catalogue.categories.map((category) => {
              const first = catalogue.inCategory(category.id)[0]
              return html`<li>
                <a href="/${language}/c/${category.id}"
                  >${
                    first
                      ? html`<img
                          src="/pictures/${first.id}.svg"
                          width="200"
                          height="200"
                          alt=""
                          loading="lazy"
                        />`
                      : ''
                  }<span><b>${category.name[language]}</b>${category.line[language]}</span></a
                >
              </li>`
            })}
          </ul>
        </section>
        <section>
          <h2>${say.fresh}</h2>
          ${cards(language, content.fresh)}
        </section>
      </div>`,
  })
}

function hero(site: Site): Html {
  const say = phrases(site.language)
  return html`<section class="banner calm">
    <div class="wrap">
      <div><h1>${say.motto}</h1></div>
    </div>
  </section>`
}

function banner(site: Site, offer: Offer, nowMs: number): Html {
  const { language } = site
  const say = phrases(language)
  const product = site.catalogue.product(offer.productId)
  if (!product) return hero(site)
  return html`<section class="banner" aria-label="${say.saleTitle}">
    <div class="wrap">
      <div>
        <p class="badge">${say.saleTitle}</p>
        <h1>${product.name[language]}</h1>
        <p class="prices">
          <strong>${price(salePriceFen(product))}</strong> <s>${price(product.priceFen)}</s>
        </p>
        ${countdown(offer, nowMs, site)} ${stockBar(offer, site)}
        <p>
          <a class="button big" href="/${language}/sale/${product.id}">${say.saleGo}</a>
          <span class="quiet">${say.saleLine}</span>
        </p>
      </div>
      <a class="frame" href="/${language}/sale/${product.id}" tabindex="-1" aria-hidden="true"
        ><img src="/pictures/${product.id}.svg" width="360" height="360" alt=""
      /></a>
    </div>
  </section>`
}

/** A shelf. */
export function categoryPage(site: Site, category: Category): Html {
  const { language, catalogue } = site
  return layout(site, {
    title: category.name[language],
    description: category.line[language],
    path: `/c/${category.id}`,
    categoryId: category.id,
    body: html`<div class="wrap">
      <h1>${category.name[language]}</h1>
      <p class="lead">${category.line[language]}</p>
      ${cards(language, catalogue.inCategory(category.id), 8)} ${ownBlock(language)}
    </div>`,
  })
}

/** What a product page shows beside the product; the same for everybody. */
export interface ProductContent {
  readonly offer: Offer | undefined
  readonly similar: readonly Product[]
  readonly nowMs: number
}

/** One product. */
export function productPage(site: Site, product: Product, content: ProductContent): Html {
  const { language, catalogue } = site
  const say = phrases(language)
  const category = catalogue.category(product.categoryId)
  const onSale = content.offer && phaseOf(content.offer, content.nowMs) !== 'ended'
  return layout(site, {
    title: product.name[language],
    description: product.description[language],
    path: `/p/${product.id}`,
    categoryId: product.categoryId,
    viewed: product.id,
    body: html`<div class="wrap">
      <nav class="crumbs quiet" aria-label="${say.shelves}">
        <a href="/${language}">${say.shopName}</a> /
        <a href="/${language}/c/${product.categoryId}">${category?.name[language]}</a>
      </nav>
      <article class="product">
        <img src="/pictures/${product.id}.svg" width="480" height="480" alt="" />
        <div>
          <h1>${product.name[language]}</h1>
          <p class="prices"><strong>${price(product.priceFen)}</strong></p>
          <p class="lead">${product.description[language]}</p>
          <ul class="tags">
            ${product.tags.map((tag) => html`<li><a href="/${language}/search?q=${encodeURIComponent(tag)}">${tag}</a></li>`)}
          </ul>
          ${
            onSale && content.offer
              ? html`<div class="nudge">
                  <p class="badge">${say.saleTitle}</p>
                  <div class="stack">${stockBar(content.offer, site)}</div>
                  <a class="button" href="/${language}/sale/${product.id}"
                    >${say.saleGo} · ${price(salePriceFen(product))}</a
                  >
                </div>`
              : ''
          }
          <form class="buy" method="post" action="/${language}/p/${product.id}/buy">
            <input type="hidden" name="key" value="" />
            <button class="button big${onSale ? ' plain' : ''}" type="submit">${say.buy}</button>
            <p class="quiet">${say.inStock} · ${say.demoBuy}</p>
          </form>
        </div>
      </article>
      ${ownBlock(language, product.id)}
      ${
        content.similar.length === 0
          ? ''
          : html`<section>
              <h2>${say.similar}</h2>
              ${cards(language, content.similar)}
            </section>`
      }
    </div>`,
  })
}

/** Answers to `query`; the words come from the visitor and are escaped like all else. */
export function searchPage(site: Site, query: string, found: readonly Product[]): Html {
  const { language } = site
  const say = phrases(language)
  const line = query === '' ? say.searchEmpty : say.searchCount(found.length, query)
  return layout(site, {
    title: say.search,
    path: `/search${query === '' ? '' : `?q=${encodeURIComponent(query)}`}`,
    hidden: true,
    body: html`<div class="wrap">
      <h1>${say.search}</h1>
      <p class="${found.length === 0 && query !== '' ? 'empty' : 'lead'}">
        ${found.length === 0 && query !== '' ? say.searchNone(query) : line}
      </p>
      ${found.length === 0 ? '' : cards(language, found, 8)}
    </div>`,
  })
}

/** A recommended product with its reason in words. */
export interface Pick {
  readonly product: Product
  readonly reason: string
}

/** Inside of the block `ownBlock` leaves room for; made for one visitor and never cached. */
export function recommendationsFragment(
  site: Site,
  picks: readonly Pick[],
  requestId: string,
): Html {
  const { language } = site
  const say = phrases(language)
  return html`<h2>${say.forYou}</h2>
    ${
      picks.length === 0
        ? html`<p class="quiet">${say.forYouEmpty}</p>`
        : html`<ul class="cards">
            ${picks.map(({ product, reason }) => card(language, product, { reason, requestId }))}
          </ul>`
    }`
}

/** The same for people without script, as a page of its own. */
export function forYouPage(site: Site, picks: readonly Pick[], requestId: string): Html {
  const say = phrases(site.language)
  return layout(site, {
    title: say.forYou,
    path: '/for-you',
    hidden: true,
    body: html`<div class="wrap">
      <h1>${say.forYou}</h1>
      <p class="lead">${say.forYouLine}</p>
      ${
        picks.length === 0
          ? html`<p class="empty">${say.forYouEmpty}</p>`
          : html`<ul class="cards">
              ${picks.map(({ product, reason }, at) => card(site.language, product, { reason, requestId, eager: at < 8 }))}
            </ul>`
      }
    </div>`,
  })
}
