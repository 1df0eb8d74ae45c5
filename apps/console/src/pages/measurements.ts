import { html, type Html, type HtmlValue } from '@spate/http/html'
import { valueText } from '@spate/telemetry/log-store'
import type { MetricSeries, MetricStore, MetricSummary } from '@spate/telemetry/metric-store'
import type { RouteRow } from '../route-rows.ts'
import { lineChart, type Line } from './chart.ts'
import { emptyState, layout, panel } from './layout.ts'
import { memoryMeter } from './memory.ts'
import { amount, share, size, span } from './numbers.ts'
import { serviceChip } from './traces.ts'

/** Which metrics are looked for, as the form has it. */
export interface MetricSearch {
  readonly name: string
  readonly service: string
  /** `http.route=/,http.request.method=GET` */
  readonly labels: string
  readonly minutes: string
}

/** What the page of metrics shows. */
export interface MeasurementsView {
  readonly metrics: readonly MetricSummary[]
  readonly routes: readonly RouteRow[]
  readonly size: MetricStore['size']
  readonly search: MetricSearch
}

/** Routes, and metrics of one program, on a page. */
const routesShown = 60
/** Lines of one chart. */
const linesMax = 8
/** Characters of a name in the legend. */
const labelMax = 60
/** Exemplars offered beside a chart. */
const exemplarsShown = 12

/** All metrics: routes with their quantiles, then every metric of every program. */
export function measurementsPage({ metrics, routes, size: held, search }: MeasurementsView): Html {
  const services = [...new Set(metrics.map(({ service }) => service))].filter(
    (each) => search.service === '' || each === search.service,
  )
  return layout({
    title: 'Metrics',
    section: '/measurements',
    body: html`<h1>Metrics</h1>
      <p class="facts quiet">
        <span>${amount(held.series)} series held, ${amount(held.dropped)} let go</span>
        ${memoryMeter('memory', held)}
      </p>
      ${panel('routes', 'Requests by route', routes.length === 0 ? emptyState('No request was measured yet. It takes two readings, some seconds apart.') : routeTable(routes.slice(0, routesShown)))}
      ${services.length === 0 ? emptyState('No metric yet. Any program may send them by OTLP to port 4317 (gRPC) or 4318 (HTTP).') : ''}
      <div class="even">
        ${services.map((service, at) =>
          panel(
            `m-${at}`,
            service,
            metricTable(metrics.filter((each) => each.service === service)),
          ),
        )}
      </div>`,
  })
}

