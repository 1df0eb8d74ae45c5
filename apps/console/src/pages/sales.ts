import { html, type Html, type HtmlValue } from '@spate/http/html'
import type { Campaign } from '../campaigns.ts'
import type { Reply } from '../questions.ts'
import { shown, tokenField } from './edge.ts'
import { layout, panel } from './layout.ts'
import { campaignList } from './overview.ts'

/** Actions on a campaign: the path behind its product, and what it does. */
export const saleActions: Readonly<Record<string, string>> = {
  audit: 'Audit: do ledger, orders and log agree?',
  pause: 'Pause: nobody can buy',
  resume: 'Resume',
  close: 'Close for good',
}

/** What the page on flash sales shows. */
export interface SalesView {
  /** Undefined where seckill does not answer. */
  readonly campaigns: readonly Campaign[] | undefined
  readonly note: string
  /** Answer to the last audit. */
  readonly audit: { readonly productId: string; readonly reply: Reply } | undefined
}

/** Flash sales with their counters and controls. */
export function salesPage(view: SalesView): Html {
  const { campaigns, note, audit } = view
  return layout({
    title: 'Flash sale',
    section: '/sales',
    body: html`<h1>Flash sale</h1>
      ${note === '' ? '' : html`<p class="note" role="status">${note}</p>`}
      ${audit === undefined ? '' : panel('audit', `Audit of ${audit.productId}`, auditView(audit.reply))}
      <div class="even">
        ${panel('campaigns', 'Campaigns', campaignList(campaigns))}
        <div>
          ${panel('act', 'Act on a campaign', actForm(campaigns ?? []))}
          ${panel(
            'create',
            'Open a campaign',
            html`<form class="filter" method="post" action="/sales">
              <label
                >Product <input name="productId" required maxlength="128" placeholder="tea-05"
              /></label>
              <label
                >Units
                <input name="stock" type="number" required min="1" max="1000000000" value="100"
              /></label>
              <label
                >Per person
                <input name="perUserLimit" type="number" required min="1" max="1000000" value="1"
              /></label>
              ${tokenField()}
              <button type="submit">Open</button>
            </form>`,
          )}
        </div>
      </div>`,
  })
}

function actForm(campaigns: readonly Campaign[]): HtmlValue {
  if (campaigns.length === 0) return html`<p class="quiet">Nothing to act on.</p>`
  return html`<form class="filter" method="post" action="/sales/act">
    <label
      >Campaign
      <select name="productId">
        ${campaigns.map(({ productId }) => html`<option>${productId}</option>`)}
      </select></label
    >
    <label
      >Action
      <select name="action">
        ${Object.entries(saleActions).map(([name, text]) => html`<option value="${name}">${text}</option>`)}
      </select></label
    >
    ${tokenField()}
    <button type="submit">Do it</button>
  </form>`
}

function auditView(reply: Reply): HtmlValue {
  const consistent =
    reply.kind === 'answered' && (reply.value as { readonly consistent?: unknown }).consistent
  return html`${
    typeof consistent === 'boolean'
      ? html`<p class="verdict ${consistent ? 'good' : 'bad'}">
          ${consistent ? 'Consistent: the books agree.' : 'NOT consistent: stop the sale and read the runbook.'}
        </p>`
      : ''
  }${shown('seckill', reply)}`
}
