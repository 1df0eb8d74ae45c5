import { html, type HtmlValue } from '@spate/http/html'
import { emptyState } from './layout.ts'
import { amount, size } from './numbers.ts'

/**
 * Any JSON as a page: plain members as facts, lists of objects as tables. So a program may add
 * members to its answer and they show up here by themselves.
 */

/** Most rows of one list. */
const rowsMax = 50
/** Most columns of a table; wider records are shown as facts. */
const columnsMax = 6
/** Deepest nesting shown as parts; deeper is shown as JSON. */
const depthMax = 3

/** `value` as facts and tables. */
export function valueView(value: unknown, depth = 0): HtmlValue {
  if (Array.isArray(value)) return listView(value, depth)
  if (typeof value !== 'object' || value === null) return html`<p>${plain('', value)}</p>`
  const members = Object.entries(value)
  const simple = members.filter(([, each]) => typeof each !== 'object' || each === null)
  const nested = members.filter(([, each]) => typeof each === 'object' && each !== null)
  return html`${
    simple.length === 0
      ? ''
      : html`<dl class="figures">
          ${simple.map(
            ([name, each]) =>
              html`<div>
                <dt>${spaced(name)}</dt>
                <dd class="${typeof each === 'number' ? '' : 'text'}">${plain(name, each)}</dd>
              </div>`,
          )}
        </dl>`
  }${nested.map(
    ([name, each]) =>
      html`<h3>${spaced(name)}</h3>
        ${depth >= depthMax ? html`<code>${JSON.stringify(each)}</code>` : valueView(each, depth + 1)}`,
  )}`
}

function listView(list: readonly unknown[], depth: number): HtmlValue {
  if (list.length === 0) return html`<p class="quiet">none</p>`
  const records = list.filter(
    (each) => typeof each === 'object' && each !== null && !Array.isArray(each),
  ) as Readonly<Record<string, unknown>>[]
  if (records.length < list.length || depth > depthMax)
    return html`<p><code>${JSON.stringify(list.slice(0, rowsMax))}</code></p>`
  if (records.some((each) => Object.keys(each).length > columnsMax))
    return html`${records.slice(0, rowsMax).map((each) => valueView(each, depth + 1))}`
  const columns = [...new Set(records.slice(0, rowsMax).flatMap((each) => Object.keys(each)))]
  return html`<table>
    <thead>
      <tr>
        ${columns.map((name) => html`<th scope="col">${spaced(name)}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${records.slice(0, rowsMax).map(
        (each) =>
          html`<tr>
            ${columns.map((name) => html`<td>${plain(name, each[name])}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`
}

/** `hitRatio` -> `hit ratio`. */
function spaced(name: string): string {
  return name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase()
}

function plain(name: string, value: unknown): string {
  if (typeof value === 'number') {
    if (/(ratio|share|rate)$/i.test(name) && value <= 1) return `${(value * 100).toFixed(1)} %`
    if (/bytes/i.test(name)) return size(value)
    return Number.isInteger(value) ? amount(value) : String(Math.round(value * 1000) / 1000)
  }
  if (value === undefined || value === null) return '–'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What to show where a program gave no answer: its name, why, and what to do. */
export function silent(program: string, why: string): HtmlValue {
  return emptyState(
    html`${program} gave no answer: ${why}. Is it running, and is its URL right? See
      <code>npx spate console --help</code>.`,
  )
}
