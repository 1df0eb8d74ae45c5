import { ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import { crashPoint } from '@spate/runtime/host'
import type { Log } from '@spate/runtime/log'
import { spanNames } from '@spate/telemetry/names'
import { extractHeaders } from '@spate/telemetry/propagator'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { Item } from './domain/catalogue.ts'
import { eventKinds, type Attributes } from './domain/history.ts'
import type { Experiment } from './domain/experiment/experiment.ts'
import type { Feedback } from './domain/rank/feedback.ts'
import { decodeServed } from './domain/rank/served-list.ts'
import type { Interaction, OrderStep, RecommendState } from './domain/state.ts'
import type { Partition } from './domain/partition.ts'
import { topics } from './ingest.ts'

/** One entry as the event log hands it over. */
export interface ConsumedEntry {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

/** Next offset to read, by topic and partition. */
export type Offsets = Record<string, Record<number, number>>

/** What the consumer stands on. */
export interface ConsumerOptions {
  readonly state: RecommendState
  readonly telemetry: Telemetry
  readonly log: Log
  /** Learns from what was served; absent where nobody wants to. */
  readonly feedback?: Feedback
  /** Whose events are applied; those of other users are passed over. All of them where absent. */
  readonly partition?: Partition
  /** Offsets that belong to the state as it is now. */
  readonly offsets: Offsets
}

/**
 * Applies log entries to the state. The offsets live beside the state and are saved with it, so
 * after a crash exactly the entries that the saved state lacks are read again; the event ids in
 * the state catch what a publisher sent twice. That makes each event count once (field: exactly
 * once in effect), whatever the log delivers again.
 */
export class Consumer {
  readonly #options: ConsumerOptions
  readonly #offsets: Offsets
  #applied = 0
  #skipped = 0
  #parent: { readonly headers: ConsumedEntry['headers']; readonly context: Context } | undefined

  constructor(options: ConsumerOptions) {
    this.#options = options
    this.#offsets = structuredClone(options.offsets)
  }

  /** Entries applied, and entries that could not be read, since this process began. */
  get counters(): { readonly applied: number; readonly skipped: number } {
    return { applied: this.#applied, skipped: this.#skipped }
  }

  /** Offsets that belong to the state right now. */
  offsets(): Offsets {
    return structuredClone(this.#offsets)
  }

  /** Where to go on in `topic`. */
  next(topic: string): Record<number, number> {
    return { ...this.#offsets[topic] }
  }

  /** Applies entries in order; ones below the stored offset were applied before and are passed over. */
  apply(entries: readonly ConsumedEntry[]): void {
    for (const entry of entries) {
      const known = (this.#offsets[entry.topic] ??= {})
      if (entry.offset < (known[entry.partition] ?? 0)) continue
      crashPoint('recommend.before-apply')
      this.#applyOne(entry)
      crashPoint('recommend.after-apply')
      known[entry.partition] = entry.offset + 1
      this.#applied++
    }
    crashPoint('recommend.after-batch')
  }

  #applyOne(entry: ConsumedEntry): void {
    if (entry.topic === topics.served) return this.#served(entry)
    const value = readJson(entry.value)
    switch (entry.topic) {
      case topics.interactions:
        return this.#interaction(value, entry)
      case topics.catalogue:
        if (isItem(value)) this.#options.state.describe(value)
        else this.#skip(entry)
        return
      case topics.orders:
        return this.#order(value, entry)
      case topics.experiments:
        if (isExperiment(value)) this.#options.feedback?.experiments.put(value)
        else this.#skip(entry)
        return
      case topics.attributes:
        return this.#attributes(value, entry)
      default:
        this.#skip(entry)
    }
  }

  #interaction(value: unknown, entry: ConsumedEntry): void {
    if (!isInteraction(value)) return this.#skip(entry)
    if (!this.#owns(value.userId)) return
    const { state, feedback } = this.#options
    this.#traced(entry, value.userId, () => {
      if (state.interact(value).kind === 'applied') feedback?.follow(value)
    })
  }

  #served(entry: ConsumedEntry): void {
    const list = decodeServed(entry.value)
    if (!list) this.#skip(entry)
    else if (this.#owns(list.userId)) this.#options.feedback?.served(list)
  }

  #order(value: unknown, entry: ConsumedEntry): void {
    if (!isOrderStep(value)) return this.#skip(entry)
    // Stock is everybody's; what was bought is its user's.
    const counts = this.#owns(value.userId)
    this.#traced(entry, value.userId, () => this.#options.state.order(value, counts))
  }

  #attributes(value: unknown, entry: ConsumedEntry): void {
    if (!isDescription(value)) return this.#skip(entry)
    const { userId, attributes } = value
    if (!this.#owns(userId)) return
    this.#traced(entry, userId, () => this.#options.state.describeUser(userId, attributes))
  }

  /** Goes on with the trace of the request that published the entry. */
  #traced(entry: ConsumedEntry, userId: string, apply: () => unknown): void {
    const { telemetry } = this.#options
    if (entry.headers['traceparent'] === undefined) {
      apply()
      return
    }
    const parent = this.#parentOf(entry.headers)
    const span = telemetry.tracer.startSpan(
      spanNames.featureCacheUpdate,
      {
        attributes: {
          'user.id': userId,
          'messaging.system': 'spate',
          'messaging.operation.type': 'process',
          'messaging.destination.name': entry.topic,
        },
      },
      parent,
    )
    apply()
    span.end()
  }

  /** The context in `headers`; those of one call share theirs, so it is read once for all of them. */
  #parentOf(headers: ConsumedEntry['headers']): Context {
    const { traceparent, tracestate, baggage } = headers
    const known = this.#parent
    if (
      known &&
      known.headers['traceparent'] === traceparent &&
      known.headers['tracestate'] === tracestate &&
      known.headers['baggage'] === baggage
    )
      return known.context
    const context = extractHeaders(headers, ROOT_CONTEXT)
    this.#parent = { headers, context }
    return context
  }

  #owns(userId: string): boolean {
    return this.#options.partition?.owns(userId) ?? true
  }

  #skip(entry: ConsumedEntry): void {
    this.#skipped++
    this.#options.log.warn('an entry of the event log cannot be read', {
      topic: entry.topic,
      partition: entry.partition,
      offset: entry.offset,
    })
  }
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
  } catch {
    // Not JSON: the caller counts it as skipped.
    return undefined
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isItem(value: unknown): value is Item {
  return (
    isRecord(value) &&
    typeof value['itemId'] === 'string' &&
    typeof value['title'] === 'string' &&
    Array.isArray(value['categories']) &&
    Array.isArray(value['tags'])
  )
}

function isInteraction(value: unknown): value is Interaction {
  return (
    isRecord(value) &&
    typeof value['eventId'] === 'string' &&
    typeof value['userId'] === 'string' &&
    typeof value['itemId'] === 'string' &&
    eventKinds.includes(value['kind'] as Interaction['kind']) &&
    isAmount(value['weight']) &&
    isAmount(value['timeMs'])
  )
}

function isExperiment(value: unknown): value is Experiment {
  return (
    isRecord(value) &&
    typeof value['name'] === 'string' &&
    typeof value['layer'] === 'string' &&
    Array.isArray(value['variants'])
  )
}

function isDescription(
  value: unknown,
): value is { readonly userId: string; readonly attributes: Attributes } {
  return isRecord(value) && typeof value['userId'] === 'string' && isRecord(value['attributes'])
}

function isOrderStep(value: unknown): value is OrderStep {
  return (
    isRecord(value) &&
    typeof value['type'] === 'string' &&
    typeof value['orderId'] === 'string' &&
    typeof value['userId'] === 'string' &&
    typeof value['productId'] === 'string' &&
    isAmount(value['quantity']) &&
    isAmount(value['atMs'])
  )
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
