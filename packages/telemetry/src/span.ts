import {
  SpanKind,
  SpanStatusCode,
  type Attributes,
  type AttributeValue,
  type Exception,
  type Link,
  type Span,
  type SpanContext,
  type SpanStatus,
  type TimeInput,
} from '@opentelemetry/api'
import { attributesMax } from './attributes.ts'
import type { LocalTrace } from './local-trace.ts'
import type { SpanEvent, SpanLink, SpanRecord } from './span-record.ts'
import { hexOfWord } from './trace-parent.ts'

/** Events a span may carry; later ones are counted as dropped. */
export const eventsMax = 128
/** Links a span may carry. */
export const linksMax = 128

/** Who made a span. */
export interface SpanScopeName {
  readonly name: string
  readonly version?: string
}

/** How a span begins. */
export interface SpanStart {
  readonly name: string
  readonly kind: SpanKind
  readonly scope: SpanScopeName
  /** Hex id of the parent; empty for a root. */
  readonly parentSpanId: string
  readonly remoteParent: boolean
  /** Wall time, ms with a fraction. */
  readonly startMs: number
  readonly attributes: Attributes | undefined
  readonly links: readonly Link[] | undefined
}

/**
 * A span that records. What it is given is held as it came and cleaned only where the trace is
 * kept, since most traces are not.
 */
export class SpateSpan implements Span {
  readonly #local: LocalTrace
  readonly #start: SpanStart
  readonly #id: string
  #name: string
  #attributes: Attributes | undefined
  #attributeCount = 0
  #droppedAttributes = 0
  #events: { name: string; timeMs: number; attributes: Attributes | undefined }[] | undefined
  #droppedEvents = 0
  #links: Link[] | undefined
  #droppedLinks = 0
  #status: SpanStatus = unset
  #endMs = -1
  #context: SpanContext | undefined

  constructor(local: LocalTrace, start: SpanStart) {
    this.#local = local
    this.#start = start
    this.#name = start.name
    this.#id = hexOfWord(local.recorder.ids.word(0)) + hexOfWord(local.recorder.ids.word(1))
    if (start.attributes) this.setAttributes(start.attributes)
    if (start.links) this.addLinks(start.links)
  }

  get local(): LocalTrace {
    return this.#local
  }

  get id(): string {
    return this.#id
  }

  get startMs(): number {
    return this.#start.startMs
  }

  get endMs(): number {
    return this.#endMs
  }

  get name(): string {
    return this.#name
  }

  get failed(): boolean {
    return this.#status.code === SpanStatusCode.ERROR
  }

  spanContext(): SpanContext {
    this.#context ??= this.#local.contextOf(this.#id)
    return this.#context
  }

  isRecording(): boolean {
    return this.#endMs < 0
  }

  setAttribute(key: string, value: AttributeValue): this {
    if (this.#endMs >= 0 || value === undefined || value === null) return this
    const attributes = (this.#attributes ??= {})
    if (!Object.hasOwn(attributes, key) && ++this.#attributeCount > attributesMax)
      this.#droppedAttributes++
    else attributes[key] = value
    return this
  }

  setAttributes(attributes: Attributes): this {
    for (const key in attributes) {
      const value = attributes[key]
      if (value !== undefined) this.setAttribute(key, value)
    }
    return this
  }

  addEvent(name: string, second?: Attributes | TimeInput, third?: TimeInput): this {
    if (this.#endMs >= 0) return this
    const timed = isTime(second)
    const events = (this.#events ??= [])
    if (events.length >= eventsMax) this.#droppedEvents++
    else
      events.push({
        name,
        timeMs: this.#local.recorder.timeOf(timed ? second : third),
        attributes: timed ? undefined : { ...second },
      })
    return this
  }

  addLink(link: Link): this {
    if (this.#endMs >= 0) return this
    const links = (this.#links ??= [])
    if (links.length >= linksMax) this.#droppedLinks++
    else links.push(link)
    return this
  }

  addLinks(links: readonly Link[]): this {
    for (const link of links) this.addLink(link)
    return this
  }

  setStatus(status: SpanStatus): this {
    if (this.#endMs >= 0) return this
    // Ok is final (API specification, "Set Status"); Unset is ignored.
    if (this.#status.code === SpanStatusCode.OK || status.code === SpanStatusCode.UNSET) return this
    this.#status = status
    if (status.code === SpanStatusCode.ERROR) this.#local.failed = true
    return this
  }

  updateName(name: string): this {
    if (this.#endMs < 0) this.#name = name
    return this
  }

  recordException(exception: Exception, time?: TimeInput): void {
    const attributes: Attributes = {}
    if (typeof exception === 'string') attributes['exception.message'] = exception
    else if (typeof exception === 'object' && exception !== null) {
      if (exception.code !== undefined) attributes['exception.type'] = String(exception.code)
      else if (exception.name) attributes['exception.type'] = exception.name
      if (exception.message) attributes['exception.message'] = exception.message
      if (exception.stack) attributes['exception.stacktrace'] = exception.stack
    }
    this.addEvent('exception', attributes, time)
  }

  end(endTime?: TimeInput): void {
    if (this.#endMs >= 0) return
    this.#endMs = Math.max(this.#start.startMs, this.#local.recorder.timeOf(endTime))
    this.#local.finished(this)
  }

  /** The finished span as sinks take it, with what may not leave taken out. O(attributes). */
  record(traceState: string, flags: number): SpanRecord {
    const { gate, service, resource } = this.#local.recorder
    const { kept, dropped } = gate.filter(this.#attributes)
    const { message } = this.#status
    return {
      traceId: this.#local.traceId,
      spanId: this.#id,
      parentSpanId: this.#start.parentSpanId,
      traceState,
      flags,
      remoteParent: this.#start.remoteParent,
      name: this.#name,
      kind: this.#start.kind,
      startMs: this.#start.startMs,
      endMs: this.#endMs,
      attributes: kept,
      droppedAttributes: dropped + this.#droppedAttributes,
      events: this.#events?.map((event) => this.#eventRecord(event)) ?? [],
      droppedEvents: this.#droppedEvents,
      links: this.#links?.map((link) => this.#linkRecord(link)) ?? [],
      droppedLinks: this.#droppedLinks,
      status: {
        code: this.#status.code,
        ...(message === undefined || this.#status.code !== SpanStatusCode.ERROR
          ? {}
          : { message: gate.text(message) }),
      },
      service,
      resource,
      scope: this.#start.scope,
    }
  }

  #eventRecord(event: {
    name: string
    timeMs: number
    attributes: Attributes | undefined
  }): SpanEvent {
    const { kept, dropped } = this.#local.recorder.gate.filter(event.attributes)
    return { name: event.name, timeMs: event.timeMs, attributes: kept, droppedAttributes: dropped }
  }

  #linkRecord({ context, attributes, droppedAttributesCount }: Link): SpanLink {
    const { kept, dropped } = this.#local.recorder.gate.filter(attributes)
    return {
      traceId: context.traceId,
      spanId: context.spanId,
      traceState: context.traceState?.serialize() ?? '',
      attributes: kept,
      droppedAttributes: dropped + (droppedAttributesCount ?? 0),
    }
  }
}

const unset: SpanStatus = Object.freeze({ code: SpanStatusCode.UNSET })

function isTime(value: unknown): value is TimeInput {
  return typeof value === 'number' || value instanceof Date || Array.isArray(value)
}
