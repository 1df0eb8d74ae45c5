import { once, type EventEmitter } from 'node:events'
import {
  status,
  type Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js'
import {
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Histogram,
  type Span,
} from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { errorText, Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { TSchema } from 'typebox'
import type {
  GrpcCall,
  GrpcCounters,
  GrpcLimits,
  GrpcMethod,
  GrpcTelemetry,
} from './grpc-method.ts'
import { grpcStatus, reasonOfFault, statusName } from './grpc-status.ts'
import { HeaderList } from './header-list.ts'
import { schemaCheck, type SchemaCheck } from './json.ts'

/** One method, ready to run. */
export interface CallPlan {
  readonly method: string
  readonly answer: GrpcMethod
  readonly check: SchemaCheck<unknown> | undefined
  /** Time a call may take, ms, where the client sets no sooner deadline. */
  readonly msMax: number
}

type AnyCall = ServerUnaryCall<object, object> | ServerWritableStream<object, object>

/** A call under way, and how to end it: once, whoever comes first. */
interface Exchange {
  readonly call: GrpcCall
  /** Undefined where it was ended already. */
  end(fault: Fault | undefined): boolean
}

interface RunnerOptions {
  readonly clock: Clock
  readonly log: Log
  readonly telemetry?: GrpcTelemetry
  readonly limits: GrpcLimits
}

/** Runs methods: context, span, deadline, limits, faults. */
export class CallRunner {
  readonly counters: GrpcCounters = { started: 0, ok: 0, failed: 0, refused: 0 }
  readonly #options: RunnerOptions
  readonly #duration: Histogram | undefined
  #active = 0

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#duration = options.telemetry?.meter.createHistogram('rpc.server.call.duration', {
      unit: 's',
    })
  }

  /** Prepares `method`; `schema` is compiled here. A stream may stay open, so only the client limits its time. */
  plan(method: string, answer: GrpcMethod, how: { streams: boolean; schema?: TSchema }): CallPlan {
    return {
      method,
      answer,
      check: how.schema && schemaCheck<unknown>(how.schema),
      msMax: how.streams ? Number.POSITIVE_INFINITY : this.#options.limits.callMsMax,
    }
  }

  /** Answers a unary call through `done`. */
  unary(plan: CallPlan, raw: ServerUnaryCall<object, object>, done: sendUnaryData<object>): void {
    const exchange = this.#begin(plan, raw, (fault) => done(grpcStatus(fault)))
    const fail = (caught: unknown): void =>
      this.#fail(plan, exchange, caught, (fault) => done(grpcStatus(fault)))
    const finish = (message: unknown): void => {
      if (exchange.end(undefined)) done(null, message as object)
    }
    try {
      const answer = this.#ask(plan, raw, exchange)
      if (answer instanceof Promise) answer.then(finish, fail)
      else finish(answer)
    } catch (caught) {
      fail(caught)
    }
  }

  /** Answers a server-streaming call, with back-pressure. */
  stream(plan: CallPlan, raw: ServerWritableStream<object, object>): void {
    // grpc-js ends a stream with the status of the error it emits.
    const refuse = (fault: Fault): void => void raw.emit('error', grpcStatus(fault))
    const exchange = this.#begin(plan, raw, refuse)
    const { signal } = exchange.call
    const send = async (): Promise<void> => {
      const messages = this.#ask(plan, raw, exchange) as AsyncIterable<object>
      for await (const message of messages) {
        if (signal.aborted) return
        if (!raw.write(message)) await once(raw, 'drain', { signal })
      }
      if (exchange.end(undefined)) raw.end()
    }
    send().catch((caught: unknown) => {
      if (!signal.aborted) this.#fail(plan, exchange, caught, refuse)
    })
  }

  #ask(plan: CallPlan, raw: AnyCall, { call }: Exchange): unknown {
    if (this.#active > this.#options.limits.callsMax) {
      this.counters.refused++
      throw new Fault('overloaded', 'too many calls are under way', { retryAfterSeconds: 1 })
    }
    if (raw.request instanceof Fault) throw raw.request
    plan.check?.check(raw.request)
    return plan.answer(raw.request as never, call)
  }

  #fail(plan: CallPlan, exchange: Exchange, caught: unknown, tell: (fault: Fault) => void): void {
    const fault = Fault.from(caught)
    if (!exchange.end(fault)) return
    if (fault.code === 'internal') {
      exchange.call.span.recordException(caught instanceof Error ? caught : errorText(caught))
      this.#options.log.error('a method failed', { method: plan.method }, caught)
    }
    tell(fault)
  }

  /** `expire` tells the client that the call ran out of time. */
  #begin(plan: CallPlan, raw: AnyCall, expire: (fault: Fault) => void): Exchange {
    const { clock, telemetry } = this.#options
    const startMs = clock.elapsed()
    this.counters.started++
    this.#active++
    const timeLeftMs = Math.min(timeLeft(raw, clock.now()), plan.msMax)
    const { span, context } = this.#span(plan.method, raw.metadata)
    const stop = new AbortController()
    let open = true
    const end = (fault: Fault | undefined): boolean => {
      if (!open) return false
      open = false
      timer?.cancel()
      this.#active--
      this.counters[fault ? 'failed' : 'ok']++
      const code = statusName(fault ? grpcStatus(fault).code : status.OK)
      const attributes = {
        'rpc.system.name': 'grpc',
        'rpc.method': plan.method,
        'rpc.response.status_code': code,
        ...(fault ? { 'error.type': reasonOfFault(fault) } : {}),
      }
      this.#duration?.record((clock.elapsed() - startMs) / 1000, attributes)
      span.setAttributes(attributes)
      if (fault && serverErrors.has(code)) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end()
      return true
    }
    const give = (fault: Fault): boolean => {
      const first = end(fault)
      stop.abort(fault)
      return first
    }
    const emitter: EventEmitter = raw
    emitter.on('cancelled', () => void give(new Fault('cancelled')))
    const timer =
      timeLeftMs === Number.POSITIVE_INFINITY
        ? undefined
        : clock.after(timeLeftMs, () => {
            const fault = new Fault('upstream_timeout', 'the call took longer than its deadline')
            if (give(fault)) expire(fault)
          })
    const call: GrpcCall = {
      method: plan.method,
      headers: headersOf(raw.metadata),
      peerAddress: peerAddress(raw.getPeer()),
      timeLeftMs,
      signal: stop.signal,
      span,
      context: telemetry ? context : ROOT_CONTEXT,
    }
    return { call, end }
  }

  #span(method: string, metadata: Metadata): { span: Span; context: Context } {
    const { telemetry } = this.#options
    if (!telemetry) {
      return { span: trace.wrapSpanContext(INVALID_SPAN_CONTEXT), context: ROOT_CONTEXT }
    }
    const parent = telemetry.propagator.extract(ROOT_CONTEXT, metadata, {
      keys: (carrier: Metadata) => Object.keys(carrier.getMap()),
      // Several lines of tracestate are one list (W3C Trace Context section 3.3.1).
      get: (carrier: Metadata, key) => {
        const values = carrier.get(key).filter((value) => typeof value === 'string')
        return values.length === 0 ? undefined : values
      },
    })
    const span = telemetry.tracer.startSpan(method, { kind: SpanKind.SERVER }, parent)
    return { span, context: trace.setSpan(parent, span) }
  }
}

/** Statuses that are the server's fault (semantic conventions for RPC server spans). */
const serverErrors = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
])

function timeLeft(raw: AnyCall, nowMs: number): number {
  const deadline = raw.getDeadline()
  const atMs = deadline instanceof Date ? deadline.getTime() : deadline
  return Math.max(0, atMs - nowMs)
}

function headersOf(metadata: Metadata): HeaderList {
  const raw: string[] = []
  for (const [name, values] of Object.entries(metadata.toJSON()))
    for (const value of values)
      raw.push(name, Buffer.isBuffer(value) ? value.toString('base64') : value)
  return new HeaderList(raw)
}

/** `127.0.0.1:5000` -> `127.0.0.1`; `[::1]:5000` and `::1:5000` -> `::1`. */
function peerAddress(peer: string): string {
  const colon = peer.lastIndexOf(':')
  return colon < 0 ? peer : peer.slice(0, colon).replaceAll(/^\[|\]$/g, '')
}
