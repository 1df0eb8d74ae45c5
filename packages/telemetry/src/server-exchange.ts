import { SpanKind, SpanStatusCode, type Context, type Span } from '@opentelemetry/api'
import { spanKey, ValueScope, withContext } from './context.ts'
import { LocalTrace, type LocalTraceStart } from './local-trace.ts'
import { factsOf, type Recorder } from './recorder.ts'
import { RemoteSpan } from './remote-span.ts'
import { methodName, type RouteStats } from './route-stats.ts'
import { SpateSpan, type SpanScopeName } from './span.ts'
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
}

/** Telemetry of one request. It is also the context that carries its span. */
export interface ServerExchange extends Context {
  /** The server span; made on first use. */
  readonly span: Span
  /** Context with the span: parent of child spans and outgoing calls. This object itself. */
  readonly context: Context
  /** Runs `task` with the context active in all asynchronous work it starts. */
  run<Result>(task: () => Result): Result
  /**
   * Ends the request: counts it, and keeps or lets go of its trace. Once; later calls do nothing.
   * `route`: the pattern that matched; undefined where none did. `bytes`: body bytes sent.
   */
  end(status: number, route?: string, errorType?: string, bytes?: number): void
}

const parent = createTraceParent()
const serverScope: SpanScopeName = Object.freeze({ name: 'spate' })
const unsampledState = Object.freeze({ high: 0, low: 0 })

/** The recording implementation. */
export class RecordingExchange implements ServerExchange {
  readonly #recorder: Recorder
  readonly #request: ServerRequest
  readonly #tracestate: string | undefined
  // Trace id (a..d) and the parent's span id (e, f) as 32-bit words.
  #a = 0
  #b = 0
  #c = 0
  #d = 0
  #e = 0
  #f = 0
  #flags = 0
  #remote = false
  #sampled: boolean
  #threshold: Threshold | undefined
  #local: LocalTrace | undefined
  #span: Span | undefined
  #ended = false

  constructor(
    recorder: Recorder,
    request: ServerRequest,
    traceparent: string | undefined,
    tracestate: string | undefined,
  ) {
    this.#recorder = recorder
    this.#request = request
    if (traceparent !== undefined && parseTraceParent(traceparent, parent)) {
      const { trace, span } = parent
      this.#a = trace[0] as number
      this.#b = trace[1] as number
      this.#c = trace[2] as number
      this.#d = trace[3] as number
      this.#e = span[0] as number
      this.#f = span[1] as number
      this.#flags = parent.flags
      this.#remote = true
      this.#tracestate = tracestate
      this.#sampled =
        (parent.flags & flagSampled) !== 0 && recorder.sampler.follows(this.#c & 0xff_ffff, this.#d)
      return
    }
    this.#tracestate = undefined
    if (traceparent !== undefined) recorder.refusedParents.value++
    const { ids } = recorder
    this.#a = ids.word(0)
    this.#b = ids.word(1)
    this.#c = ids.word(2)
    this.#d = ids.word(3)
    this.#flags = flagRandom
    const { sampler } = recorder
    this.#threshold = sampler.head(
      sampler.tail && recorder.routes.failing(request.path, request.arrivedMs),
    )
    this.#sampled = keeps(this.#threshold, this.#c & 0xff_ffff, this.#d)
  }

