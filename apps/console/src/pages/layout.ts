import { html, type Html, type HtmlValue } from '@spate/http/html'
import { script, styles } from '../assets.ts'

/** One page of the console. */
export interface ConsolePage {
  readonly title: string
  /** Path of its entry in the navigation. */
  readonly section: string
  readonly body: HtmlValue
  /** Path of the event stream that refreshes its panels; absent where it stands still. */
  readonly live?: string
}

const sections = [
  ['/', 'Overview'],
  ['/traces', 'Traces'],
  ['/measurements', 'Metrics'],
  ['/logs', 'Logs'],
  ['/edge', 'Edge'],
  ['/sales', 'Flash sale'],
  ['/recommend', 'Recommend'],
  ['/sampling', 'Sampling'],
] as const

/** `page` as a whole document. */
export function layout(page: ConsolePage): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${page.title} · Spate</title>
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="${styles.path}" />
        <script src="${script.path}" defer></script>
      </head>
      <body data-live="${page.live ?? ''}">
        <a class="skip" href="#main">Skip to content</a>
        <header>
          <a class="brand" href="/"
            ><svg viewBox="0 0 40 40" aria-hidden="true">
              <path
                d="M2 14c8-8 13 5 20-2s11-6 16 0M2 22c8-8 13 5 20-2s11-6 16 0M2 30c8-8 13 5 20-2s11-6 16 0"
              /></svg
            >Spate</a
          >
          <nav aria-label="Console">
            ${sections.map(
              ([path, name]) =>
                html`<a href="${path}" ${path === page.section ? html`aria-current="page"` : ''}
                  >${name}</a
                >`,
            )}
          </nav>
          <p class="state" role="status" aria-live="polite"><span id="state"></span></p>
          <button id="pause" type="button" hidden aria-pressed="false" title="Key: p">Pause</button>
        </header>
        <main id="main">${page.body}</main>
      </body>
    </html>`
}

/** A titled part of a page; `id` lets the event stream refresh its inside. */
export function panel(id: string, title: string, inside: HtmlValue): Html {
  return html`<section class="panel" aria-labelledby="t-${id}">
    <h2 id="t-${id}">${title}</h2>
    <div id="${id}">${inside}</div>
  </section>`
}

/** What to say where there is nothing: what it means and what to do next. */
export function emptyState(message: HtmlValue): Html {
  return html`<p class="empty">${message}</p>`
}

/** What went wrong, with a way on. */
export function faultPage(status: number, message: string): Html {
  return layout({
    title: String(status),
    section: '',
    body: html`<h1>${status}</h1>
      ${emptyState(html`${message}. <a href="/">Back to the overview</a>`)}`,
  })
}
