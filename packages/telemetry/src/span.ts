import {
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
import type { LocalTrace, SpanWords } from './local-trace.ts'
import { column, placeOf, type SpanPage, type SpanScopeName } from './span-rows.ts'
import { hexOfWord } from './trace-parent.ts'

/** How a span begins. */
export interface SpanBegin {
  readonly name: string
  /** Kind as the api numbers it, with `remoteBit` where the parent is elsewhere. */
  readonly kind: number
  readonly scope: SpanScopeName
  /** Wall time, ms with a fraction. */
  readonly startMs: number
}

/** Events a span may carry; later ones are counted as dropped. */
export const eventsMax = 128
/** Links a span may carry. */
export const linksMax = 128

/**
 * A span that records: a handle on its row. What it is given is held as it came and cleaned only
 * where the trace is kept, since most traces are not. Once the row is gone (the span ended, or its
 * trace was let go) everything but its ids is.
 */
export class SpateSpan implements Span, SpanWords {
  readonly local: LocalTrace
  readonly idHigh: number
  readonly idLow: number
  #row: number
  #context: SpanContext | undefined = undefined

  /** `row`: below zero for a span that found no room. */
  constructor(local: LocalTrace, row: number, id: SpanWords) {
    this.local = local
    this.#row = row
    this.idHigh = id.idHigh
    this.idLow = id.idLow
  }

  /** Begins a span in `local`; `kind` as `SpanPage.begin` takes it. */
  static begin(local: LocalTrace, parent: SpanWords, what: SpanBegin): SpateSpan {
    const { ids, rows } = local.recorder
    id.idHigh = ids.word(0) | 0
    id.idLow = ids.word(1) | 0
    const row = local.begin(id, parent)
    if (row >= 0) rows.page(row).begin(placeOf(row), what.name, what.scope, what.kind, what.startMs)
    return new SpateSpan(local, row, id)
  }

  /** 16 hex characters. */
  get id(): string {
    return hexOfWord(this.idHigh) + hexOfWord(this.idLow)
  }

  spanContext(): SpanContext {
    this.#context ??= this.local.contextOf(this.id)
    return this.#context
  }

  isRecording(): boolean {
    return this.#page() !== undefined
  }

  setAttribute(key: string, value: AttributeValue): this {
    if (value === undefined || value === null) return this
    this.#page()?.setAttribute(placeOf(this.#row), key, value)
    return this
  }

  setAttributes(attributes: Attributes): this {
    const page = this.#page()
    if (!page) return this
    const at = placeOf(this.#row)
    for (const key in attributes) {
      const value = attributes[key]
      if (value !== undefined && value !== null) page.setAttribute(at, key, value)
    }
    return this
  }

  addEvent(name: string, second?: Attributes | TimeInput, third?: TimeInput): this {
    const page = this.#page()
    if (!page) return this
    const timed = isTime(second)
    const extra = page.needExtra(placeOf(this.#row))
    const events = (extra.events ??= [])
    if (events.length >= eventsMax) extra.droppedEvents++
    else
      events.push({
        name,
        timeMs: this.local.recorder.timeOf(timed ? second : third),
        attributes: timed ? undefined : { ...second },
      })
    return this
  }

  addLink(link: Link): this {
    const page = this.#page()
    if (!page) return this
    const extra = page.needExtra(placeOf(this.#row))
    const links = (extra.links ??= [])
    if (links.length >= linksMax) extra.droppedLinks++
    else links.push(link)
    return this
  }

  addLinks(links: readonly Link[]): this {
    for (const link of links) this.addLink(link)
    return this
  }

  setStatus(status: SpanStatus): this {
    const page = this.#page()
    if (!page) return this
    const at = placeOf(this.#row)
    // Ok is final (API specification, "Set Status"); Unset is ignored.
    if (page.status(at) === SpanStatusCode.OK || status.code === SpanStatusCode.UNSET) return this
    page.setStatus(at, status.code)
    if (status.code === SpanStatusCode.ERROR) {
      this.local.failed = true
      if (status.message !== undefined) page.needExtra(at).message = status.message
    }
    return this
  }

  updateName(name: string): this {
    this.#page()?.setRef(placeOf(this.#row), column.name, name)
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
    const row = this.#row
    if (row < 0) return
    const page = this.#page()
    this.#row = -1
    if (!page) {
      if (this.local.state === 'dropped') this.local.recorder.dropLate(1)
      return
    }
    const at = placeOf(row)
    const endMs = this.local.recorder.timeOf(endTime)
    const startMs = page.time(at, column.start)
    page.setTime(at, column.end, endMs > startMs ? endMs : startMs)
    this.local.finished(row)
  }

  /** The page of its row; undefined where it has no row, or no longer. */
  #page(): SpanPage | undefined {
    if (this.#row < 0) return undefined
    const page = this.local.recorder.rows.page(this.#row)
    return page.word(placeOf(this.#row), column.owner) === this.local.number ? page : undefined
  }
}

const id = { idHigh: 0, idLow: 0 }

function isTime(value: unknown): value is TimeInput {
  return typeof value === 'number' || value instanceof Date || Array.isArray(value)
}
