import type {
  Attributes,
  BatchObservableCallback,
  Counter,
  Gauge,
  Histogram,
  Meter,
  MetricOptions,
  Observable,
  ObservableCallback,
  ObservableCounter,
  ObservableGauge,
  ObservableResult,
  ObservableUpDownCounter,
  UpDownCounter,
} from '@opentelemetry/api'
import type { AttributeGate } from './attributes.ts'
import type { CounterSeries, Family, GaugeSeries, MetricRegistry } from './metrics.ts'
import type { MetricKind, MetricName } from './metric-name.ts'

/** Instruments one meter may declare; later ones share a name for what is too many. */
export const instrumentsMax = 1000
/** Callbacks one meter may have. */
export const callbacksMax = 1000
const nameForm = /^[A-Za-z][A-Za-z0-9_.\-/]{0,254}$/

/**
 * The api's meter over the registry. Slower than a handle taken from the registry, since every
 * record looks its attributes up; code of other people uses this one.
 */
export class SpateMeter implements Meter {
  readonly #registry: MetricRegistry
  readonly #gate: AttributeGate
  readonly #scope: string
  readonly #names = new Map<string, MetricName>()
  #callbacks = 0
  #batches = new Map<BatchObservableCallback, () => void>()

  constructor(registry: MetricRegistry, gate: AttributeGate, scope: string) {
    this.#registry = registry
    this.#gate = gate
    this.#scope = scope
  }

  createCounter(name: string, options?: MetricOptions): Counter {
    const family = this.#registry.counter(
      this.#declare(name, 'counter', options),
      this.#scope,
      true,
    )
    return { add: (amount, attributes) => family.series(this.#pass(attributes)).add(amount) }
  }

  createUpDownCounter(name: string, options?: MetricOptions): UpDownCounter {
    const family = this.#registry.gauge(this.#declare(name, 'updown', options), this.#scope, true)
    return { add: (amount, attributes) => family.series(this.#pass(attributes)).add(amount) }
  }

  createGauge(name: string, options?: MetricOptions): Gauge {
    const family = this.#registry.gauge(this.#declare(name, 'gauge', options), this.#scope, true)
    return { record: (value, attributes) => family.series(this.#pass(attributes)).set(value) }
  }

  createHistogram(name: string, options?: MetricOptions): Histogram {
    const declared = this.#declare(name, 'histogram', options)
    const family = this.#registry.histogram(declared, this.#scope, true)
    return { record: (value, attributes) => family.series(this.#pass(attributes)).record(value) }
  }

  createObservableCounter(name: string, options?: MetricOptions): ObservableCounter {
    const declared = this.#declare(name, 'counter', options)
    return this.#observable(this.#registry.counter(declared, this.#scope, true))
  }

  createObservableUpDownCounter(name: string, options?: MetricOptions): ObservableUpDownCounter {
    const declared = this.#declare(name, 'updown', options)
    return this.#observable(this.#registry.gauge(declared, this.#scope, true))
  }

  createObservableGauge(name: string, options?: MetricOptions): ObservableGauge {
    const declared = this.#declare(name, 'gauge', options)
    return this.#observable(this.#registry.gauge(declared, this.#scope, true))
  }

  addBatchObservableCallback(callback: BatchObservableCallback, observables: Observable[]): void {
    if (this.#batches.has(callback) || this.#callbacks >= callbacksMax) return
    this.#callbacks++
    const allowed = new Set(observables)
    const stop = this.#registry.observe(() => {
      void callback({
        observe: (target, value, attributes) => {
          if (allowed.has(target)) targets.get(target)?.(value, attributes)
        },
      })
    })
    this.#batches.set(callback, stop)
  }

  removeBatchObservableCallback(callback: BatchObservableCallback): void {
    this.#batches.get(callback)?.()
    if (this.#batches.delete(callback)) this.#callbacks--
  }

  #observable(family: Family<CounterSeries> | Family<GaugeSeries>): Observable {
    const stops = new Map<ObservableCallback, () => void>()
    const observe = (value: number, attributes?: Attributes): void => {
      const series = family.series(this.#pass(attributes))
      if ('observe' in series) series.observe(value)
      else series.set(value)
    }
    const result: ObservableResult = { observe }
    const made: Observable = {
      addCallback: (callback) => {
        if (stops.has(callback) || this.#callbacks >= callbacksMax) return
        this.#callbacks++
        // A callback that returns a promise observes what it can before its first await.
        stops.set(
          callback,
          this.#registry.observe(() => void callback(result)),
        )
      },
      removeCallback: (callback) => {
        stops.get(callback)?.()
        if (stops.delete(callback)) this.#callbacks--
      },
    }
    targets.set(made, observe)
    return made
  }

  #pass(attributes: Attributes | undefined): Attributes {
    return attributes === undefined ? {} : this.#gate.filter(attributes).kept
  }

  #declare(given: string, kind: MetricKind, options: MetricOptions = {}): MetricName {
    const known = this.#names.get(given)
    if (known?.kind === kind) return known
    // A name that breaks the grammar, or one too many, must not throw into user code.
    const valid = nameForm.test(given) && this.#names.size < instrumentsMax
    const bounds = options.advice?.explicitBucketBoundaries
    const declared: MetricName = {
      name: valid ? given : 'invalid',
      kind,
      unit: (options.unit ?? '').slice(0, 63),
      description: (options.description ?? '').slice(0, 1023),
      attributes: [],
      ...(bounds && bounds.length <= 256 ? { bounds: [...bounds].sort((a, b) => a - b) } : {}),
    }
    if (valid) this.#names.set(given, declared)
    return declared
  }
}

const targets = new WeakMap<object, (value: number, attributes?: Attributes) => void>()