function routeTable(rows: readonly RouteRow[]): Html {
  return html`<table class="routes stacked">
    <thead>
      <tr>
        <th scope="col">Program</th>
        <th scope="col">Route</th>
        <th scope="col" class="number">Requests</th>
        <th scope="col" class="number">a second</th>
        <th scope="col" class="number">Errors</th>
        <th scope="col" class="number">P50</th>
        <th scope="col" class="number">P95</th>
        <th scope="col" class="number">P99</th>
        <th scope="col" class="number">Slowest kept</th>
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            <td class="dots">${serviceChip(row.service)}</td>
            <td><code>${row.route}</code></td>
            <td data-name="requests" class="number">${amount(row.requests)}</td>
            <td data-name="a second" class="number">
              ${amount(row.seconds > 0 ? row.requests / row.seconds : undefined)}
            </td>
            <td data-name="errors" class="number ${row.errorShare > 0 ? 'bad' : ''}">
              ${share(row.errorShare)}
            </td>
            <td data-name="P50" class="number">${span(row.p50)}</td>
            <td data-name="P95" class="number">${span(row.p95)}</td>
            <td data-name="P99" class="number">${span(row.p99)}</td>
            <td data-name="slowest" class="number">
              ${row.exemplar ? html`<a href="/traces/${row.exemplar.traceId}">${span(row.exemplar.value)}</a>` : html`<span class="quiet">–</span>`}
            </td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

function metricTable(metrics: readonly MetricSummary[]): Html {
  return html`<table>
    <thead>
      <tr>
        <th scope="col">Metric</th>
        <th scope="col">Kind</th>
        <th scope="col" class="number">Series</th>
      </tr>
    </thead>
    <tbody>
      ${metrics.map(
        ({ service, name, kind, unit, description, series }) =>
          html`<tr>
            <td>
              <a href="${linkOf(service, name)}" title="${description}">${breakable(name)}</a>
              <span class="quiet">${unit === '1' ? '' : ` ${unit}`}</span>
            </td>
            <td><span class="tag">${kind}</span></td>
            <td class="number">${amount(series)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

/** A name that breaks behind its dots, not within its words. */
function breakable(name: string): HtmlValue {
  return name.split(/(?<=[._])/).map((part) => html`${part}<wbr />`)
}

function linkOf(service: string, name: string): string {
  return `/measurements?service=${encodeURIComponent(service)}&name=${encodeURIComponent(name)}`
}

/** One metric: its busiest series as a chart, all of them as a table. */
export function metricPage(
  series: readonly MetricSeries[],
  search: MetricSearch,
  held: (traceId: string) => boolean,
): Html {
  return layout({
    title: search.name,
    section: '/measurements',
    body: html`<h1>${breakable(search.name)}</h1>
      ${metricForm(search)}
      ${series.length === 0 ? emptyState(html`No series matches. <a href="/measurements">All metrics</a>`) : metricBody(series, held)}`,
  })
}

function metricForm(search: MetricSearch): Html {
  return html`<form class="filter" method="get" action="/measurements">
    <input type="hidden" name="name" value="${search.name}" />
    <label>Program <input name="service" value="${search.service}" maxlength="100" /></label>
    <label class="wide"
      >Labels
      <input
        name="labels"
        value="${search.labels}"
        maxlength="300"
        placeholder="http.route=/orders/{id},http.request.method=GET"
    /></label>
    <label
      >Of the last
      <select name="minutes">
        ${['', '1', '5', '15', '60'].map(
          (each) =>
            html`<option value="${each}" ${each === search.minutes ? html`selected` : ''}>
              ${each === '' ? 'all' : `${each} min`}
            </option>`,
        )}
      </select></label
    >
    <button type="submit">Show</button>
  </form>`
}

function metricBody(
  series: readonly MetricSeries[],
  held: (traceId: string) => boolean,
): HtmlValue {
  const busiest = [...series].sort((a, b) => weight(b) - weight(a))
  const lead = busiest[0] as MetricSeries
  const write = writerOf(lead)
  const times = lead.steps.map(({ timeMs }) => timeMs)
  const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1000 / Math.max(1, times.length - 1)
  const steps = Math.max(30, times.length)
  const spread = isDistribution(lead)
  const lines = (pick: (step: MetricSeries['steps'][number]) => number | undefined): Line[] =>
    busiest.slice(0, linesMax).map((each, at) => ({
      name: `line-${at + 1}`,
      label: labelOf(each),
      points: each.steps.map(pick),
    }))
  const common = { steps, stepSeconds: seconds || 1 }
  const exemplars = busiest
    .flatMap((each) => each.exemplars)
    .filter(({ traceId }) => held(traceId))
    .sort((a, b) => b.value - a.value)
    .slice(0, exemplarsShown)
  return html`<div class="charts">
      ${lineChart({ ...common, id: 'value', title: titleOf(lead), lines: lines(({ value }) => value), write: spread || lead.kind === 'sum' ? amount : write })}
      ${spread ? lineChart({ ...common, id: 'p99', title: 'P99', lines: lines(({ p99 }) => p99), write }) : ''}
    </div>
    ${
      exemplars.length === 0
        ? ''
        : html`<p class="exemplars">
            <span class="quiet">Exemplars, each a trace:</span>
            ${exemplars.map(({ traceId, value }) => html`<a href="/traces/${traceId}">${write(value)}</a> `)}
          </p>`
    }
    ${panel('series', 'Series', seriesTable(busiest, write))}`
}

function seriesTable(
  series: readonly MetricSeries[],
  write: (value: number | undefined) => string,
): Html {
  const spread = isDistribution(series[0] as MetricSeries)
  const columns = spread ? ['a second', 'P50', 'P95', 'P99'] : ['now']
  return html`<table class="series stacked">
    <thead>
      <tr>
        <th scope="col">Series</th>
        <th scope="col">Program</th>
        ${columns.map((name) => html`<th scope="col" class="number">${name}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${series.map((each, at) => {
        const step = each.steps.at(-1)
        // Nothing came in the last step: what the last values were is still known.
        const known = each.steps.findLast(({ p50 }) => p50 !== undefined)
        const cells = spread
          ? [amount(step?.value), write(known?.p50), write(known?.p95), write(known?.p99)]
          : [each.kind === 'sum' ? `${amount(step?.value)} a second` : write(step?.value)]
        return html`<tr>
          <td>
            ${at < linesMax ? html`<i class="p-line-${at + 1}"></i>` : ''}
            ${Object.entries(each.attributes).map(([key, value]) => html`<code>${key}=${valueText(value)}</code> `)}
            ${Object.keys(each.attributes).length === 0 ? html`<span class="quiet">no attributes</span>` : ''}
          </td>
          <td class="dots">${serviceChip(each.service)}</td>
          ${cells.map((cell, column) => html`<td class="number" data-name="${columns[column]}">${cell}</td>`)}
        </tr>`
      })}
    </tbody>
  </table>`
}

function isDistribution({ kind }: MetricSeries): boolean {
  return kind === 'histogram' || kind === 'exponential' || kind === 'summary'
}

/** Values of its attributes, in short. */
function labelOf({ service, attributes }: MetricSeries): string {
  const values = Object.values(attributes).map(valueText)
  return (values.length === 0 ? service : values.join(' ')).slice(0, labelMax)
}

function weight({ steps }: MetricSeries): number {
  return steps.reduce((sum, { value }) => sum + Math.abs(value), 0)
}

function titleOf({ kind, unit }: MetricSeries): string {
  if (kind === 'gauge') return `Value${unit === '' ? '' : `, ${unit}`}`
  return kind === 'sum' ? `Gain a second${unit === '' ? '' : `, ${unit}`}` : 'Values a second'
}

/** How values of a metric are written, by its unit; a scraped one has it in its name. */
function writerOf({ unit, name }: MetricSeries): (value: number | undefined) => string {
  if (unit === 's' || name.endsWith('_seconds')) return span
  if (unit === 'ms') return (value) => span(value === undefined ? undefined : value / 1000)
  if (unit === 'By' || name.endsWith('_bytes')) return size
  return amount
}
