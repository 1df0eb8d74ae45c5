import { html, type Html, type HtmlValue } from '@spate/http/html'
import { valueText, type LogStore } from '@spate/telemetry/log-store'
import type { LogData } from '@spate/telemetry/model'
import { emptyState, layout } from './layout.ts'
import { memoryMeter } from './memory.ts'
import { amount, timeOfDay } from './numbers.ts'
import { serviceChip } from './traces.ts'

/** Which records are looked for, as the form has it. */
export interface LogSearch {
  readonly severity: string
  readonly text: string
  readonly service: string
  readonly trace: string
}

/** Log records as a table, newest first. */
export function logTable(records: readonly LogData[]): Html {
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
      ${records.map((record) => {
        const severity = severityWord(record.severity)
        return html`<tr class="${severity}">
          <td class="quiet">${timeOfDay(record.timeMs || record.observedMs)}</td>
          <td><span class="tag ${severity}">${severity}</span></td>
          <td class="dots">${serviceChip(serviceOf(record))}</td>
          <td>
            ${record.eventName === '' ? '' : html`<b>${record.eventName}</b> `}${record.body === null ? '' : valueText(record.body)}
            ${Object.entries(record.attributes).map(([key, value]): HtmlValue => html`<code>${key}=${valueText(value)}</code> `)}
            ${record.traceId === '' ? '' : html`<a href="/traces/${record.traceId}">trace</a>`}
          </td>
        </tr>`
      })}
    </tbody>
  </table>`
}

function serviceOf({ resource }: LogData): string {
  const name = resource['service.name']
  return typeof name === 'string' ? name : 'unknown'
}

/** Ranges of the data model: 1-8 trace and debug, 9-12 info, 13-16 warn, 17-24 error and fatal. */
function severityWord(number: number): string {
  if (number >= 17) return 'error'
  if (number >= 13) return 'warn'
  return number >= 9 || number === 0 ? 'info' : 'debug'
}

/** The page of logs with its search. */
export function logsPage(
  records: readonly LogData[],
  search: LogSearch,
  services: readonly string[],
  size: LogStore['size'],
): Html {
  const options = (values: readonly string[], chosen: string): HtmlValue =>
    values.map(
      (each) =>
        html`<option value="${each}" ${each === chosen ? html`selected` : ''}>
          ${each === '' ? 'any' : each}
        </option>`,
    )
  return layout({
    title: 'Logs',
    section: '/logs',
    body: html`<h1>Logs</h1>
      <form class="filter" method="get" action="/logs">
        <label
          >At least
          <select name="severity">
            ${options(['debug', 'info', 'warn', 'error'], search.severity)}
          </select></label
        >
        <label
          >Program
          <select name="service">
            ${options(['', ...services], search.service)}
          </select></label
        >
        <label>Contains <input name="text" value="${search.text}" maxlength="100" /></label>
        <label
          >Trace id <input name="trace" value="${search.trace}" maxlength="32" size="32"
        /></label>
        <button type="submit">Show</button>
      </form>
      <p class="facts quiet">
        <span>${amount(size.records)} records held, ${amount(size.dropped)} let go</span>
        ${memoryMeter('memory', size)}
      </p>
      ${records.length === 0 ? emptyState('No record matches. Programs of this process, and any that send OTLP, are kept in memory, newest first.') : logTable(records)}`,
  })
}
