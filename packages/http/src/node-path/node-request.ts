import type { IncomingMessage } from 'node:http'
import type { Context, Span } from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { ServerExchange } from '@spate/telemetry/server-exchange'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { Headers, Request, RequestBody } from '../exchange.ts'

/** Bytes that earn a body another `slowBodyMs`. */
const progressBytes = 65_536

/** Everything but the message itself. */
export interface NodeRequestOptions {
  readonly target: string
  readonly host: string
  readonly headers: Headers
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly bodyBytesMax: number
  readonly slowBodyMs: number
  readonly peerAddress: string
  readonly secure: boolean
  readonly clientAddressOf: (peerAddress: string, headers: Headers) => string
  /** Sends `100 Continue` before the body is read; absent where the client does not wait for it. */
  readonly onRead?: () => void
  readonly interim: (status: number, headers: readonly string[]) => void
  /** Called when the body breaks a bound; the connection must not be used again. */
  readonly onBroken: (fault: Fault) => void
}

/** A request that `node:http` or HTTP/2 has parsed. */
export class NodeRequest implements Request, RequestBody {
  readonly method: string
  readonly target: string
  readonly host: string
  readonly headers: Headers
  readonly httpVersion: string
  readonly secure: boolean
  readonly peerAddress: string
  readonly arrivedMs: number
  readonly params: Readonly<Record<string, string>> = Object.freeze({})
  readonly length: number | undefined
  readonly exchange: ServerExchange
  readonly interim: (status: number, headers: readonly string[]) => void
  readonly #message: IncomingMessage
  readonly #options: NodeRequestOptions
  #abort: AbortController | undefined
  #taken = false

  constructor(message: IncomingMessage, options: NodeRequestOptions) {
    this.method = message.method ?? 'GET'
    this.target = options.target
    this.host = options.host
    this.headers = options.headers
    this.httpVersion = message.httpVersion === '2.0' ? '2' : message.httpVersion
    this.secure = options.secure
    this.peerAddress = options.peerAddress
    this.arrivedMs = options.clock.elapsed()
    this.length = bodyLength(message)
    this.interim = options.interim
    this.#message = message
    this.#options = options
    this.exchange = options.telemetry.beginServer(
      this,
      options.headers.get('traceparent'),
      options.headers.get('tracestate'),
    )
  }

  get path(): string {
    const at = this.target.indexOf('?')
    return at < 0 ? this.target : this.target.slice(0, at)
  }

  get query(): string {
    const at = this.target.indexOf('?')
    return at < 0 ? '' : this.target.slice(at + 1)
  }

  get body(): RequestBody {
    return this
  }

  get clientAddress(): string {
    return this.#options.clientAddressOf(this.peerAddress, this.headers)
  }

  get span(): Span {
    return this.exchange.span
  }

  get context(): Context {
    return this.exchange.context
  }

  get signal(): AbortSignal {
    return (this.#abort ??= new AbortController()).signal
  }

  /** The client went away before the answer was out. */
  abort(): void {
    this.#abort ??= new AbortController()
    this.#abort.abort(new Fault('cancelled', 'the client went away'))
  }

  get whole(): Uint8Array | undefined {
    return this.length === 0 ? new Uint8Array(0) : undefined
  }

  async bytes(bytesMax: number = this.#options.bodyBytesMax): Promise<Uint8Array> {
    if (this.length !== undefined && this.length > bytesMax) throw this.#tooLarge(bytesMax)
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of this.stream()) {
      length += piece.length
      if (length > bytesMax) throw this.#tooLarge(bytesMax)
      pieces.push(piece)
    }
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    if (this.#taken) throw new Fault('internal', 'the request body was read before')
    this.#taken = true
    const { clock, slowBodyMs, bodyBytesMax, onRead, onBroken } = this.#options
    if (this.length === 0) return
    onRead?.()
    let slow: Fault | undefined
    const tooSlow = (): void => {
      slow = new Fault('request_timeout', 'the body did not arrive in time')
      onBroken(slow)
    }
    let budgetMs = slowBodyMs
    let startedMs = clock.elapsed()
    let timer = clock.after(budgetMs, tooSlow)
    let count = 0
    let progress = 0
    try {
      // Leaving early must not destroy the message: its socket still carries the answer.
      for await (const piece of this.#message.iterator({ destroyOnReturn: false })) {
        // What the handler does with a piece is not the client's time.
        timer.cancel()
        const bytes = piece as Uint8Array
        count += bytes.length
        progress += bytes.length
        budgetMs -= clock.elapsed() - startedMs
        if (progress >= progressBytes) {
          progress = 0
          budgetMs = slowBodyMs
        }
        if (count > bodyBytesMax) throw this.#tooLarge(bodyBytesMax)
        yield bytes
        startedMs = clock.elapsed()
        timer = clock.after(Math.max(1, budgetMs), tooSlow)
      }
    } catch (caught) {
      if (slow !== undefined) throw slow
      throw caught instanceof Fault ? caught : new Fault('cancelled', undefined, { cause: caught })
    } finally {
      timer.cancel()
    }
    if (!this.#message.complete) throw slow ?? new Fault('cancelled', 'the body was cut off')
  }

  #tooLarge(bytesMax: number): Fault {
    const fault = new Fault('payload_too_large', `the body is larger than ${bytesMax} bytes`)
    this.#options.onBroken(fault)
    return fault
  }
}

/** Length of the body in bytes; undefined where only its end will tell. */
function bodyLength(message: IncomingMessage): number | undefined {
  const given = message.headers['content-length']
  if (given !== undefined && /^\d{1,15}$/.test(given)) return Number(given)
  if (message.httpVersionMajor >= 2) return message.complete ? 0 : undefined
  return message.headers['transfer-encoding'] === undefined ? 0 : undefined
}
