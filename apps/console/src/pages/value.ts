import { html, type HtmlValue } from '@spate/http/html'
import { emptyState } from './layout.ts'
import { amount, dateTime, size, span } from './numbers.ts'

/**
 * Any JSON as a page: plain members as facts, lists of objects as tables. So a program may add
 * members to its answer and they show up here by themselves.
 */

/** Most rows of one list. */
const rowsMax = 50
/** Most columns of a table; wider records are shown as facts. */
const columnsMax = 6
/** Deepest nesting shown as parts; deeper is shown in one line. */
const depthMax = 3
/** A number of ms above this is a time, below a duration: September 2001. */
const epochMsLeast = 1e12

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
        ${depth >= depthMax ? html`<p>${brief(each)}</p>` : valueView(each, depth + 1)}`,
  )}`
}

function listView(list: readonly unknown[], depth: number): HtmlValue {
  if (list.length === 0) return html`<p class="quiet">none</p>`
  const records = list.filter(isRecord)
  if (records.length < list.length || depth > depthMax) return html`<p>${brief(list)}</p>`
  const rows = records.slice(0, rowsMax).map(flat)
  const columns = [...new Set(rows.flatMap((each) => Object.keys(each)))]
  if (columns.length > columnsMax)
    return html`${records.slice(0, rowsMax).map((each) => valueView(each, depth + 1))}`
  return html`<table>
    <thead>
      <tr>
        ${columns.map((name) => html`<th scope="col">${spaced(name)}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (each) =>
          html`<tr>
            ${columns.map((name) => html`<td>${plain(name, each[name])}</td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`
}

/** Members of members as columns of their own: `{voice: {channel}, weight}` -> `{channel, weight}`. */
function flat(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const members: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(record)) {
    if (!isRecord(value)) members[name] = value
    else
      for (const [inner, each] of Object.entries(flat(value)))
        members[inner in members || inner in record ? `${name} ${inner}` : inner] = each
  }
  return members
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Any JSON in one line of words: `items tea-01, tea-02; span day`. */
export function brief(value: unknown, name = ''): string {
  if (Array.isArray(value))
    return value
      .slice(0, rowsMax)
      .map((each) => brief(each))
      .join(', ')
  if (!isRecord(value)) return plain(name, value)
  return Object.entries(value)
    .map(([inner, each]) => `${spaced(inner)} ${brief(each, inner)}`)
    .join('; ')
}

/** `hitRatio` -> `hit ratio`; the unit of a time is said with the value. */
function spaced(name: string): string {
  return name
    .replace(/Ms$/, '')
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase()
}

function plain(name: string, value: unknown): string {
  if (typeof value === 'number') {
    if (/(ratio|share|rate)$/i.test(name) && value <= 1) return `${(value * 100).toFixed(1)} %`
    if (/bytes|^fromCache$/i.test(name)) return size(value)
    if (/(Ms|^ms)$/.test(name)) return value > epochMsLeast ? dateTime(value) : span(value / 1000)
    if (/^seconds$/i.test(name)) return span(value)
    // Quantiles of latency, in ms.
    if (/^p\d+$/.test(name)) return span(value / 1000)
    return Number.isInteger(value) ? amount(value) : String(Math.round(value * 1000) / 1000)
  }
  if (value === undefined || value === null) return '–'
  if (typeof value === 'string') return value
  return typeof value === 'boolean' ? String(value) : brief(value)
}

/** What to show where a program gave no answer: its name, why, and what to do. */
export function silent(program: string, why: string): HtmlValue {
  return emptyState(
    html`${program} gave no answer: ${why}. Is it running, and is its URL right? See
      <code>npx spate console --help</code>.`,
  )
}