  get context(): Context {
    return this
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

  end(status: number, route?: string, errorType?: string, bytes?: number): void {
    if (this.#ended) return
    this.#ended = true
    const recorder = this.#recorder
    const request = this.#request
    const endMs = recorder.clock.elapsed()
    const seconds = Math.max(0, endMs - request.arrivedMs) / 1000
    const stats = recorder.routes.of(route)
    const slow = seconds > stats.slowSeconds
    const method = methodName(request.method)
    const series = stats.record(method, status, request.secure, seconds, endMs)
    const error = status >= 500 || errorType !== undefined
    if (error && stats.boostedAt(endMs)) recorder.routes.learn(request.path, stats)
    const whole = recorder.sampler.strategy === 'tail'
    if (!this.#local && !whole && !this.#mayKeep(error || slow || stats.rare)) {
      recorder.letGo()
      return
    }
    const span = this.span
    const local = this.#local
    if (!local || !(span instanceof SpateSpan)) return recorder.letGo()
    const verdict = recorder.sampler.judge(factsOf(local, error || local.failed, slow, stats))
    if (verdict || whole) {
      this.#describe(span, status, stats, errorType, bytes)
      if (verdict && verdict.rule !== 'head') span.setAttribute('sampling.rule', verdict.rule)
    }
    span.end(recorder.wall.at(endMs))
    recorder.conclude(local, verdict)
    if (verdict)
      series.link({
        value: seconds,
        timeMs: recorder.wall.at(endMs),
        traceId: local.traceId,
        spanId: span.id,
      })
  }

  #mayKeep(special: boolean): boolean {
    return this.#sampled || (special && this.#recorder.sampler.tail)
  }

  #makeSpan(): Span {
    const traceId =
      hexOfWord(this.#a) + hexOfWord(this.#b) + hexOfWord(this.#c) + hexOfWord(this.#d)
    const recorder = this.#recorder
    const start = this.#localStart(traceId)
    if (!start.headSampled && !recorder.sampler.tail) {
      const spanId = hexOfWord(recorder.ids.word(0)) + hexOfWord(recorder.ids.word(1))
      return new RemoteSpan({
        traceId,
        spanId,
        traceFlags: this.#flags & flagRandom,
        ...(start.traceState === undefined ? {} : { traceState: start.traceState }),
      })
    }
    const local = new LocalTrace(recorder, start)
    local.judged = true
    this.#local = local
    const span = new SpateSpan(local, {
      name: methodName(this.#request.method),
      kind: SpanKind.SERVER,
      scope: serverScope,
      parentSpanId: this.#remote ? hexOfWord(this.#e) + hexOfWord(this.#f) : '',
      remoteParent: this.#remote,
      startMs: recorder.wall.at(this.#request.arrivedMs),
      attributes: undefined,
      links: undefined,
    })
    local.rootedAt(span)
    return span
  }

  #localStart(traceId: string): LocalTraceStart {
    const high = this.#c & 0xff_ffff
    const base = { traceId, headSampled: this.#sampled, random: (this.#flags & flagRandom) !== 0 }
    if (!this.#remote) {
      const threshold = this.#sampled ? this.#threshold : undefined
      const traceState = withThreshold(undefined, threshold)
      return { ...base, high, low: this.#d, headThreshold: threshold, traceState }
    }
    const received =
      this.#tracestate === undefined ? undefined : SpateTraceState.parse(this.#tracestate)
    if (this.#tracestate && !received) this.#recorder.refusedStates.value++
    const otel = readOtel(received?.get('ot'))
    const random = otel.random ?? { high, low: this.#d }
    // A caller that says "sampled" with a threshold its randomness does not reach is not believed
    // about the threshold: counts made from it would be wrong.
    const threshold =
      this.#sampled && otel.threshold && keeps(otel.threshold, random.high, random.low)
        ? otel.threshold
        : undefined
    const traceState =
      received && otel.threshold !== threshold ? withThreshold(received, threshold) : received
    return { ...base, ...unsampledState, ...random, headThreshold: threshold, traceState }
  }

  #describe(
    span: SpateSpan,
    status: number,
    stats: RouteStats,
    errorType: string | undefined,
    bytes: number | undefined,
  ): void {
    const request = this.#request
    const method = methodName(request.method)
    span.updateName(stats.route === undefined ? method : `${method} ${stats.route}`)
    span.setAttribute('http.request.method', method)
    if (method !== request.method) span.setAttribute('http.request.method_original', request.method)
    span.setAttribute('url.path', request.path)
    span.setAttribute('url.scheme', request.secure ? 'https' : 'http')
    span.setAttribute('http.response.status_code', status)
    if (stats.route !== undefined) span.setAttribute('http.route', stats.route)
    span.setAttribute('network.protocol.version', request.httpVersion)
    if (bytes !== undefined) span.setAttribute('http.response.body.size', bytes)
    if (request.host !== '') {
      const colon = request.host.lastIndexOf(':')
      const ported = colon > 0 && /^\d+$/.test(request.host.slice(colon + 1))
      span.setAttribute('server.address', ported ? request.host.slice(0, colon) : request.host)
      if (ported) span.setAttribute('server.port', Number(request.host.slice(colon + 1)))
    }
    const agent = request.headers.get('user-agent')
    if (agent !== undefined) span.setAttribute('user_agent.original', agent)
    if (status >= 500 || errorType !== undefined)
      span.setAttribute('error.type', errorType ?? String(status))
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  }
}
