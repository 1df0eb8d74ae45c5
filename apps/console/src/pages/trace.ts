import { SpanStatusCode } from '@opentelemetry/api'
import { html, type Html, type HtmlValue } from '@spate/http/html'
import type { LogData } from '@spate/telemetry/model'
import type { SpanRecord } from '@spate/telemetry/span-record'
import type { SpanTree } from '@spate/telemetry/trace-store'
import { emptyState, layout, panel } from './layout.ts'
import { logTable } from './logs.ts'
import { amount, span as spanText, timeOfDay } from './numbers.ts'
import { serviceChip } from './traces.ts'

/** A span with how deep it lies. */
export interface Row {
  readonly span: SpanRecord
  readonly depth: number
}

/** Most rows a page shows. */
export const rowsMax = 1000

/** The tree in the order it is read: each span before its children, those by start. */
export function rowsOf(tree: readonly SpanTree[]): readonly Row[] {
  const rows: Row[] = []
  const walk = (nodes: readonly SpanTree[], depth: number): void => {
    for (const { span, children } of nodes) {
      if (rows.length >= rowsMax) return
      rows.push({ span, depth })
      walk(children, depth + 1)
    }
  }
  walk(tree, 0)
  return rows
}

/** The span's name, with the path itself where the name holds only `{path...}`. */
function titleOf(span: SpanRecord): string {
  const path = span.attributes['url.path']
  return typeof path === 'string' ? span.name.replace('/{path...}', path) : span.name
}

/** True where the span ended in an error: status code 2 of OpenTelemetry. */
export function failed(span: SpanRecord): boolean {
  return span.status.code === SpanStatusCode.ERROR
}

/** One trace. */
export function tracePage(traceId: string, rows: readonly Row[], logs: readonly LogData[]): Html {
  if (rows.length === 0)
    return layout({
      title: 'Trace',
      section: '/traces',
      body: html`<h1>Trace</h1>
        ${emptyState(html`No span of <code>${traceId}</code> is held here: it was not sampled, or is gone already. <a href="/traces">Other traces</a>`)}`,
    })
  const startMs = Math.min(...rows.map(({ span }) => span.startMs))
  const endMs = Math.max(...rows.map(({ span }) => span.endMs))
  const title = titleOf((rows[0] as Row).span)
  const errors = rows.filter(({ span }) => failed(span)).length
  const services = [...new Set(rows.map(({ span }) => span.service))]
  return layout({
    title,
    section: '/traces',
    body: html`<h1>${title}</h1>
      <p class="facts">
        <span>${timeOfDay(startMs)} UTC</span><b>${spanText((endMs - startMs) / 1000)}</b>
        <span>${amount(rows.length)} spans</span>
        ${errors > 0 ? html`<span class="tag bad">${errors} with errors</span>` : ''}
        ${services.map(serviceChip)}
        <span class="right"
          ><code>${traceId}</code> <a href="/api/traces/${traceId}">JSON</a>
          <a href="/traces/${traceId}.txt">Text</a></span
        >
      </p>
      <div class="waterfall" role="tree" aria-label="Spans">
        ${rows.map((row) => waterfallRow(row, startMs, endMs))}
      </div>
      ${logs.length === 0 ? '' : panel('logs', 'Logs of this trace', logTable(logs))}`,
  })
}

function waterfallRow({ span, depth }: Row, startMs: number, endMs: number): Html {
  const whole = Math.max(endMs - startMs, 0.001)
  const x = ((span.startMs - startMs) / whole) * 1000
  const width = Math.max(2, ((span.endMs - span.startMs) / whole) * 1000)
  const name = span.service.replace(/^spate-/, '')
  return html`<details
    class="span p-${name}${failed(span) ? ' failed' : ''}"
    role="treeitem"
    aria-level="${depth + 1}"
  >
    <summary>
      <span class="label d${Math.min(depth, 12)}"
        ><i></i><b>${span.name}</b> <span class="quiet">${name}</span></span
      >
      <svg viewBox="0 0 1000 16" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" width="1000" height="16" />
        <rect
          class="mark"
          x="${Math.min(998, x).toFixed(1)}"
          width="${width.toFixed(1)}"
          y="3"
          height="10"
        />
      </svg>
      <span class="number">${spanText((span.endMs - span.startMs) / 1000)}</span>
    </summary>
    <div class="inside">${spanFacts(span, startMs)}</div>
  </details>`
}

function spanFacts(span: SpanRecord, startMs: number): HtmlValue {
  const facts: [string, unknown][] = [
    ['starts after', spanText((span.startMs - startMs) / 1000)],
    ['span id', span.spanId],
    ...(span.parentSpanId === '' ? [] : [['parent', span.parentSpanId] as [string, unknown]]),
    ...(span.status.message ? [['status', span.status.message] as [string, unknown]] : []),
    ...Object.entries(span.attributes),
  ]
  return html`<dl class="attributes">
      ${facts.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${String(value)}</dd>
          </div>`,
      )}
    </dl>
    ${
      span.events.length === 0
        ? ''
        : html`<h3>Events</h3>
            <ul class="events">
              ${span.events.map(
                (event) =>
                  html`<li>
                    <span class="quiet">+${spanText((event.timeMs - span.startMs) / 1000)}</span>
                    <b>${event.name}</b>
                    ${Object.entries(event.attributes).map(([key, value]) => html`<code>${key}=${JSON.stringify(value)}</code> `)}
                  </li>`,
              )}
            </ul>`
    }
    ${
      span.links.length === 0
        ? ''
        : html`<h3>Links</h3>
            <ul class="events">
              ${span.links.map(
                ({ traceId }) =>
                  html`<li>
                    <a href="/traces/${traceId}"><code>${traceId}</code></a>
                  </li>`,
              )}
            </ul>`
    }`
}

/** The tree as text, for terminals: one line a span. */
export function traceText(traceId: string, tree: readonly SpanTree[]): string {
  const lines = [`trace ${traceId}`]
  const walk = (nodes: readonly SpanTree[], indent: string): void => {
    for (const [at, { span, children }] of nodes.entries()) {
      const last = at === nodes.length - 1
      const took = spanText((span.endMs - span.startMs) / 1000)
      const error = failed(span) ? '  ERROR' : ''
      lines.push(`${indent}${last ? '└─ ' : '├─ '}${span.name}  [${span.service}]  ${took}${error}`)
      if (lines.length > rowsMax) return
      walk(children, `${indent}${last ? '   ' : '│  '}`)
    }
  }
  walk(tree, '')
  return `${lines.join('\n')}\n`
}
