import type { Attributes } from '@opentelemetry/api'
import type { PlainAttributes, PlainValue } from './attributes.ts'
import { ExponentialHistogram } from './exponential-histogram.ts'
import { durationBounds, type MetricName } from './metric-name.ts'

/**
 * Metrics held in the process: one family a name, one series a set of attributes. Code that records
 * often takes a handle once (`family.series({...})`) and pays a few ns a record; the look-up by
 * attributes costs more. A family never holds more series than its limit: what comes later goes to
 * the series `otel.metric.overflow=true`, so totals stay exact.
 */

/** Series a family may hold where its name sets no limit, the overflow series among them. */
export const seriesMax = 2000

/** A measurement that belongs to a trace which was kept. */
export interface Exemplar {
  readonly value: number
  /** Wall time, ms. */
  readonly timeMs: number
  readonly traceId: string
  readonly spanId: string
}

/** What all series have. */
abstract class Series {
  readonly attributes: PlainAttributes
  /** Wall time of the first measurement, ms. */
  readonly startMs: number

  constructor(attributes: PlainAttributes, startMs: number) {
    this.attributes = attributes
    this.startMs = startMs
  }
}

/** A sum that only grows. */
export class CounterSeries extends Series {
  value = 0
  refused = 0

  /** Adds `amount` (>= 0, default 1). Anything else is refused and counted. */
  add(amount = 1): void {
    if (amount >= 0 && amount < Number.POSITIVE_INFINITY) this.value += amount
    else this.refused++
  }

  /** Sets the sum to what an observer counted itself; a lower value is a fresh start. */
  observe(total: number): void {
    if (Number.isFinite(total)) this.value = total
    else this.refused++
  }
}

/** The last value. */
export class GaugeSeries extends Series {
  value = 0
  refused = 0

  set(value: number): void {
    if (Number.isFinite(value)) this.value = value
    else this.refused++
  }

  /** Moves the value; for sums that go up and down. */
  add(amount: number): void {
    this.set(this.value + amount)
  }
}

/** A distribution. */
export class HistogramSeries extends Series {
  readonly histogram: ExponentialHistogram
  #exemplars: (Exemplar | undefined)[] | undefined

  constructor(attributes: PlainAttributes, startMs: number, bounds: readonly number[]) {
    super(attributes, startMs)
    this.histogram = new ExponentialHistogram(bounds)
  }

  /** Adds one value (>= 0). */
  record(value: number): void {
    this.histogram.record(value)
  }

  /** Remembers `exemplar` for the explicit bucket its value falls in; the newest wins. */
  link(exemplar: Exemplar): void {
    const { bounds } = this.histogram
    let at = 0
    while (at < bounds.length && exemplar.value > (bounds[at] as number)) at++
    this.#exemplars ??= Array.from({ length: bounds.length + 1 })
    this.#exemplars[at] = exemplar
  }

  /** Exemplar of each explicit bucket; empty where there is none at all. */
  get exemplars(): readonly (Exemplar | undefined)[] {
    return this.#exemplars ?? []
  }
}

/** All series of one name. */
export class Family<S extends CounterSeries | GaugeSeries | HistogramSeries> {
  readonly name: MetricName
  /** Scope that declared it: `spate`, or the name of a foreign instrumentation. */
  readonly scope: string
  readonly #make: (attributes: PlainAttributes) => S
  readonly #keys: readonly string[] | undefined
  readonly #series = new Map<string, S>()
  readonly #limit: number
  /** Measurements that went to the overflow series. */
  overflowed = 0

  /** `keys`: attribute keys a series may carry; undefined allows any (the caller filters). */
  constructor(
    name: MetricName,
    scope: string,
    keys: readonly string[] | undefined,
    make: (attributes: PlainAttributes) => S,
  ) {
    this.name = name
    this.scope = scope
    this.#keys = keys
    this.#make = make
    this.#limit = Math.max(2, name.limit ?? seriesMax)
  }

  /** The series of `attributes`: keep it and record through it. O(attributes). */
  series(attributes: Attributes = {}): S {
    const keys = this.#keys ?? Object.keys(attributes).sort()
    let key = ''
    for (const name of keys) {
      const value = attributes[name]
      if (value !== undefined && value !== null) key += `${name}\u0001${typed(value)}\u0002`
    }
    const known = this.#series.get(key)
    if (known) return known
    if (this.#series.size >= this.#limit - 1 && key !== '') return this.#overflow()
    const kept: Record<string, PlainValue> = {}
    for (const name of keys) {
      const value = attributes[name]
      if (value !== undefined && value !== null) kept[name] = value as PlainValue
    }
    return this.#put(key, kept)
  }

  /** Every series, in order of first use. */
  all(): readonly S[] {
    return [...this.#series.values()]
  }

  get size(): number {
    return this.#series.size
  }

  #overflow(): S {
    this.overflowed++
    return this.#series.get('overflow') ?? this.#put('overflow', { 'otel.metric.overflow': true })
  }

  #put(key: string, attributes: PlainAttributes): S {
    const series = this.#make(attributes)
    this.#series.set(key, series)
    return series
  }
}

function typed(value: unknown): string {
  return typeof value === 'string' ? value : `\u0003${JSON.stringify(value)}`
}

/** Any family. */
export type AnyFamily = Family<CounterSeries> | Family<GaugeSeries> | Family<HistogramSeries>

/** Every metric of one program. */
export class MetricRegistry {
  readonly #families = new Map<string, AnyFamily>()
  readonly #observers = new Set<() => void>()
  readonly #now: () => number

  /** `now`: wall time in ms. */
  constructor(now: () => number) {
    this.#now = now
  }

  counter(name: MetricName, scope = 'spate', open = false): Family<CounterSeries> {
    return this.#family(
      name,
      scope,
      open,
      (attributes) => new CounterSeries(attributes, this.#now()),
    ) as Family<CounterSeries>
  }

  /** A gauge, or a sum that goes up and down (`kind: 'updown'`). */
  gauge(name: MetricName, scope = 'spate', open = false): Family<GaugeSeries> {
    return this.#family(
      name,
      scope,
      open,
      (attributes) => new GaugeSeries(attributes, this.#now()),
    ) as Family<GaugeSeries>
  }

  histogram(name: MetricName, scope = 'spate', open = false): Family<HistogramSeries> {
    const bounds = name.bounds ?? durationBounds
    return this.#family(
      name,
      scope,
      open,
      (attributes) => new HistogramSeries(attributes, this.#now(), bounds),
    ) as Family<HistogramSeries>
  }

  /** Calls `task` before each collection: set gauges there that are costly to keep current. */
  observe(task: () => void): () => void {
    this.#observers.add(task)
    return () => void this.#observers.delete(task)
  }

  /** Every family after its observers ran, by name. O(families). */
  collect(): readonly AnyFamily[] {
    for (const task of this.#observers) {
      try {
        task()
      } catch {
        // An observer of user code that throws must not take the other metrics with it.
        this.observerFailures++
      }
    }
    return [...this.#families.values()]
  }

  /** Observers that threw. */
  observerFailures = 0

  #family(
    name: MetricName,
    scope: string,
    open: boolean,
    make: (attributes: PlainAttributes) => CounterSeries | GaugeSeries | HistogramSeries,
  ): AnyFamily {
    const key = `${scope}\u0000${name.name}\u0000${name.kind}`
    const known = this.#families.get(key)
    if (known) return known
    const keys = open ? undefined : name.attributes
    const family = new Family(name, scope, keys, make) as AnyFamily
    this.#families.set(key, family)
    return family
  }
}
