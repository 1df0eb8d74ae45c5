import type { Readable } from 'node:stream'
import {
  ROOT_CONTEXT,
  trace,
  type Context,
  type Histogram,
  type Meter,
  type Span,
  type TextMapPropagator,
  type Tracer,
} from '@opentelemetry/api'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { errorCode, Fault } from '@spate/runtime/fault'
import { Agent } from 'undici'
import { ClientResponse } from './client-response.ts'
import { callAttributes, endSpan, outcome, startSpan } from './client-span.ts'
import { HeaderList } from './header-list.ts'

/**
 * Calls to other programs: pooled, with a deadline over the whole exchange, traced, bounded.
 * It retries and follows redirects only where the call says so.
 */

/** The parts of telemetry a client uses. */
export interface ClientTelemetry {
  readonly tracer: Tracer
  readonly meter: Meter
  readonly propagator: TextMapPropagator
}

/** Limits of a client. */
export interface ClientLimits {
  /** Connections to one origin. Default 64. */
  readonly connectionsPerOrigin: number
  /** Calls to one origin that may wait for a connection. Default 1,024; more are refused. */
  readonly waitingPerOrigin: number
  /** Origins with connections. Default 1,024. */
  readonly originsMax: number
  /** Time a connection may take to open, ms. Default 2,000. */
  readonly connectMs: number
  /** Time an unused connection is kept, ms. Default 10,000. */
  readonly idleMs: number
  /** Time a call may take where it says nothing, ms. Default 10,000. */
  readonly timeoutMs: number
  /** Largest answer body where a call says nothing, bytes. Default 8 MiB. */
  readonly bytesMax: number
}

/** Limits where nothing else is said. */
export const clientLimits: ClientLimits = {
  connectionsPerOrigin: 64,
  waitingPerOrigin: 1024,
  originsMax: 1024,
  connectMs: 2000,
  idleMs: 10_000,
  timeoutMs: 10_000,
  bytesMax: 8 * 1024 * 1024,
}

/** How to make a client. */
export interface ClientOptions {
  readonly clock: Clock
  readonly telemetry?: ClientTelemetry
  readonly limits?: Partial<ClientLimits>
  /** Spreads retries; needed where a call retries. */
  readonly chance?: Chance
}

/** One call. */
export interface CallOptions {
  /** Default GET. */
  readonly method?: string
  /** By name, or flat: `name, value`. */
  readonly headers?: Readonly<Record<string, string>> | readonly string[]
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>
  /** Time for all of it, body and retries included, ms. */
  readonly timeoutMs?: number
  /** Parent of the call's span; it goes along as `traceparent`. */
  readonly context?: Context
  readonly signal?: AbortSignal
  /** Largest answer body, bytes. */
  readonly bytesMax?: number
  /** Further tries where no answer came, or 502, 503, 504. Only for calls that may run twice. Default 0. */
  readonly retries?: number
  /** Redirects to follow. Default 0: the 3xx is the answer. */
  readonly redirects?: number
  /** Low-cardinality pattern of the path, for the span's name: `/items/{id}`. */
  readonly template?: string
}

/** Makes calls. */
export interface Client {
  /**
   * Resolves when the head of the answer is in, whatever its status. Throws `upstream_timeout`,
   * `bad_gateway` (no connection, broken answer), `overloaded` (too many calls wait), `cancelled`.
   */
  fetch(url: string | URL, options?: CallOptions): Promise<ClientResponse>
  /** Calls under way, and connections, over all origins. */
  readonly counters: ClientCounters
  /** Waits for calls under way, then closes; cuts them where `signal` aborts. */
  close(signal?: AbortSignal): Promise<void>
}

/** What a client has done. */
export interface ClientCounters {
  calls: number
  retries: number
  refused: number
  failed: number
}

/** Most retries of one call, whatever it asks for. */
export const retriesMax = 5

/** A client with its own pools. */
export function createClient(options: ClientOptions): Client {
  return new PooledClient(options)
}

class PooledClient implements Client {
  readonly counters: ClientCounters = { calls: 0, retries: 0, refused: 0, failed: 0 }
  readonly #options: ClientOptions
  readonly #limits: ClientLimits
  readonly #agent: Agent
  readonly #duration: Histogram | undefined
  /** Calls under way by origin. */
  readonly #active = new Map<string, number>()

