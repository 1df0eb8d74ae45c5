import { html, type Html, type HtmlValue } from '@spate/http/html'
import type { TraceStore, TraceSummary } from '@spate/telemetry/trace-store'
import { emptyState, layout } from './layout.ts'
import { memoryMeter } from './memory.ts'
import { amount, span, timeOfDay } from './numbers.ts'

/** Which traces are looked for, as the form has it. */
export interface TraceSearch {
  readonly service: string
  readonly name: string
  readonly slowerMs: string
  readonly fasterMs: string
  readonly route: string
  /** `404`, or `5xx`. */
  readonly status: string
  /** `order.id=o-1`; only the name asks that it is there. */
  readonly attribute: string
  readonly errors: boolean
  readonly all: boolean
}

/** Traces as a table, newest first. */
export function traceTable(traces: readonly TraceSummary[]): Html {
  if (traces.length === 0)
    return emptyState('No trace here yet. Open the shop, buy something, and look again.')
  const longest = Math.max(...traces.map(({ durationMs }) => durationMs), 0.001)
  return html`<table class="traces">
    <thead>
      <tr>
        <th scope="col">Started</th>
        <th scope="col">Request</th>
        <th scope="col">Programs</th>
        <th scope="col" class="number">Spans</th>
        <th scope="col" class="number">Took</th>
      </tr>
    </thead>
    <tbody>
      ${traces.map(
        (trace) =>
          html`<tr class="${trace.errors > 0 ? 'failed' : ''}">
            <td class="quiet">${timeOfDay(trace.startMs)}</td>
            <td>
              <a href="/traces/${trace.traceId}">${trace.name}</a>
              ${trace.errors > 0 ? html`<span class="tag bad">${trace.errors} ${trace.errors === 1 ? 'error' : 'errors'}</span>` : ''}
            </td>
            <td class="dots">${trace.services.map(serviceChip)}</td>
            <td class="number">${amount(trace.spans)}</td>
            <td class="number took">
              ${span(trace.durationMs / 1000)}${shareBar(trace.durationMs / longest)}
            </td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

/** A program's name in its colour: `spate-edge` is edge. */
export function serviceChip(service: string): HtmlValue {
  const name = service.replace(/^spate-/, '')
  return html`<span class="chip p-${name}"><i></i>${name}</span>`
}

function shareBar(part: number): Html {
  return html`<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
    <rect width="${Math.max(0.5, part * 100).toFixed(1)}" height="4" />
  </svg>`
}

/** The page of traces with its search. */
export function tracesPage(
  traces: readonly TraceSummary[],
  search: TraceSearch,
  { services, held }: { readonly services: readonly string[]; readonly held: TraceStore['size'] },
): Html {
  return layout({
    title: 'Traces',
    section: '/traces',
    body: html`<h1>Traces</h1>
      ${traceForm(search, services)}
      <p class="facts quiet">
        <span>${amount(held.traces)} traces held, ${amount(held.dropped)} spans let go</span>
        ${memoryMeter('memory', held)}
      </p>
      ${
        traces.length === 0
          ? emptyState('No trace matches. Ask for less, or wait for requests to come.')
          : traceTable(traces)
      }`,
  })
}

function traceForm(search: TraceSearch, services: readonly string[]): Html {
  const chosen = (yes: boolean, word: string): HtmlValue => (yes ? html`${word}` : '')
  return html`<form class="filter" method="get" action="/traces">
    <label
      >Program
      <select name="service">
        <option value="">any</option>
        ${services.map((each) => html`<option value="${each}" ${chosen(each === search.service, 'selected')}>${each}</option>`)}
      </select></label
    >
    <label
      >Name contains
      <input name="name" value="${search.name}" maxlength="100" placeholder="purchase"
    /></label>
    <label
      >Slower than
      <input name="slower" value="${search.slowerMs}" inputmode="decimal" size="6" placeholder="ms"
    /></label>
    <label
      >Faster than
      <input name="faster" value="${search.fasterMs}" inputmode="decimal" size="6" placeholder="ms"
    /></label>
    <label
      >Route <input name="route" value="${search.route}" maxlength="200" placeholder="/orders/{id}"
    /></label>
    <label
      >Status
      <input name="status" value="${search.status}" maxlength="3" size="4" placeholder="5xx"
    /></label>
    <label
      >Attribute
      <input name="attribute" value="${search.attribute}" maxlength="200" placeholder="order.id=…"
    /></label>
    <label class="check"
      ><input type="checkbox" name="errors" value="1" ${chosen(search.errors, 'checked')} /> with
      errors</label
    >
    <label class="check"
      ><input type="checkbox" name="all" value="1" ${chosen(search.all, 'checked')} /> health and
      metrics too</label
    >
    <button type="submit">Show</button>
  </form>`
}
