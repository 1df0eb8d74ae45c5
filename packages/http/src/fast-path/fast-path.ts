import type { Socket } from 'node:net'
import type { Clock } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import { noTelemetry, type Telemetry } from '@spate/telemetry/telemetry'
import {
  isPrepared,
  type Answered,
  type Handler,
  type Headers,
  type Response,
} from '../exchange.ts'
import type { ListenerCounters } from '../listener-counters.ts'
import type { ListenLimits } from '../listener-limits.ts'
import { AnswerBatch, bodyless, type Framing } from './answer-batch.ts'
import { givenLength } from './answer-pump.ts'
import { type Answer, FastRequest, type RequestOwner } from './fast-request.ts'
import { HeadScan } from './head-scan.ts'

/** Whole bodies up to this are copied behind their head; larger ones are sent piece by piece. */
const wholeBodyBytesMax = 32_768

/** When an idle connection that is to go goes: at once, or behind one more answer. */
export type Draining = 'now' | 'after one more'

/** What the connections of one listener have in common. */
export interface FastPathOptions {
  readonly handler: Handler
  readonly limits: ListenLimits
  readonly counters: ListenerCounters
  readonly clock: Clock
  readonly log: Log
  readonly telemetry: Telemetry
  readonly clientAddressOf: (peerAddress: string, headers: Headers) => string
  /** Hears of every answer that was sent. */
  readonly answered?: Answered | undefined
  /** Gives a connection and its unread bytes to `node:http`. */
  readonly handOver: (connection: FastPathConnection, unread: Buffer) => void
}

/** What the listener sees of a connection. */
export interface FastPathConnection extends RequestOwner {
  readonly socket: Socket
  flush(): void
  send(bytes: Uint8Array): boolean
}

/** Shared by all connections of a listener: one scan, one batch, the bounds. */
export class FastPath {
  readonly limits: ListenLimits
  readonly counters: ListenerCounters
  readonly clock: Clock
  readonly log: Log
  readonly clientAddressOf: FastPathOptions['clientAddressOf']
  readonly handOver: FastPathOptions['handOver']
  readonly scan: HeadScan
  readonly batch: AnswerBatch
  readonly #handler: Handler
  readonly #telemetry: Telemetry
  readonly #answered: Answered | undefined

  constructor(options: FastPathOptions) {
    this.#handler = options.handler
    this.limits = options.limits
    this.counters = options.counters
    this.clock = options.clock
    this.log = options.log
    this.clientAddressOf = options.clientAddressOf
    this.handOver = options.handOver
    this.scan = new HeadScan(options.limits)
    this.batch = new AnswerBatch(options.clock)
    this.#telemetry = options.telemetry
    this.#answered = options.answered
  }

  /** Makes the request that was just scanned, and starts its span. */
  begin(owner: RequestOwner, bytes: Buffer): FastRequest {
    return new FastRequest(owner, this.scan, bytes, this.clock.elapsed(), this.#telemetry)
  }

  /** Asks the handler, with the request's span active in all it starts. */
  ask(request: FastRequest): Answer | Promise<Answer> {
    if (this.#telemetry === noTelemetry) return this.#handler(request)
    return request.exchange.run(() => this.#handler(request))
  }

  /** Counts an answer that was sent, tells of it, and ends the request's telemetry. */
  done(request: FastRequest, answer: Answer, bytes: number): void {
    const { status, route } = answer
    this.counters.byStatus[status]!++
    this.#answered?.(request, answer, bytes, request.exchange.sampled)
    const errorType = isPrepared(answer) ? undefined : answer.errorType
    request.exchange.end(status, route, errorType, bytes)
  }

  /** Puts an answer into the batch and returns its body's bytes; -1 where only the head was, and the body is to be pumped. */
  put(answer: Response, framing: Framing, connection: FastPathConnection): number {
    const { body } = answer
    const none = body === undefined || framing.head || bodyless(answer.status)
    let length: number | undefined
    if (body === undefined) length = 0
    else if (typeof body === 'string') length = Buffer.byteLength(body)
    else length = body instanceof Uint8Array ? body.length : givenLength(answer.headers)
    const head = this.batch.headText(answer, length, framing)
    const whole = none || typeof body === 'string' || body instanceof Uint8Array
    if (whole && (none || (length as number) <= wholeBodyBytesMax)) {
      const sent = none ? 0 : (length as number)
      this.#append(head, none ? '' : (body as string | Uint8Array), sent, connection)
      if (!none || body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
        return sent
      }
      // Nobody will read this stream; let its producer go.
      void body[Symbol.asyncIterator]()
        .return?.()
        .then(undefined, () => {})
      return sent
    }
    this.#append(head, '', 0, connection)
    connection.flush()
    return -1
  }

  // oxlint-disable-next-line max-params
  #append(
    head: string,
    body: Uint8Array | string,
    length: number,
    connection: FastPathConnection,
  ): void {
    if (this.batch.whole(head, body, length)) return
    connection.flush()
    if (this.batch.whole(head, body, length)) return
    connection.send(Buffer.from(head, 'latin1'))
    if (length > 0) connection.send(typeof body === 'string' ? Buffer.from(body) : body)
  }
}
