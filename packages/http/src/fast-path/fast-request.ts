import type { Context, Span } from '@opentelemetry/api'
import { Fault } from '@spate/runtime/fault'
import type { Headers, PreparedResponse, Request, RequestBody, Response } from '../exchange.ts'
import { HeaderBlock } from '../header-list.ts'
import type { ServerExchange } from '@spate/telemetry/server-exchange'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { HeadScan } from './head-scan.ts'

/** An answer, made. */
export type Answer = Response | PreparedResponse

/** What a request asks of the connection it came on. */
export interface RequestOwner {
  readonly peerAddress: string
  readonly clientAddressOf: (peerAddress: string, headers: Headers) => string
  /** Aborts when the client goes away. */
  signal(): AbortSignal
  interim(request: FastRequest, status: number, headers: readonly string[]): void
}

const noParams: Readonly<Record<string, string>> = Object.freeze({})
const noBytes = new Uint8Array(0)

/** A request over the bytes it came in. What handlers seldom ask for is made when they do. */
export class FastRequest implements Request, RequestBody {
  readonly method: string
  readonly target: string
  readonly arrivedMs: number
  readonly params: Readonly<Record<string, string>> = noParams
  /** Where the answer waits for its turn. */
  answer: Answer | undefined = undefined
  /** True where the connection ends with the answer. */
  close: boolean
  readonly exchange: ServerExchange
  readonly #owner: RequestOwner
  readonly #bytes: Buffer
  readonly #hostFrom: number
  readonly #hostTo: number
  readonly #headersFrom: number
  readonly #headersTo: number
  readonly #bodyLength: number
  readonly #queryAt: number
  #host: string | undefined = undefined
  #headers: HeaderBlock | undefined = undefined
  #taken = false

  /** `bytes` holds the head `scan` has just read, and the body behind it; they must not change. */
  constructor(
    owner: RequestOwner,
    scan: HeadScan,
    bytes: Buffer,
    arrivedMs: number,
    telemetry: Telemetry,
  ) {
    this.method = scan.method
    this.target = bytes.toString('latin1', scan.targetFrom, scan.targetTo)
    this.arrivedMs = arrivedMs
    this.close = scan.close
    this.#owner = owner
    this.#bytes = bytes
    this.#hostFrom = scan.hostFrom
    this.#hostTo = scan.hostTo
    this.#headersFrom = scan.headersFrom
    this.#headersTo = scan.headersTo
    this.#bodyLength = scan.contentLength
    this.#queryAt = scan.queryAt < 0 ? -1 : scan.queryAt - scan.targetFrom
    const { traceparentFrom, tracestateFrom } = scan
    this.exchange =
      traceparentFrom < 0
        ? telemetry.beginServer(this)
        : telemetry.beginServer(
            this,
            bytes.toString('latin1', traceparentFrom, scan.traceparentTo),
            tracestateFrom < 0
              ? undefined
              : bytes.toString('latin1', tracestateFrom, scan.tracestateTo),
          )
  }

  get path(): string {
    return this.#queryAt < 0 ? this.target : this.target.slice(0, this.#queryAt)
  }

  get query(): string {
    return this.#queryAt < 0 ? '' : this.target.slice(this.#queryAt + 1)
  }

  get host(): string {
    return (this.#host ??= this.#bytes
      .toString('latin1', this.#hostFrom, this.#hostTo)
      .toLowerCase())
  }

  get headers(): Headers {
    return (this.#headers ??= new HeaderBlock(this.#bytes, this.#headersFrom, this.#headersTo))
  }

  get body(): RequestBody {
    return this
  }

  get httpVersion(): string {
    return '1.1'
  }

  get secure(): boolean {
    return false
  }

  get peerAddress(): string {
    return this.#owner.peerAddress
  }

  get clientAddress(): string {
    return this.#owner.clientAddressOf(this.#owner.peerAddress, this.headers)
  }

  get signal(): AbortSignal {
    return this.#owner.signal()
  }

  get span(): Span {
    return this.exchange.span
  }

  get context(): Context {
    return this.exchange.context
  }

  interim(status: number, headers: readonly string[]): void {
    this.#owner.interim(this, status, headers)
  }

  /** The body: the fast path runs a handler only with the whole of it in hand. */
  get whole(): Uint8Array {
    const from = this.#headersTo + 2
    return this.#bodyLength <= 0 ? noBytes : this.#bytes.subarray(from, from + this.#bodyLength)
  }

  get length(): number {
    return Math.max(0, this.#bodyLength)
  }

  async bytes(bytesMax: number = Number.POSITIVE_INFINITY): Promise<Uint8Array> {
    this.#take()
    if (this.length > bytesMax) {
      throw new Fault('payload_too_large', `the body is larger than ${bytesMax} bytes`)
    }
    return this.whole
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    this.#take()
    if (this.length > 0) yield this.whole
  }

  #take(): void {
    if (this.#taken) throw new Fault('internal', 'the request body was read before')
    this.#taken = true
  }
}
