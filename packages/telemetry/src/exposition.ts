import type { PlainAttributes, PlainValue } from './attributes.ts'
import {
  HistogramSeries,
  type AnyFamily,
  type CounterSeries,
  type Exemplar,
  type Family,
  type GaugeSeries,
} from './metrics.ts'
import type { MetricName } from './metric-name.ts'
import { metricNames } from './names.ts'

/**
 * Metrics as OpenMetrics 1.0 text, named by the OpenTelemetry rules for Prometheus, with the short
 * aliases `http_request_duration_seconds` and `http_requests_total{status}` beside them.
 */

/** Value of the header Content-Type for `expose`. */
export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** All `families` as text, ended by `# EOF`. `target`: attributes of the program. O(series). */
export function expose(families: readonly AnyFamily[], target: PlainAttributes): string {
  const lines: string[] = [
    '# TYPE target_info gauge',
    '# HELP target_info What sends these metrics.',
  ]
  lines.push(`target_info${labels(target)} 1`)
  const named = new Map<string, AnyFamily[]>()
  for (const family of families) {
    if (family.size === 0) continue
    const name = textName(family.name)
    named.set(name, [...(named.get(name) ?? []), family])
  }
  for (const [name, group] of named) {
    const first = group[0] as AnyFamily
    head(lines, name, first.name)
    // Two scopes with one name and different kinds cannot share a family of the text format.
    for (const family of group) if (family.name.kind === first.name.kind) body(lines, name, family)
  }
  const server = families.find(({ name }) => name.name === metricNames.httpServerDuration.name)
  if (server && server.size > 0) aliases(lines, server as Family<HistogramSeries>)
  lines.push('# EOF\n')
  return lines.join('\n')
}

/** Value of the header Content-Type for `plainText`. */
export const plainTextType = 'text/plain; version=0.0.4; charset=utf-8'

/** OpenMetrics text in the older Prometheus text format: for readers that do not accept the newer. O(text). */
export function plainText(openMetrics: string): string {
  const counters = new Set<string>()
  for (const [, name] of openMetrics.matchAll(/^# TYPE (\S+) counter$/gm)) counters.add(name ?? '')
  return openMetrics
    .replaceAll(/^# (?:UNIT .*|EOF)\n/gm, '')
    .replaceAll(/ # \{[^\n]*$/gm, '')
    .replaceAll(/^# (TYPE|HELP) (\S+)/gm, (line, word: string, name: string) =>
      counters.has(name) ? `# ${word} ${name}_total` : line,
    )
}

const unitWords: Readonly<Record<string, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '%': 'percent',
}

/** Name of a family in the text: no `_total`, the unit as its last word. */
export function textName({ name, unit, text }: MetricName): string {
  if (text !== undefined) return text
  const word = unitWords[unit]
  let base = name.replaceAll(/[^A-Za-z0-9_:]/g, '_').replaceAll(/__+/g, '_')
  if (/^\d/.test(base)) base = `_${base}`
  base = base.replace(/_total$/, '')
  return word === undefined || base.endsWith(`_${word}`) ? base : `${base}_${word}`
}

function head(lines: string[], name: string, { kind, unit, description }: MetricName): void {
  const type = kind === 'counter' ? 'counter' : kind === 'histogram' ? 'histogram' : 'gauge'
  lines.push(`# TYPE ${name} ${type}`)
  const word = unitWords[unit]
  if (word !== undefined && name.endsWith(`_${word}`)) lines.push(`# UNIT ${name} ${word}`)
  if (description !== '') lines.push(`# HELP ${name} ${escaped(description)}`)
}

function body(lines: string[], name: string, family: AnyFamily): void {
  const scope: PlainAttributes = family.scope === 'spate' ? {} : { 'otel.scope.name': family.scope }
  for (const series of family.all()) {
    const attributes = { ...series.attributes, ...scope }
    if (series instanceof HistogramSeries) histogram(lines, name, series, attributes)
    else if (family.name.kind === 'counter')
      lines.push(`${name}_total${labels(attributes)} ${number((series as CounterSeries).value)}`)
    else lines.push(`${name}${labels(attributes)} ${number((series as GaugeSeries).value)}`)
  }
}

function histogram(
  lines: string[],
  name: string,
  series: HistogramSeries,
  attributes: PlainAttributes,
): void {
  const { bounds, explicit, count, sum } = series.histogram
  const inner = labels(attributes).slice(1, -1)
  const prefix = inner === '' ? '' : `${inner},`
  const exemplars = series.exemplars
  let seen = 0
  for (let at = 0; at <= bounds.length; at++) {
    seen += explicit[at] as number
    const bound = at < bounds.length ? number(bounds[at] as number, true) : '+Inf'
    lines.push(`${name}_bucket{${prefix}le="${bound}"} ${seen}${linked(exemplars[at])}`)
  }
  lines.push(`${name}_count${labels(attributes)} ${count}`)
  lines.push(`${name}_sum${labels(attributes)} ${number(sum)}`)
}

/** The documented names, from the same figures: nothing is recorded twice. */
function aliases(lines: string[], family: Family<HistogramSeries>): void {
  const duration = 'http_request_duration_seconds'
  lines.push(`# TYPE ${duration} histogram`, `# UNIT ${duration} seconds`)
  lines.push(`# HELP ${duration} Duration of HTTP server requests (short name).`)
  for (const series of family.all()) histogram(lines, duration, series, short(series.attributes))
  lines.push('# TYPE http_requests counter', '# HELP http_requests HTTP requests answered.')
  for (const series of family.all())
    lines.push(`http_requests_total${labels(short(series.attributes))} ${series.histogram.count}`)
}

function short(attributes: PlainAttributes): PlainAttributes {
  if (attributes['otel.metric.overflow'] !== undefined) return attributes
  const route = attributes['http.route']
  return {
    method: attributes['http.request.method'] ?? '_OTHER',
    ...(route === undefined ? {} : { route }),
    scheme: attributes['url.scheme'] ?? 'http',
    status: attributes['http.response.status_code'] ?? 0,
  }
}

function linked(exemplar: Exemplar | undefined): string {
  if (!exemplar) return ''
  const { value, timeMs, traceId, spanId } = exemplar
  const time = (timeMs / 1000).toFixed(3)
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${number(value)} ${time}`
}

/** `{a="b",c="d"}`, names sorted; empty where there are none. */
function labels(attributes: PlainAttributes): string {
  const parts: string[] = []
  for (const name of Object.keys(attributes).sort()) {
    const value = attributes[name]
    if (value === undefined) continue
    parts.push(`${labelName(name)}="${escaped(textOf(value))}"`)
  }
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

const labelNames = new Map<string, string>()

function labelName(name: string): string {
  const known = labelNames.get(name)
  if (known !== undefined) return known
  let label = name.replaceAll(/[^A-Za-z0-9_]/g, '_').replaceAll(/__+/g, '_')
  if (/^\d/.test(label)) label = `key_${label}`
  if (labelNames.size < 1000) labelNames.set(name, label)
  return label
}

function textOf(value: PlainValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** OpenMetrics writes bounds as floats: `1.0`, not `1`. */
function number(value: number, float = false): string {
  return float && Number.isInteger(value) ? `${value}.0` : String(value)
}
