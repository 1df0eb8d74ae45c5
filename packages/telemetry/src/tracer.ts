import {
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  SpanKind,
  type Context,
  type Span,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api'
import { activeContext, isSuppressed, SpanScope, spanOf, withContext } from './context.ts'
import { LocalTrace } from './local-trace.ts'
import type { Recorder } from './recorder.ts'
import { RemoteSpan } from './remote-span.ts'
import { SpateSpan, type SpanScopeName } from './span.ts'
import { keeps } from './threshold.ts'
import { flagRandom, flagSampled, hexOfWord } from './trace-parent.ts'
import { readOtel, withThreshold } from './trace-state.ts'

/** Makes spans by hand: child spans in a request, and roots of work that no request started. */
export class SpateTracer implements Tracer {
  readonly #recorder: Recorder
  readonly #scope: SpanScopeName

  constructor(recorder: Recorder, scope: SpanScopeName) {
    this.#recorder = recorder
    this.#scope = scope
  }

  startSpan(name: string, options: SpanOptions = {}, context: Context = activeContext()): Span {
    if (isSuppressed(context)) return notTraced
    const parent = options.root ? undefined : spanOf(context)
    const startMs = this.#recorder.timeOf(options.startTime)
    const begin = {
      name,
      kind: options.kind ?? SpanKind.INTERNAL,
      scope: this.#scope,
      startMs,
      attributes: options.attributes,
      links: options.links,
    }
    if (parent instanceof SpateSpan && parent.local.recorder === this.#recorder)
      return new SpateSpan(parent.local, { ...begin, parentSpanId: parent.id, remoteParent: false })
    const remote = parent?.spanContext()
    if (!remote || !isSpanContextValid(remote)) return this.#root(begin)
    // An unsampled parent of this process stands for the whole of an unrecorded trace.
    // Each child still has an id of its own: outgoing calls must not share one (W3C 3.2.2.4).
    if (parent instanceof RemoteSpan && remote.isRemote !== true) return this.#silent(remote)
    return this.#continued(begin, remote)
  }

  startActiveSpan<F extends (span: Span) => unknown>(name: string, task: F): ReturnType<F>
  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    options: SpanOptions,
    task: F,
  ): ReturnType<F>
  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    options: SpanOptions,
    context: Context,
    task: F,
  ): ReturnType<F>
  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    second: F | SpanOptions,
    third?: F | Context,
    fourth?: F,
  ): ReturnType<F> {
    const task = (fourth ?? (typeof third === 'function' ? third : second)) as F
    const options = typeof second === 'function' ? {} : second
    const context = fourth ? (third as Context) : activeContext()
    const span = this.startSpan(name, options, context)
    return withContext(new SpanScope(context, span), () => task(span) as ReturnType<F>)
  }

  #root(begin: BeginSpan): Span {
    const { ids, sampler } = this.#recorder
    const words = [ids.word(0), ids.word(1), ids.word(2), ids.word(3)] as const
    const high = words[2] & 0xff_ffff
    const threshold = sampler.head()
    const headSampled = keeps(threshold, high, words[3])
    const traceState = withThreshold(undefined, headSampled ? threshold : undefined)
    const traceId = words.map(hexOfWord).join('')
    if (!headSampled && !sampler.tail) return this.#silent({ traceId, traceFlags: flagRandom })
    return this.#open(begin, '', false, {
      traceId,
      high,
      low: words[3],
      headSampled,
      headThreshold: headSampled ? threshold : undefined,
      random: true,
      traceState,
    })
  }

  #continued(begin: BeginSpan, remote: ReturnType<Span['spanContext']>): Span {
    const { sampler } = this.#recorder
    const otel = readOtel(remote.traceState?.get('ot'))
    const high = otel.random?.high ?? Number.parseInt(remote.traceId.slice(18, 24), 16)
    const low = otel.random?.low ?? Number.parseInt(remote.traceId.slice(24), 16)
    const headSampled = (remote.traceFlags & flagSampled) !== 0 && sampler.follows(high, low)
    const valid = headSampled && otel.threshold && keeps(otel.threshold, high, low)
    const headThreshold = valid ? otel.threshold : undefined
    if (!headSampled && !sampler.tail)
      return this.#silent({
        ...remote,
        isRemote: false,
        traceFlags: remote.traceFlags & flagRandom,
      })
    return this.#open(begin, remote.spanId, true, {
      traceId: remote.traceId,
      high,
      low,
      headSampled,
      headThreshold,
      random: (remote.traceFlags & flagRandom) !== 0,
      traceState: withThreshold(remote.traceState, headThreshold),
    })
  }

  #open(
    begin: BeginSpan,
    parentSpanId: string,
    remoteParent: boolean,
    start: LocalTrace['start'],
  ): Span {
    const local = new LocalTrace(this.#recorder, start)
    const span = new SpateSpan(local, { ...begin, parentSpanId, remoteParent })
    local.rootedAt(span)
    return span
  }

  #silent(context: Omit<ReturnType<Span['spanContext']>, 'spanId'>): Span {
    const { ids } = this.#recorder
    return new RemoteSpan({
      ...context,
      spanId: hexOfWord(ids.word(0)) + hexOfWord(ids.word(1)),
    })
  }
}

const notTraced = new RemoteSpan(INVALID_SPAN_CONTEXT)

type BeginSpan = Omit<ConstructorParameters<typeof SpateSpan>[1], 'parentSpanId' | 'remoteParent'>
