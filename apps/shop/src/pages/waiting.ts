import { html, type Html } from '@spate/http/html'
import type { Product } from '../catalogue/product.ts'
import type { Task, Waiting } from '../waiting.ts'
import { waitingPhrases, type WaitingPhrases } from '../waiting-words.ts'
import { phrases } from '../words.ts'
import { layout, type Site } from './layout.ts'

/** How often the page is asked for again where no script runs, seconds. */
const refreshSeconds = 5

/** What the page is made of. */
export interface WaitingView {
  readonly product: Product
  readonly waiting: Waiting
  /** Work for the browser to do before it may join; undefined where there is none. */
  readonly task: Task | undefined
  /** Key of the purchase, once the visitor is let in. */
  readonly key: string
  /** Path of the script that finds proofs. */
  readonly solver: string
}

/** The waiting room for one visitor. Never cached. */
export function waitingPage(site: Site, view: WaitingView): Html {
  const { product, waiting } = view
  const { language } = site
  const say = waitingPhrases(language)
  const { status } = waiting
  const moving = status !== 'not_joined' && status !== 'admitted' && status !== 'ended'
  const path = `/sale/${product.id}/wait`
  return layout(site, {
    title: `${say.title}: ${product.name[language]}`,
    path,
    hidden: true,
    ...(moving ? { refreshSeconds } : {}),
    body: html`<div class="wrap narrow">
      <article
        class="ticket waiting ${status}"
        data-status="${status}"
        ${moving ? html` data-wait="/${language}${path}/events"` : ''}
      >
        <img src="/pictures/${product.id}.svg" width="160" height="160" alt="" />
        <p class="badge">${say.title}</p>
        <h1>${product.name[language]}</h1>
        <div aria-live="polite">${state(site, view, say)}</div>
        ${moving ? html`<p class="quiet">${say.keep}</p>` : ''}
        ${moving ? html`<noscript><p class="quiet">${say.refresh}</p></noscript>` : ''}
      </article>
      <details class="fair">
        <summary>${say.fair}</summary>
        <p>${say.fairLine}</p>
        <p><code>${waiting.commitment}</code></p>
      </details>
    </div>`,
  })
}

function state(site: Site, view: WaitingView, say: WaitingPhrases): Html {
  const { waiting } = view
  switch (waiting.status) {
    case 'not_joined':
      return joining(site, view, say)
    case 'before_start':
      return html`<p class="drawn">${say.drawn}</p>
        ${countdown(site, waiting)} ${crowd(waiting, say)}`
    case 'waiting':
      return line(site, waiting, say)
    case 'admitted':
      return buying(site, view, say)
    case 'sold_out':
      return html`<p>${say.soldOut}</p>
        ${crowd(waiting, say)}`
    case 'paused':
      return html`<p>${say.paused}</p>
        ${crowd(waiting, say)}`
    case 'ended':
      return html`<p>${say.ended}</p>
        <p class="actions">
          <a class="button plain" href="/${site.language}/sale">${phrases(site.language).back}</a>
        </p>`
  }
}

function joining(site: Site, { product, task, solver }: WaitingView, say: WaitingPhrases): Html {
  const action = `/${site.language}/sale/${product.id}/wait`
  const work = task === undefined || task.bits === 0 ? undefined : task
  return html`<p>${say.joinLine}</p>
    <form
      class="join"
      method="post"
      action="${action}"
      ${
        work
          ? html` data-challenge="${work.challenge}" data-bits="${work.bits}"
            data-solver="${solver}" data-proving="${say.proving}"`
          : ''
      }
    >
      <input type="hidden" name="challenge" value="${work?.challenge ?? ''}" />
      <input type="hidden" name="proof" value="" />
      <button class="button big" type="submit">${say.join}</button>
      ${work ? html`<noscript><p class="quiet">${say.needsScript}</p></noscript>` : ''}
    </form>`
}

function countdown(site: Site, { startsAtMs }: Waiting): Html {
  if (startsAtMs === undefined) return html``
  const iso = new Date(startsAtMs).toISOString()
  return html`<p class="countdown big">
    <span>${phrases(site.language).startsIn}</span>
    <time datetime="${iso}" data-until="${startsAtMs}" data-reload="1"
      >${iso.slice(5, 16).replace('T', ' ')} UTC</time
    >
  </p>`
}

function crowd({ people }: Waiting, say: WaitingPhrases): Html {
  return html`<p class="quiet" data-people>${say.people(people)}</p>`
}

/** Minutes of a wait, rounded up; the sentence for less than one. */
function eta({ etaMs = 0 }: Waiting, say: WaitingPhrases): string {
  return etaMs < 60_000 ? say.soon : say.eta(Math.ceil(etaMs / 60_000))
}

function line(site: Site, waiting: Waiting, say: WaitingPhrases): Html {
  const { ahead = 0, place = 0 } = waiting
  // How much of the way from his place to the door is behind him.
  const share = place === 0 ? 100 : Math.floor((100 * (place - ahead)) / place)
  return html`<p class="ahead">
      <span>${say.inLine}</span>
      <strong data-ahead>${ahead.toLocaleString(site.language === 'zh' ? 'zh-CN' : 'en')}</strong>
      <span>${say.ahead}</span>
    </p>
    <progress
      max="100"
      value="${share}"
      data-place="${place}"
      aria-label="${say.inLine}"
    ></progress>
    <p data-eta data-soon="${say.soon}" data-some="${say.eta(2).replace('2', '#')}">
      ${eta(waiting, say)}
    </p>
    ${crowd(waiting, say)}`
}

function buying(site: Site, { product, key }: WaitingView, say: WaitingPhrases): Html {
  return html`<h2 class="turn">${say.admitted}</h2>
    <p>${say.admittedLine}</p>
    <form class="buy" method="post" action="/${site.language}/sale/${product.id}/buy">
      <input type="hidden" name="key" value="${key}" />
      <button class="button big" type="submit">${say.buy}</button>
    </form>
    <p class="quiet">${phrases(site.language).confirmLine}</p>`
}
