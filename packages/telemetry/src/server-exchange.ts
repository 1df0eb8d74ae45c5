import {
  SpanKind,
  SpanStatusCode,
  type Context,
  type Span,
  type SpanContext,
} from '@opentelemetry/api'
import { spanKey, ValueScope, withContext } from './context.ts'
import { LocalTrace, noParent, type LocalTraceStart, type SpanWords } from './local-trace.ts'
import type { Exemplar } from './metrics.ts'
import { factsOf, type Recorder } from './recorder.ts'
import type { Verdict } from './sampler.ts'
import { column, placeOf, remoteBit, type SpanPage, type SpanScopeName } from './span-rows.ts'
import { SilentSpan } from './silent-span.ts'
import type { SpanShape } from './span-shape.ts'
import { SpateSpan } from './span.ts'
import { keeps, type Threshold } from './threshold.ts'
import {
  createTraceParent,
  flagRandom,
  flagSampled,
  hexOfWord,
  parseTraceParent,
} from './trace-parent.ts'
import { readOtel, SpateTraceState, withThreshold } from './trace-state.ts'

/**
 * The server span of one request, on the listener's hot path. Ids are drawn, the head decision is
 * taken and the request is counted; a span object, hex ids and attributes are made only where
 * somebody asks for them or the trace is kept.
 */

/** What is read of a request; attributes only where its trace is kept. */
export interface ServerRequest {
  readonly method: string
  readonly path: string
  readonly host: string
  readonly httpVersion: string
  readonly secure: boolean
  /** Monotonic arrival time, ms. */
  readonly arrivedMs: number
  readonly headers: { get(name: string): string | undefined }
  /** Who asked, where that is known. */
  readonly clientAddress?: string
}

/** Telemetry of one request. It is also the context that carries its span. */
export interface ServerExchange extends Context {
  /** The server span; made on first use. */
  readonly span: Span
  /** Context with the span: parent of child spans and outgoing calls. This object itself. */
  readonly context: Context
  /** True where its trace was sampled when it began; costs nothing to ask, makes no span. */
  readonly sampled: boolean
  /** Runs `task` with the context active in all asynchronous work it starts. */
  run<Result>(task: () => Result): Result
  /**
   * Says that the answer is a stream of events that begins now. What the caller waited for ends
   * here: the request's duration is the time until now, the stream's life is measured apart.
   */
  streams(): void
  /**
   * Ends the request: counts it, and keeps or lets go of its trace. Once; later calls do nothing.
   * `route`: the pattern that matched; undefined where none did. `bytes`: body bytes sent.
   */
  end(status: number, route?: string, errorType?: string, bytes?: number): void
}

const parent = createTraceParent()
const serverScope: SpanScopeName = Object.freeze({ name: 'spate' })
const id = { idHigh: 0, idLow: 0 }
const ended = 0x10

/** The recording implementation. Words are signed: an unsigned one would be a heap object each. */
export class RecordingExchange implements ServerExchange {
  readonly #recorder: Recorder
  readonly #request: ServerRequest
  /** The caller's header; undefined where there is none that is valid. */
  readonly #traceparent: string | undefined
  readonly #tracestate: string | undefined
  /** The last two words of the trace id, which hold its randomness. */
  readonly #c: number
  readonly #d: number
  /** W3C flags: `sampled` as decided here, `random` as it came; and `ended`. */
  #facts: number
  readonly #threshold: Threshold | undefined
  #local: LocalTrace | undefined = undefined
  #span: Span | undefined = undefined
  /** Monotonic time at which a stream of events began; undefined where the answer is none. */
  #streamMs: number | undefined = undefined

