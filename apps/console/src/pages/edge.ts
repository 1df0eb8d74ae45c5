import { html, type Html, type HtmlValue } from '@spate/http/html'
import type { Reply } from '../questions.ts'
import { refusalOf } from '../questions.ts'
import { layout, panel } from './layout.ts'
import { silent, valueView } from './value.ts'

/** What the page on the edge shows. */
export interface EdgeView {
  readonly stats: Reply
  /** URL that was asked about; empty where none was. */
  readonly asked: string
  readonly explained: Reply | undefined
  /** What came of an action. */
  readonly note: string
}

/** The edge: figures, why a URL is answered as it is, purge. */
export function edgePage(view: EdgeView): Html {
  return layout({
    title: 'Edge',
    section: '/edge',
    body: html`<h1>Edge</h1>
      ${view.note === '' ? '' : html`<p class="note" role="status">${view.note}</p>`}
      ${panel('stats', 'The last minute', shown('edge', view.stats))}
      <div class="even">
        ${panel(
          'explain',
          'Why is a page answered as it is?',
          html`<form class="filter" method="get" action="/edge">
              <label class="wide"
                >URL or path
                <input
                  name="explain"
                  value="${view.asked}"
                  maxlength="2000"
                  placeholder="http://127.0.0.1:8080/en"
                  required
              /></label>
              <button type="submit">Explain</button>
            </form>
            ${view.explained === undefined ? '' : shown('edge', view.explained)}`,
        )}
        ${panel(
          'purge',
          'Purge',
          html`<form class="filter" method="post" action="/edge/purge">
            <label
              >What
              <select name="by">
                <option value="tags">tag</option>
                <option value="urls">URL</option>
                <option value="prefixes">prefix</option>
              </select></label
            >
            <label
              >Name <input name="value" required maxlength="2000" placeholder="product-tea-01"
            /></label>
            <label class="check"
              ><input type="checkbox" name="soft" value="1" checked /> soft: serve stale while it is
              fetched anew</label
            >
            ${tokenField()}
            <button type="submit">Purge</button>
          </form>`,
        )}
      </div>`,
  })
}

/** The field for the admin token: typed each time, in no page and no storage of ours. */
export function tokenField(): HtmlValue {
  return html`<label
    >Admin token <input name="token" type="password" required autocomplete="off" maxlength="256"
  /></label>`
}

/** A reply as facts and tables, or what went wrong. */
export function shown(program: string, reply: Reply): HtmlValue {
  if (reply.kind === 'silent') return silent(program, reply.why)
  return reply.status >= 400
    ? html`<p class="note bad">${refusalOf(reply)}</p>`
    : valueView(reply.value)
}
