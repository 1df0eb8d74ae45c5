import type { Catalogue } from '../catalogue/catalogue.ts'
import { price, type Language, type Product } from '../catalogue/product.ts'
import { html, type Html, type HtmlValue } from '@spate/http/html'
import { phrases, type Phrases } from '../words.ts'

/** What every page is made with. Holds nothing of a visitor: pages made from it alone may be shared. */
export interface Site {
  readonly catalogue: Catalogue
  readonly language: Language
  /** Paths of the style sheet and the script, with a fingerprint in their names. */
  readonly styles: string
  readonly script: string
}

/** One page. */
export interface Page {
  readonly title: string
  readonly description?: string
  /** Path without its language: `/p/tea-01`. */
  readonly path: string
  readonly body: HtmlValue
  /** Category to mark in the navigation. */
  readonly categoryId?: string
  /** Marks the page for the script: what was looked at. */
  readonly viewed?: string
  /** Seconds after which it is asked for again where no script runs. */
  readonly refreshSeconds?: number
  /** True where search engines should pass by. */
  readonly hidden?: boolean
}

/** `page` as a whole document. */
export function layout(site: Site, page: Page): Html {
  const { language } = site
  const say = phrases(language)
  const other: Language = language === 'zh' ? 'en' : 'zh'
  const title =
    page.path === '' ? `${say.shopName} · ${say.motto}` : `${page.title} · ${say.shopName}`
  return html`<!doctype html>
    <html lang="${language === 'zh' ? 'zh-CN' : 'en'}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        ${page.description ? html`<meta name="description" content="${page.description}" />` : ''}
        ${page.hidden ? html`<meta name="robots" content="noindex" />` : ''}
        ${
          page.refreshSeconds
            ? html`<noscript
                ><meta http-equiv="refresh" content="${page.refreshSeconds}"
              /></noscript>`
            : ''
        }
        <meta name="color-scheme" content="light dark" />
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="${site.styles}" />
        <link
          rel="alternate"
          hreflang="${other === 'zh' ? 'zh-CN' : 'en'}"
          href="/${other}${page.path}"
        />
        <script src="${site.script}" defer></script>
      </head>
      <body data-language="${language}" ${page.viewed ? html` data-viewed="${page.viewed}"` : ''}>
        <a class="skip" href="#main">${say.skip}</a>
        ${header(site, page, say, other)}
        <main id="main">${page.body}</main>
        <footer>
          <div class="wrap">
            <p>${say.footer}</p>
            <p class="quiet">Spate · Apache-2.0</p>
          </div>
        </footer>
      </body>
    </html> `
}

function header(site: Site, page: Page, say: Phrases, other: Language): Html {
  const { language, catalogue } = site
  return html`<header class="top">
    <div class="wrap bar">
      <a class="brand" href="/${language}"
        ><svg viewBox="0 0 40 40" aria-hidden="true">
          <circle cx="20" cy="20" r="20" />
          <path d="M4 22c6-6 10 4 16-1s10-5 16 1M6 29c5-4 9 3 14-1s9-3 14 1" /></svg
        ><span>${say.shopName}</span></a
      >
      <form class="search" action="/${language}/search" role="search">
        <label class="unseen" for="q">${say.search}</label>
        <input id="q" name="q" type="search" maxlength="80" placeholder="${say.searchHint}" />
        <button type="submit" aria-label="${say.search}">
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <circle cx="10.5" cy="10.5" r="6.5" />
            <path d="M15.5 15.5L21 21" />
          </svg>
        </button>
      </form>
      <nav class="links" aria-label="${say.shopName}">
        <a class="hot" href="/${language}/sale">${say.saleTitle}</a>
        <a href="/${language}/for-you">${say.forYou}</a>
        <a href="/${language}/orders">${say.orders}</a>
        <a class="quiet" lang="${other === 'zh' ? 'zh-CN' : 'en'}" href="/${other}${page.path}"
          >${say.otherLanguage}</a
        >
      </nav>
    </div>
    <nav class="shelves" aria-label="${say.shelves}">
      <div class="wrap">
        ${catalogue.categories.map(
          ({ id, name }) =>
            html`<a
              href="/${language}/c/${id}"
              ${id === page.categoryId ? html` aria-current="true"` : ''}
              >${name[language]}</a
            >`,
        )}
      </div>
    </nav>
  </header>`
}

/** What a card may say beside name and price. */
export interface CardExtras {
  /** Why it is shown. */
  readonly reason?: string
  /** The recommendation request it came from, for click events. */
  readonly requestId?: string
  /** True for the first pictures of a page: loaded at once. */
  readonly eager?: boolean
}

/** A product as a tile. */
export function card(language: Language, product: Product, extras: CardExtras = {}): Html {
  return html`<li class="card">
    <a
      href="/${language}/p/${product.id}"
      ${
        extras.requestId === undefined
          ? ''
          : html` data-click="${product.id}" data-request="${extras.requestId}"`
      }
    >
      <img
        src="/pictures/${product.id}.svg"
        width="200"
        height="200"
        alt=""
        loading="${extras.eager ? 'eager' : 'lazy'}"
      />
      <span class="name">${product.name[language]}</span>
      <span class="price">${price(product.priceFen)}</span>
      ${extras.reason ? html`<span class="reason">${extras.reason}</span>` : ''}</a
    >
  </li>`
}

/** Tiles side by side; nothing where there are none. */
export function cards(language: Language, products: readonly Product[], eagerCount = 0): Html {
  return html`<ul class="cards">
    ${products.map((product, at) => card(language, product, { eager: at < eagerCount }))}
  </ul>`
}

/** The place where a visitor's own recommendations are put by the script, after the page has come. */
export function ownBlock(language: Language, itemId?: string): Html {
  const say = phrases(language)
  const query = itemId === undefined ? '' : `?item=${encodeURIComponent(itemId)}`
  return html`<section
    class="own"
    aria-live="polite"
    data-fragment="/${language}/fragments/recommendations${query}"
  >
    <h2>${say.forYou}</h2>
    <p class="quiet wait">${say.loading}</p>
    <noscript
      ><p><a class="button plain" href="/${language}/for-you">${say.forYou}</a></p></noscript
    >
  </section>`
}