  constructor(
    recorder: Recorder,
    request: ServerRequest,
    traceparent: string | undefined,
    tracestate: string | undefined,
  ) {
    this.#recorder = recorder
    this.#request = request
    const { sampler } = recorder
    if (traceparent !== undefined && parseTraceParent(traceparent, parent)) {
      this.#c = (parent.trace[2] as number) | 0
      this.#d = (parent.trace[3] as number) | 0
      this.#traceparent = traceparent
      this.#tracestate = tracestate
      this.#threshold = undefined
      const sampled =
        (parent.flags & flagSampled) !== 0 &&
        sampler.follows(this.#c & 0xff_ffff, this.#d >>> 0, request.arrivedMs)
      this.#facts = (parent.flags & flagRandom) | (sampled ? flagSampled : 0)
      return
    }
    if (traceparent !== undefined) recorder.refusedParents.value++
    this.#traceparent = undefined
    this.#tracestate = undefined
    this.#c = recorder.ids.word(2) | 0
    this.#d = recorder.ids.word(3) | 0
    const boosted = sampler.tail && recorder.routes.failing(request, request.arrivedMs)
    const threshold = sampler.head(boosted, request.arrivedMs)
    const sampled = keeps(threshold, this.#c & 0xff_ffff, this.#d >>> 0)
    this.#threshold = sampled ? threshold : undefined
    this.#facts = sampled ? flagSampled | flagRandom : flagRandom
  }

  get context(): Context {
    return this
  }

  get sampled(): boolean {
    return (this.#facts & flagSampled) !== 0
  }

  get span(): Span {
    return (this.#span ??= this.#makeSpan())
  }

  getValue(key: symbol): unknown {
    return key === spanKey ? this.span : undefined
  }

  setValue(key: symbol, value: unknown): Context {
    return new ValueScope(this, key, value)
  }

  deleteValue(key: symbol): Context {
    return new ValueScope(this, key, undefined)
  }

  run<Result>(task: () => Result): Result {
    return withContext(this, task)
  }

  streams(): void {
    this.#streamMs ??= this.#recorder.clock.elapsed()
  }

  end(status: number, route?: string, errorType?: string, bytes?: number): void {
    if ((this.#facts & ended) !== 0) return
    this.#facts |= ended
    const { cost } = this.#recorder
    if (cost.watches(this)) this.#endWatched(status, route, errorType, bytes)
    else this.#end(status, route, errorType, bytes)
  }

  /** Apart from `end`, since what a closure captures costs each call an object. */
  #endWatched(
    status: number,
    route: string | undefined,
    errorType: string | undefined,
    bytes: number | undefined,
  ): void {
    this.#recorder.cost.end(() => this.#end(status, route, errorType, bytes))
  }

  #end(
    status: number,
    route: string | undefined,
    errorType: string | undefined,
    bytes: number | undefined,
  ): void {
    const recorder = this.#recorder
    const { sampler } = recorder
    const request = this.#request
    const endMs = recorder.clock.elapsed()
    const took = (this.#streamMs ?? endMs) - request.arrivedMs
    if (this.#streamMs !== undefined) recorder.streamed(route, (endMs - this.#streamMs) / 1000)
    const seconds = took > 0 ? took / 1000 : 0
    const stats = recorder.routes.of(route)
    const kind = stats.record(request.method, status, request.secure, seconds, endMs)
    const error = status >= 500 || errorType !== undefined
    if (error && stats.boostedAt(endMs)) recorder.routes.learn(request.path, stats)
    const slow = stats.slow
    const sampled = (this.#facts & flagSampled) !== 0
    const whole = sampler.strategy === 'tail'
    const failed = error || (this.#local !== undefined && this.#local.failed)
    if (!sampled && !whole && !(sampler.tail && (failed || slow || stats.rare))) {
      if (!this.#local) return recorder.letGo()
      this.#local.ended++
      recorder.conclude(this.#local, undefined)
      return
    }
    const local = (this.#local ??= this.#open())
    const verdict = sampler.judge(factsOf(local, failed, slow, stats.rare))
    if (local.root >= 0 && local.state === 'open') {
      const page = recorder.rows.page(local.root)
      page.setTime(placeOf(local.root), column.end, recorder.wall.at(endMs))
      if (verdict || whole) this.#describe(page, kind.shape(stats.route), verdict, errorType, bytes)
    }
    local.ended++
    recorder.conclude(local, verdict)
    if (verdict) kind.series.link(new TraceExemplar(seconds, recorder.wall.at(endMs), local))
  }

  #makeSpan(): Span {
    const { sampler } = this.#recorder
    const recorded = (this.#facts & flagSampled) !== 0 || sampler.tail
    if (!this.#local && (!recorded || (this.#facts & ended) !== 0))
      return new SilentSpan(() => this.#silentContext())
    const local = (this.#local ??= this.#open())
    return new SpateSpan(local, local.root, local)
  }

  /** An unsampled trace still has ids, which outgoing calls carry on. */
  #silentContext(): SpanContext {
    const { ids } = this.#recorder
    const start = this.#start()
    return {
      traceId: hexOfWord(start.a) + hexOfWord(start.b) + hexOfWord(start.c) + hexOfWord(start.d),
      spanId: hexOfWord(ids.word(0)) + hexOfWord(ids.word(1)),
      traceFlags: this.#facts & flagRandom,
      ...(start.traceState === undefined ? {} : { traceState: start.traceState }),
    }
  }

  #open(): LocalTrace {
    const recorder = this.#recorder
    const local = new LocalTrace(recorder, this.#start(), true)
    // `#start` has left the caller's ids in `parent`.
    const above = this.#traceparent === undefined ? noParent : parentWords()
    id.idHigh = recorder.ids.word(0) | 0
    id.idLow = recorder.ids.word(1) | 0
    const row = local.begin(id, above)
    const kind = this.#traceparent === undefined ? SpanKind.SERVER : SpanKind.SERVER | remoteBit
    const startMs = recorder.wall.at(this.#request.arrivedMs)
    if (row >= 0)
      recorder.rows.page(row).begin(placeOf(row), this.#request.method, serverScope, kind, startMs)
    return local
  }

  #start(): LocalTraceStart {
    const c = this.#c
    const d = this.#d
    const headSampled = (this.#facts & flagSampled) !== 0
    const random = (this.#facts & flagRandom) !== 0
    if (this.#traceparent === undefined) {
      const { ids } = this.#recorder
      const threshold = this.#threshold
      return {
        a: ids.word(0) | 0,
        b: ids.word(1) | 0,
        c,
        d,
        high: c & 0xff_ffff,
        low: d >>> 0,
        headSampled,
        headThreshold: threshold,
        random,
        traceState: withThreshold(undefined, threshold),
      }
    }
    parseTraceParent(this.#traceparent, parent)
    const received =
      this.#tracestate === undefined ? undefined : SpateTraceState.parse(this.#tracestate)
    if (this.#tracestate && !received) this.#recorder.refusedStates.value++
    const otel = readOtel(received?.get('ot'))
    const { high, low } = otel.random ?? { high: c & 0xff_ffff, low: d >>> 0 }
    // A caller that says "sampled" with a threshold its randomness does not reach is not believed
    // about the threshold: counts made from it would be wrong.
    const threshold =
      headSampled && otel.threshold && keeps(otel.threshold, high, low) ? otel.threshold : undefined
    return {
      a: (parent.trace[0] as number) | 0,
      b: (parent.trace[1] as number) | 0,
      c,
      d,
      high,
      low,
      headSampled,
      headThreshold: threshold,
      random,
      traceState:
        received && otel.threshold !== threshold ? withThreshold(received, threshold) : received,
    }
  }

  /** Says in the server span's row what the request was. */
  #describe(
    page: SpanPage,
    shape: SpanShape,
    verdict: Verdict | undefined,
    errorType: string | undefined,
    bytes: number | undefined,
  ): void {
    const at = placeOf((this.#local as LocalTrace).root)
    const request = this.#request
    page.yieldTo(at, shape)
    page.setRef(at, column.shape, shape)
    page.setRef(at, column.place, this.#recorder.hosts.of(request.host, request.httpVersion))
    page.setAttribute(at, 'url.path', request.path)
    if (bytes !== undefined) page.setAttribute(at, 'http.response.body.size', bytes)
    const agent = request.headers.get('user-agent')
    if (agent !== undefined) page.setAttribute(at, 'user_agent.original', agent)
    const client = request.clientAddress
    if (client !== undefined) page.setAttribute(at, 'client.address', client)
    if (shape.attributes['http.request.method'] !== request.method)
      page.setAttribute(at, 'http.request.method_original', request.method)
    if (shape.failed || errorType !== undefined)
      page.setAttribute(
        at,
        'error.type',
        errorType ?? String(shape.attributes['http.response.status_code']),
      )
    if (shape.failed) page.setStatus(at, SpanStatusCode.ERROR)
    if (verdict && verdict.rule !== 'head') page.setAttribute(at, 'sampling.rule', verdict.rule)
  }
}

function parentWords(): SpanWords {
  return { idHigh: (parent.span[0] as number) | 0, idLow: (parent.span[1] as number) | 0 }
}

/** Ids are written out only where somebody reads the exemplar. */
class TraceExemplar implements Exemplar {
  readonly value: number
  readonly timeMs: number
  readonly #local: LocalTrace

  constructor(value: number, timeMs: number, local: LocalTrace) {
    this.value = value
    this.timeMs = timeMs
    this.#local = local
  }

  get traceId(): string {
    return this.#local.traceId
  }

  get spanId(): string {
    return hexOfWord(this.#local.idHigh) + hexOfWord(this.#local.idLow)
  }
}
