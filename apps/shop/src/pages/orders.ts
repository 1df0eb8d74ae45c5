import { price, type Product } from '../catalogue/product.ts'
import { html, type Html } from '@spate/http/html'
import { phrases } from '../words.ts'
import { bankManners } from '../provider.ts'
import { layout, ownBlock, type Site } from './layout.ts'
import { salePriceFen } from './sale.ts'

/** An order as pages show it; read from seckill. */
export interface Order {
  readonly orderId: string
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  readonly status: string
  /** Wall time after which a reserved order expires, ms; undefined where it does not. */
  readonly expiresAtMs: number | undefined
  readonly createdAtMs: number | undefined
}

function status(site: Site, order: Order): Html {
  const say = phrases(site.language)
  return html`<span class="status ${order.status}"
    >${say.statuses[order.status] ?? order.status}</span
  >`
}

/** What a visitor can do with a reserved order: pay it in time, or give it back. */
function settleForms(site: Site, order: Order, action: string, bank: string): Html {
  const say = phrases(site.language)
  return html`${
      order.expiresAtMs === undefined
        ? ''
        : html`<p class="countdown">
            <span>${say.payBefore}</span
            ><time
              datetime="${new Date(order.expiresAtMs).toISOString()}"
              data-until="${order.expiresAtMs}"
              data-reload="1"
              >${new Date(order.expiresAtMs).toISOString().slice(11, 16)} UTC</time
            >
          </p>`
    }
    ${say.banks[bank] && bank !== 'now' ? html`<p class="bank" role="status" data-refresh="${bank === 'slow' ? 5000 : ''}">${say.bankNotes[bank]}</p>` : ''}
    <form class="buy" method="post" action="${action}/pay">
      <p>
        <label
          >${say.bank}
          <select name="bank">
            ${bankManners.map((each) => html`<option value="${each}">${say.banks[each]}</option>`)}
          </select></label
        >
      </p>
      <button class="button big" type="submit">${say.pay}</button>
    </form>
    <form method="post" action="${action}/cancel">
      <button class="button plain" type="submit">${say.cancel}</button>
    </form>
    <p class="quiet">${say.payLine}</p>`
}

/** One order of this visitor, and how the bank took its charge (`slow`, `declined`). Never cached. */
export function orderPage(site: Site, order: Order, bank = ''): Html {
  const { language } = site
  const say = phrases(language)
  const product = site.catalogue.product(order.productId)
  const action = `/${language}/orders/${encodeURIComponent(order.orderId)}`
  return layout(site, {
    title: say.order,
    path: `/orders/${encodeURIComponent(order.orderId)}`,
    hidden: true,
    body: html`<div class="wrap narrow">
      <article class="ticket" data-order="${order.orderId}" data-status="${order.status}">
        ${product ? html`<img src="/pictures/${product.id}.svg" width="160" height="160" alt="" />` : ''}
        <p>${status(site, order)}</p>
        <h1>${product?.name[language] ?? order.productId}</h1>
        <p>${say.statusLines[order.status] ?? ''}</p>
        <dl>
          <div>
            <dt>${say.quantity}</dt>
            <dd>${order.quantity}</dd>
          </div>
          ${
            product
              ? html`<div>
                  <dt>${say.pay}</dt>
                  <dd>${price(salePriceFen(product) * order.quantity)}</dd>
                </div>`
              : ''
          }
          <div>
            <dt>${say.order}</dt>
            <dd><code>${order.orderId}</code></dd>
          </div>
        </dl>
        ${
          order.status === 'reserved'
            ? settleForms(site, order, action, bank)
            : html`<p class="actions">
                <a class="button plain" href="/${language}/orders">${say.orders}</a>
              </p>`
        }
      </article>
      ${ownBlock(language, order.productId)}
    </div>`,
  })
}

/** All orders of this visitor, newest first. Never cached. */
export function ordersPage(site: Site, userId: string, orders: readonly Order[]): Html {
  const { language } = site
  const say = phrases(language)
  return layout(site, {
    title: say.orders,
    path: '/orders',
    hidden: true,
    body: html`<div class="wrap narrow">
      <h1>${say.orders}</h1>
      ${
        orders.length === 0
          ? html`<p class="empty">${say.ordersNone}</p>
              <p><a class="button" href="/${language}/sale">${say.saleGo}</a></p>`
          : html`<ul class="orders">
              ${orders.map((order) => {
                const product = site.catalogue.product(order.productId)
                return html`<li>
                  <a href="/${language}/orders/${encodeURIComponent(order.orderId)}">
                    ${product ? html`<img src="/pictures/${product.id}.svg" width="72" height="72" alt="" />` : ''}
                    <span
                      ><b>${product?.name[language] ?? order.productId}</b
                      ><span class="quiet"
                        >${order.quantity}
                        ×${product ? ` ${price(salePriceFen(product))}` : ''}</span
                      ></span
                    >
                    ${status(site, order)}</a
                  >
                </li>`
              })}
            </ul>`
      }
      <form class="visitor" method="post" action="/${language}/visitor/new">
        <p class="quiet">
          ${say.shopper} <code>${userId}</code>
          <button class="link" type="submit">${say.newShopper}</button>
        </p>
      </form>
    </div>`,
  })
}

/** After an ordinary purchase. Never cached. */
export function thanksPage(site: Site, product: Product): Html {
  const { language } = site
  const say = phrases(language)
  return layout(site, {
    title: say.thanks,
    path: `/p/${product.id}`,
    hidden: true,
    body: html`<div class="wrap narrow">
      <article class="ticket">
        <img src="/pictures/${product.id}.svg" width="160" height="160" alt="" />
        <h1>${say.thanks}</h1>
        <p>${product.name[language]} · ${price(product.priceFen)}</p>
        <p>${say.thanksLine} ${say.demoBuy}</p>
        <p class="actions"><a class="button" href="/${language}">${say.shopName}</a></p>
      </article>
      ${ownBlock(language, product.id)}
    </div>`,
  })
}

/** Something to say instead of a page: not found, or trouble behind us. */
export function messagePage(site: Site, kind: 'missing' | 'troubled', traceId?: string): Html {
  const { language } = site
  const say = phrases(language)
  return layout(site, {
    title: kind === 'missing' ? say.notFound : say.troubled,
    path: '',
    hidden: true,
    body: html`<div class="wrap narrow">
      <article class="ticket">
        <h1>${kind === 'missing' ? say.notFound : say.troubled}</h1>
        <p>${kind === 'missing' ? say.notFoundLine : say.troubledLine}</p>
        ${traceId ? html`<p class="quiet"><code>${traceId}</code></p>` : ''}
        <p class="actions"><a class="button" href="/${language}">${say.back}</a></p>
      </article>
    </div>`,
  })
}