  constructor(options: ClientOptions) {
    this.#options = options
    this.#limits = { ...clientLimits, ...options.limits }
    this.#agent = new Agent({
      connections: this.#limits.connectionsPerOrigin,
      maxOrigins: this.#limits.originsMax,
      pipelining: 1,
      keepAliveTimeout: this.#limits.idleMs,
      keepAliveMaxTimeout: this.#limits.idleMs,
      connectTimeout: this.#limits.connectMs,
      // The call's own deadline covers these two.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    this.#duration = options.telemetry?.meter.createHistogram('http.client.request.duration', {
      unit: 's',
    })
  }

  async fetch(url: string | URL, call: CallOptions = {}): Promise<ClientResponse> {
    const { clock } = this.#options
    const deadlineMs = clock.elapsed() + (call.timeoutMs ?? this.#limits.timeoutMs)
    const retries = isStream(call.body) ? 0 : Math.min(call.retries ?? 0, retriesMax)
    for (let attempt = 0; ; attempt++) {
      const last = attempt >= retries
      try {
        const response = await this.#follow(new URL(url), call, deadlineMs, attempt)
        if (last || !retriable.has(response.status)) return response
        await response.discard()
      } catch (caught) {
        if (last || !(caught instanceof Fault) || caught.code !== 'bad_gateway') throw caught
        if (!caught.retryable) throw caught
      }
      // Full jitter (Brooker, 2015): retries of many clients do not come in step.
      const pauseMs = 50 * 2 ** attempt * (this.#options.chance?.float() ?? 1)
      if (clock.elapsed() + pauseMs >= deadlineMs)
        throw new Fault('upstream_timeout', 'no time is left for a further try')
      await clock.sleep(pauseMs, call.signal)
      this.counters.retries++
    }
  }

  async close(signal?: AbortSignal): Promise<void> {
    const cut = (): void => void this.#agent.destroy(new Fault('shutting_down')).catch(() => {})
    signal?.addEventListener('abort', cut, { once: true })
    try {
      if (signal?.aborted) cut()
      else await this.#agent.close()
    } finally {
      signal?.removeEventListener('abort', cut)
    }
  }

  async #follow(
    start: URL,
    call: CallOptions,
    deadlineMs: number,
    attempt: number,
  ): Promise<ClientResponse> {
    let url = start
    let now: CallOptions = call
    for (let left = call.redirects ?? 0; ; left--) {
      const response = await this.#once(url, now, deadlineMs, attempt)
      const location = response.headers.get('location')
      if (left <= 0 || !redirecting.has(response.status) || location === undefined) return response
      if (isStream(now.body) && response.status > 303) return response
      await response.discard()
      const next = URL.parse(location, url)
      if (!next || (next.protocol !== 'http:' && next.protocol !== 'https:'))
        throw new Fault('bad_gateway', 'the answer redirects to no usable URL', {
          retryable: false,
        })
      now = redirected(now, response.status, next.origin === url.origin)
      url = next
    }
  }

  async #once(
    url: URL,
    call: CallOptions,
    deadlineMs: number,
    attempt: number,
  ): Promise<ClientResponse> {
    const { clock, telemetry } = this.#options
    const method = call.method ?? 'GET'
    this.#enter(url.origin)
    const startMs = clock.elapsed()
    const span = telemetry && startSpan(telemetry, url, call, attempt)
    const stop = new AbortController()
    const timer = clock.after(deadlineMs - startMs, () =>
      stop.abort(new Fault('upstream_timeout', 'the call took longer than its deadline')),
    )
    const cancel = (): void => stop.abort(new Fault('cancelled'))
    if (call.signal?.aborted) cancel()
    call.signal?.addEventListener('abort', cancel, { once: true })
    let status: number | undefined
    let settled = false
    const settle = (caught: unknown): Fault | undefined => {
      const fault = caught === undefined ? undefined : upstreamFault(caught, stop.signal)
      if (settled) return fault
      settled = true
      timer.cancel()
      call.signal?.removeEventListener('abort', cancel)
      this.#leave(url.origin)
      if (fault) this.counters.failed++
      const attributes = { ...callAttributes(url, method), ...outcome(status, fault) }
      this.#duration?.record((clock.elapsed() - startMs) / 1000, attributes)
      if (span) endSpan(span, status, fault)
      return fault
    }
    try {
      const answer = await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: requestHeaders(call, telemetry?.propagator, span),
        body: (call.body ?? null) as Readable | string | Uint8Array | null,
        signal: stop.signal,
        responseHeaders: 'raw',
      })
      status = answer.statusCode
      return new ClientResponse({
        status,
        headers: new HeaderList(answer.headers as unknown as readonly string[]),
        stream: answer.body,
        bytesMax: call.bytesMax ?? this.#limits.bytesMax,
        settle,
      })
    } catch (caught) {
      throw settle(caught) ?? caught
    }
  }

  #enter(origin: string): void {
    const { connectionsPerOrigin, waitingPerOrigin } = this.#limits
    const active = this.#active.get(origin) ?? 0
    if (active >= connectionsPerOrigin + waitingPerOrigin) {
      this.counters.refused++
      throw new Fault('overloaded', 'too many calls to this origin wait', { retryAfterSeconds: 1 })
    }
    this.#active.set(origin, active + 1)
    this.counters.calls++
  }

  #leave(origin: string): void {
    const active = this.#active.get(origin) ?? 1
    if (active === 1) this.#active.delete(origin)
    else this.#active.set(origin, active - 1)
  }
}

