import type { Sample } from '@spate/telemetry/exposition-text'
import type { ExemplarData, HistogramPoint, MetricData, NumberPoint } from '@spate/telemetry/model'

/** Samples of a text exposition as metrics, so that programs that are scraped are seen like all others. */

/** Metrics of `samples`, read from `service` at wall time `timeMs`. O(samples). */
export function metricsOfSamples(
  samples: readonly Sample[],
  service: string,
  timeMs: number,
): readonly MetricData[] {
  const resource = { 'service.name': service }
  const head = (name: string): Omit<MetricData, 'kind' | 'points'> => ({
    name,
    unit: '',
    description: '',
    resource,
    scope: { name: 'scrape' },
  })
  const metrics: MetricData[] = []
  const histograms = histogramsOf(samples, timeMs)
  for (const [name, points] of histograms)
    metrics.push({ ...head(name), kind: 'histogram', cumulative: true, points })
  for (const { name, labels, value } of samples) {
    const base = name.replace(/_(bucket|sum|count|created)$/, '')
    if (histograms.has(base) || name.endsWith('_created') || name === 'target_info') continue
    const point: NumberPoint = { attributes: labels, startMs: 0, timeMs, value, exemplars: [] }
    metrics.push(
      name.endsWith('_total')
        ? { ...head(name), kind: 'sum', monotonic: true, cumulative: true, points: [point] }
        : { ...head(name), kind: 'gauge', points: [point] },
    )
  }
  return metrics
}

interface Draft {
  readonly labels: Readonly<Record<string, string>>
  readonly bounds: { readonly le: number; readonly upTo: number }[]
  readonly exemplars: ExemplarData[]
  sum: number
}

function histogramsOf(
  samples: readonly Sample[],
  timeMs: number,
): ReadonlyMap<string, readonly HistogramPoint[]> {
  const drafts = new Map<string, Map<string, Draft>>()
  const sums = new Map<string, number>()
  for (const { name, labels, value, exemplar } of samples) {
    if (name.endsWith('_sum')) sums.set(`${name.slice(0, -4)}${JSON.stringify(labels)}`, value)
    if (!name.endsWith('_bucket') || labels['le'] === undefined) continue
    const { le, ...rest } = labels
    const base = name.slice(0, -'_bucket'.length)
    const byLabels = drafts.get(base) ?? new Map<string, Draft>()
    drafts.set(base, byLabels)
    const key = JSON.stringify(rest)
    const draft = byLabels.get(key) ?? { labels: rest, bounds: [], exemplars: [], sum: 0 }
    byLabels.set(key, draft)
    draft.bounds.push({ le: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), upTo: value })
    if (exemplar) draft.exemplars.push({ ...exemplar, spanId: '' })
  }
  return new Map(
    [...drafts].map(([name, byLabels]) => [
      name,
      [...byLabels].map(([key, draft]) =>
        pointOf({ ...draft, sum: sums.get(`${name}${key}`) ?? 0 }, timeMs),
      ),
    ]),
  )
}

function pointOf({ labels, bounds, exemplars, sum }: Draft, timeMs: number): HistogramPoint {
  const sorted = [...bounds].sort((a, b) => a.le - b.le)
  return {
    attributes: labels,
    startMs: 0,
    timeMs,
    exemplars,
    count: sorted.at(-1)?.upTo ?? 0,
    sum,
    min: undefined,
    max: undefined,
    bounds: sorted.map(({ le }) => le).filter(Number.isFinite),
    // Buckets of the text count all below them too.
    counts: sorted.map(({ upTo }, at) => upTo - (sorted[at - 1]?.upTo ?? 0)),
  }
}
