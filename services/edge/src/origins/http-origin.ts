import { Fault, errorCode } from '@spate/runtime/fault'
import { Agent, errors, type Dispatcher } from 'undici'
import { lowered } from '../domain/fields.ts'
import type { AddressGuard } from './address-guard.ts'
import type { Origin, OriginExchange, OriginRequest, OriginSink } from './origin.ts'

/** Limits of the way to an origin. */
export interface OriginLimits {
  readonly connectionsMax: number
  readonly connectMs: number
  /** Longest wait for the response head, ms. */
  readonly headMs: number
  /** Longest pause inside a body, ms. */
  readonly bodyMs: number
  readonly headerBytesMax: number
}

/** Interim responses taken before one final response; an origin that sends more is at fault. */
export const interimsMax = 16

/**
 * An origin behind a pool of kept connections; `url` is its scheme, host and port. Redirects are
 * answers like any other: nothing here follows them.
 */
export function httpOrigin(url: string, limits: OriginLimits, guard: AddressGuard): Origin {
  const agent = new Agent({
    connections: limits.connectionsMax,
    pipelining: 1,
    connect: { timeout: limits.connectMs, lookup: guard.lookup },
    headersTimeout: limits.headMs,
    bodyTimeout: limits.bodyMs,
    maxHeaderSize: limits.headerBytesMax,
    keepAliveTimeout: 4000,
  })
  const base = new URL(url).origin
  return {
    send: (request, sink) => new Exchange(agent, base, request, sink),
    close: () => agent.destroy(),
  }
}

class Exchange implements OriginExchange {
  readonly #agent: Agent
  readonly #base: string
  readonly #request: OriginRequest
  readonly #sink: OriginSink
  #controller: Dispatcher.DispatchController | undefined
  #interims = 0
  #headed = false
  #done = false
  #retried = false

  constructor(agent: Agent, base: string, request: OriginRequest, sink: OriginSink) {
    this.#agent = agent
    this.#base = base
    this.#request = request
    this.#sink = sink
    this.#dispatch()
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  abort(): void {
    if (this.#done) return
    this.#done = true
    this.#controller?.abort(new Fault('cancelled'))
  }

  #dispatch(): void {
    const { method, target, host, headers, body } = this.#request
    try {
      this.#agent.dispatch(
        {
          origin: this.#base,
          path: target,
          method,
          headers: ['host', host, ...headers],
          body: (body ?? null) as Dispatcher.DispatchOptions['body'] & null,
        },
        this.#handler(),
      )
    } catch (caught) {
      queueMicrotask(() => this.#fail(caught))
    }
  }

  #handler(): Dispatcher.DispatchHandler {
    return {
      onRequestStart: (controller) => {
        this.#controller = controller
        if (this.#done) controller.abort(new Fault('cancelled'))
      },
      onResponseStart: (controller, status) => this.#head(controller, status),
      onResponseData: (_, chunk) => {
        if (!this.#done) this.#sink.data(chunk)
      },
      onResponseEnd: () => {
        if (this.#done) return
        this.#done = true
        this.#sink.end()
      },
      onResponseError: (_, error) => this.#fail(error),
    }
  }

  #head(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#done) return
    const headers = rawFields(controller.rawHeaders)
    if (status >= 200) {
      this.#headed = true
      this.#sink.head(status, headers)
    } else if (++this.#interims > interimsMax) {
      this.#fail(new Fault('bad_gateway', 'the origin sent too many interim responses'))
      controller.abort(new Fault('cancelled'))
    } else this.#sink.interim(status, headers)
  }

  #fail(caught: unknown): void {
    if (this.#done) return
    if (this.#mayRetry(caught)) {
      this.#retried = true
      this.#dispatch()
      return
    }
    this.#done = true
    this.#sink.fail(originFault(caught))
  }

  /**
   * A kept connection the origin closed just as we used it: nothing was answered, so a safe request
   * without a body goes out once more (RFC 9110 section 9.2.2). A fresh connection that fails is
   * the origin failing, and is not retried here.
   */
  #mayRetry(caught: unknown): boolean {
    if (this.#retried || this.#headed || !this.#request.retry) return false
    if (this.#request.body !== undefined) return false
    if (this.#request.method !== 'GET' && this.#request.method !== 'HEAD') return false
    return caught instanceof errors.SocketError && (caught.socket?.bytesRead ?? 0) > 0
  }
}

function rawFields(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return []
  return lowered(raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1'))))
}

function originFault(caught: unknown): Fault {
  if (caught instanceof Fault) return caught
  const code = errorCode(caught)
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT')
    return new Fault('upstream_timeout', 'the origin did not answer in time', { cause: caught })
  if (code === 'UND_ERR_BODY_TIMEOUT')
    return new Fault('upstream_timeout', 'the origin stopped sending', { cause: caught })
  return new Fault('bad_gateway', 'the origin gave no usable answer', { cause: caught })
}
