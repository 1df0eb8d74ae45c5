import { html, type Html, type HtmlValue } from '@spate/http/html'
import { recordOf, type Reply } from '../questions.ts'
import { shown } from './edge.ts'
import { layout, panel } from './layout.ts'
import { brief, silent } from './value.ts'

/** What the page on recommendations shows. */
export interface RecommendView {
  readonly userId: string
  readonly itemId: string
  readonly count: string
  /** Undefined until somebody asks. */
  readonly list: Reply | undefined
  readonly features: Reply | undefined
  readonly models: Reply
}

/** Try a user: the list with scores, channels and reasons. */
export function recommendPage(view: RecommendView): Html {
  return layout({
    title: 'Recommend',
    section: '/recommend',
    body: html`<h1>Recommend</h1>
      <form class="filter" method="get" action="/recommend">
        <label
          >User
          <input
            name="user"
            value="${view.userId}"
            required
            maxlength="200"
            placeholder="demo-0001"
        /></label>
        <label
          >On the page of item
          <input name="item" value="${view.itemId}" maxlength="200" placeholder="tea-01"
        /></label>
        <label
          >Items <input name="count" type="number" min="1" max="200" value="${view.count}"
        /></label>
        <button type="submit">Recommend</button>
      </form>
      ${
        view.list === undefined
          ? html`<p class="empty">
              Name a user. Made-up ones are <a href="/recommend?user=demo-0001">demo-0001</a> to
              demo-0060; yours is on “My orders” in the shop; a new name shows what a stranger gets.
            </p>`
          : panel('list', `For ${view.userId}`, listView(view.list))
      }
      <div class="even">
        ${view.features === undefined ? '' : panel('features', 'What is known of this user', known(view.features))}
        ${panel('models', 'Models', shown('recommend', view.models))}
      </div>`,
  })
}

function known(reply: Reply): HtmlValue {
  return reply.kind === 'answered' && reply.status === 404
    ? html`<p class="quiet">Nothing is held on this user yet: they get what is popular.</p>`
    : shown('recommend', reply)
}

function listView(reply: Reply): HtmlValue {
  if (reply.kind === 'silent') return silent('recommend', reply.why)
  if (reply.status !== 200) return shown('recommend', reply)
  const answer = recordOf(reply.value)
  const items = Array.isArray(answer['items']) ? answer['items'].map(recordOf) : []
  const degraded = Array.isArray(answer['degraded']) ? answer['degraded'] : []
  const highest = Math.max(...items.map((item) => Number(item['score']) || 0), Number.MIN_VALUE)
  return html`<p class="facts">
      <span>model <b>${String(answer['model'])}</b></span>
      <span>request <code>${String(answer['requestId'])}</code></span>
      ${degraded.length === 0 ? '' : html`<span class="tag warn">degraded: ${degraded.join(', ')}</span>`}
    </p>
    <table class="picks stacked">
      <thead>
        <tr>
          <th scope="col" class="number">#</th>
          <th scope="col">Item</th>
          <th scope="col">Channel</th>
          <th scope="col">Reason</th>
          <th scope="col" class="number">Score</th>
        </tr>
      </thead>
      <tbody>
        ${items.map((item, at) => row(item, at + 1, highest))}
      </tbody>
    </table>`
}

function row(item: Readonly<Record<string, unknown>>, place: number, highest: number): Html {
  const reason = recordOf(item['reason'])
  const score = Number(item['score']) || 0
  return html`<tr>
    <td class="number quiet">${place}</td>
    <td class="nowrap"><b>${textOf(item['itemId'])}</b></td>
    <td><span class="tag">${textOf(reason['channel'])}</span></td>
    <td>${textOf(reason['text'])} <span class="quiet">${brief(reason['evidence'] ?? {})}</span></td>
    <td class="number took">
      ${score.toPrecision(3)}<svg
        class="bar"
        viewBox="0 0 100 4"
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <rect width="${Math.max(0.5, (100 * score) / highest).toFixed(1)}" height="4" />
      </svg>
    </td>
  </tr>`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