/** A body that is gone once it was sent: it can be sent neither again nor elsewhere. */
function isStream(body: CallOptions['body']): boolean {
  return typeof body === 'object' && !(body instanceof Uint8Array)
}

const retriable = new Set([502, 503, 504])
const redirecting = new Set([301, 302, 303, 307, 308])

/** The call a redirect asks for (RFC 9110 section 15.4); credentials stay with their origin. */
function redirected(call: CallOptions, status: number, sameOrigin: boolean): CallOptions {
  const method = call.method ?? 'GET'
  const asGet = status === 303 ? method !== 'HEAD' : status < 303 && method === 'POST'
  const { body, ...rest } = call
  const headers = flat(call.headers).filter(([name]) => {
    const lower = name.toLowerCase()
    if (!sameOrigin && (lower === 'authorization' || lower === 'cookie')) return false
    return lower !== 'host' && !(asGet && lower.startsWith('content-'))
  })
  const keptBody = asGet || body === undefined ? {} : { body }
  return { ...rest, ...keptBody, method: asGet ? 'GET' : method, headers: headers.flat() }
}

function flat(headers: CallOptions['headers']): [string, string][] {
  if (!headers) return []
  if (!Array.isArray(headers)) return Object.entries(headers as Record<string, string>)
  const list = headers as readonly string[]
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < list.length; at += 2)
    pairs.push([list[at] as string, list[at + 1] as string])
  return pairs
}

function requestHeaders(
  call: CallOptions,
  propagator: TextMapPropagator | undefined,
  span: Span | undefined,
): string[] {
  const headers = flat(call.headers).flat()
  const context = call.context ?? ROOT_CONTEXT
  propagator?.inject(span ? trace.setSpan(context, span) : context, headers, {
    set: (carrier: string[], name, value) => void carrier.push(name, value),
  })
  return headers
}

/** A platform error as what it means to the caller. */
function upstreamFault(caught: unknown, signal: AbortSignal): Fault {
  if (caught instanceof Fault) return caught
  if (signal.aborted && signal.reason instanceof Fault) return signal.reason
  const code = errorCode(caught)
  if (code === 'UND_ERR_CONNECT_TIMEOUT')
    return new Fault('bad_gateway', 'the connection could not be opened in time', { cause: caught })
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED')
    return new Fault('invalid_request', 'the call cannot be sent', { cause: caught })
  if (code === 'UND_ERR_CLOSED' || code === 'UND_ERR_DESTROYED')
    return new Fault('shutting_down', 'the client is closed', { cause: caught })
  return new Fault('bad_gateway', 'no usable answer came', { cause: caught })
}
