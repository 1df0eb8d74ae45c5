import {
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  SpanKind,
  type Context,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api'
import { activeContext, isSuppressed, SpanScope, spanOf, withContext } from './context.ts'
import { LocalTrace, noParent } from './local-trace.ts'
import type { Recorder } from './recorder.ts'
import { RemoteSpan } from './remote-span.ts'
import { SilentSpan } from './silent-span.ts'
import { remoteBit, type SpanScopeName } from './span-rows.ts'
import { SpateSpan, type SpanBegin } from './span.ts'
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
    // An unrecorded span of this process stands for the whole of its trace.
    if (parent instanceof SilentSpan) return this.#silent(() => parent.spanContext())
    const startMs = this.#recorder.timeOf(options.startTime)
    const kind = options.kind ?? SpanKind.INTERNAL
    const begin: SpanBegin = { name, kind, scope: this.#scope, startMs }
    if (parent instanceof SpateSpan && parent.local.recorder === this.#recorder)
      return filled(SpateSpan.begin(parent.local, parent, begin), options)
    const span = this.#rooted(begin, parent)
    return span instanceof SpateSpan ? filled(span, options) : span
  }

  /** A span that has no parent in this program. */
  #rooted(begin: SpanBegin, parent: Span | undefined): Span {
    const remote = parent?.spanContext()
    if (!remote || !isSpanContextValid(remote)) return this.#root(begin)
    if (parent instanceof RemoteSpan && remote.isRemote !== true) return this.#silent(() => remote)
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

  #root(begin: SpanBegin): Span {
    const { ids, sampler, clock } = this.#recorder
    const [a, b, c, d] = [ids.word(0) | 0, ids.word(1) | 0, ids.word(2) | 0, ids.word(3) | 0]
    const high = c & 0xff_ffff
    const low = d >>> 0
    const threshold = sampler.head(false, clock.elapsed())
    const headSampled = keeps(threshold, high, low)
    if (!headSampled && !sampler.tail) {
      return this.#silent(() => ({
        traceId: [a, b, c, d].map(hexOfWord).join(''),
        traceFlags: flagRandom,
      }))
    }
    const headThreshold = headSampled ? threshold : undefined
    const traceState = withThreshold(undefined, headThreshold)
    const random = true
    const start = { a, b, c, d, high, low, headSampled, headThreshold, random, traceState }
    return SpateSpan.begin(new LocalTrace(this.#recorder, start, false), noParent, begin)
  }

  #continued(begin: SpanBegin, remote: ReturnType<Span['spanContext']>): Span {
    const { sampler, clock } = this.#recorder
    const otel = readOtel(remote.traceState?.get('ot'))
    const c = wordOf(remote.traceId, 16)
    const d = wordOf(remote.traceId, 24)
    const high = otel.random?.high ?? c & 0xff_ffff
    const low = otel.random?.low ?? d >>> 0
    const headSampled =
      (remote.traceFlags & flagSampled) !== 0 && sampler.follows(high, low, clock.elapsed())
    const valid = headSampled && otel.threshold && keeps(otel.threshold, high, low)
    const headThreshold = valid ? otel.threshold : undefined
    const random = (remote.traceFlags & flagRandom) !== 0
    if (!headSampled && !sampler.tail)
      return this.#silent(() => ({
        ...remote,
        isRemote: false,
        traceFlags: random ? flagRandom : 0,
      }))
    const a = wordOf(remote.traceId, 0)
    const b = wordOf(remote.traceId, 8)
    const traceState = withThreshold(remote.traceState, headThreshold)
    const start = { a, b, c, d, high, low, headSampled, headThreshold, random, traceState }
    return SpateSpan.begin(
      new LocalTrace(this.#recorder, start, false),
      { idHigh: wordOf(remote.spanId, 0), idLow: wordOf(remote.spanId, 8) },
      { ...begin, kind: begin.kind | remoteBit },
    )
  }

  /** Each has an id of its own: outgoing calls must not share one (W3C 3.2.2.4). */
  #silent(trace: () => Omit<SpanContext, 'spanId'>): Span {
    const { ids } = this.#recorder
    return new SilentSpan(() => ({
      ...trace(),
      spanId: hexOfWord(ids.word(0)) + hexOfWord(ids.word(1)),
    }))
  }
}

const notTraced = new RemoteSpan(INVALID_SPAN_CONTEXT)

/** `span` with what it is given at its start. */
function filled(span: SpateSpan, { attributes, links }: SpanOptions): SpateSpan {
  if (attributes) span.setAttributes(attributes)
  if (links) span.addLinks(links)
  return span
}

/** Eight hex characters at `at` as a signed word. */
function wordOf(hex: string, at: number): number {
  return Number.parseInt(hex.slice(at, at + 8), 16) | 0
}
