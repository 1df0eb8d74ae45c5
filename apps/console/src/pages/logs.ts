import { html, type Html } from '@spate/http/html'
import type { LogRecord } from '@spate/runtime/log'
import { emptyState, layout } from './layout.ts'
import { timeOfDay } from './numbers.ts'

/** Which records are looked for, as the form has it. */
export interface LogSearch {
  readonly severity: string
  readonly text: string
}

/** Log records as a table, newest first. */
export function logTable(records: readonly LogRecord[]): Html {
  return html`<table class="logs">
    <thead>
      <tr>
        <th scope="col">Time</th>
        <th scope="col">Severity</th>
        <th scope="col">From</th>
        <th scope="col">Message</th>
      </tr>
    </thead>
    <tbody>
      ${records.map(
        (record) =>
          html`<tr class="${record.severity}">
            <td class="quiet">${timeOfDay(record.timeMs)}</td>
            <td><span class="tag ${record.severity}">${record.severity}</span></td>
            <td class="quiet">${record.name}</td>
            <td>
              ${record.message}
              ${Object.entries(record.fields)
                .filter(([, value]) => value !== undefined)
                .map(([key, value]) => html`<code>${key}=${String(value)}</code> `)}
              ${record.traceId ? html`<a href="/traces/${record.traceId}">trace</a>` : ''}
            </td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

/** The page of logs with its search. */
export function logsPage(records: readonly LogRecord[], search: LogSearch): Html {
  return layout({
    title: 'Logs',
    section: '/logs',
    body: html`<h1>Logs</h1>
      <form class="filter" method="get" action="/logs">
        <label
          >At least
          <select name="severity">
            ${['debug', 'info', 'warn', 'error'].map(
              (each) =>
                html`<option ${each === search.severity ? html`selected` : ''}>${each}</option>`,
            )}
          </select></label
        >
        <label>Contains <input name="text" value="${search.text}" maxlength="100" /></label>
        <button type="submit">Show</button>
      </form>
      ${records.length === 0 ? emptyState('No record matches. Records of this process are kept in memory, newest first.') : logTable(records)}`,
  })
}
