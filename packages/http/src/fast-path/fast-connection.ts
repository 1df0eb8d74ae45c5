/**
 * One connection on the fast path.
 *
 *   open ──(doubtful request, nothing in flight)──► handed over: node:http keeps the socket
 *     │
 *     └──(last answer written, or refused)──► lingering: our side is ended, what still comes is
 *                                             dropped, so that the answer is not lost to a reset
 *
 * Requests are taken from the unread bytes while fewer than `pipelinedMax` are being answered and
 * the client reads what was sent. Answers go out in the order of the requests.
 */
import type { Socket } from 'node:net'
import { Fault, type FaultCode } from '@spate/runtime/fault'
import { isPrepared } from '../exchange.ts'
import type { RefusalReason } from '../listener-counters.ts'
import { faultResponse, refusalBytes } from '../refusal.ts'
import { interimBytes } from './answer-batch.ts'
import { type Answer, FastRequest, type RequestOwner } from './fast-request.ts'
import type { Draining, FastPath } from './fast-path.ts'
import { headEnd, headEndDoubtful, headEndMissing, scanned } from './head-scan.ts'
import { pump, wholeBody } from './answer-pump.ts'
import { ReadWatch } from './read-watch.ts'
import { UnreadBytes } from './unread-bytes.ts'

/** Bodies up to this are awaited here; larger ones `node:http` streams once as much came: who trickles reaches no handler. */
export const heldBodyBytesMax = 65_536
const lingerMs = 2_000

type Waiting = 'nothing' | 'head' | 'body'

/** Takes requests from one socket and writes their answers. */
export class FastConnection implements RequestOwner {
  readonly socket: Socket
  readonly peerAddress: string
  readonly clientAddressOf: RequestOwner['clientAddressOf']
  readonly #path: FastPath
  readonly #unread = new UnreadBytes()
  /** Requests whose handler has not answered, or whose answer waits for an earlier one. */
  #pending: FastRequest[] = []
  /** What is being sent piece by piece. */
  #pumping: 'stream' | 'whole' | false = false
  #turning = false
  #paused = false
  #ended = false
  #lingering = false
  #draining: Draining | undefined
  #doubtful = false
  #refusal: { readonly code: FaultCode; readonly reason: RefusalReason } | undefined
  /** A request was the last one that will be taken. */
  #last = false
  #waiting: Waiting = 'nothing'
  /** Bytes searched for the end of the head; bytes the request needs in all. */
  #searched = 0
  #needed = 1
  #requests = 0
  /** When what the connection waits for began, ms (`Clock.elapsed`). */
  #sinceMs: number
  readonly #reader: ReadWatch
  #abort: AbortController | undefined

  constructor(path: FastPath, socket: Socket, peerAddress: string) {
    this.#path = path
    this.#reader = new ReadWatch(socket)
    this.socket = socket
    this.peerAddress = peerAddress
    this.clientAddressOf = path.clientAddressOf
    this.#sinceMs = path.clock.elapsed()
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('drain', this.#onDrain)
    socket.on('close', this.#onClose)
  }

  /** True where nothing more is to be answered than what is being answered now. */
  get #leaving(): boolean {
    return this.#draining !== undefined && this.#unread.length === 0
  }

  get #inFlight(): number {
    return this.#pending.length + (this.#pumping ? 1 : 0)
  }

  signal(): AbortSignal {
    this.#abort ??= new AbortController()
    if (this.socket.destroyed) this.#abort.abort(new Fault('cancelled'))
    return this.#abort.signal
  }

  interim(request: FastRequest, status: number, headers: readonly string[]): void {
    // Only the oldest request may speak; an interim answer is advice and may be left out.
    if ((this.#pending[0] ?? request) !== request || this.#pumping || this.socket.destroyed) return
    this.flush()
    this.send(interimBytes(status, headers))
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#lingering) return
    this.#unread.push(chunk)
    this.#advance()
  }

  readonly #onEnd = (): void => {
    this.#ended = true // While a stream is sent that means gone, as in node:http.
    if (this.#pumping === 'stream') this.socket.destroy()
    this.#advance()
  }

  readonly #onDrain = (): void => this.#advance()

  readonly #onClose = (): void => {
    this.#unread.takeAll()
    this.#abort?.abort(new Fault('cancelled', 'the client went away'))
    this.#drop()
  }

  /** Forgets requests that will not be answered. */
  #drop(): void {
    for (const request of this.#pending) request.exchange.end(499, undefined, 'cancelled', 0)
    this.#pending = []
  }

  /** Takes requests while it may, then writes what was answered at once. */
  #advance(): void {
    if (this.#turning || this.#lingering || this.socket.destroyed) return
    this.#turning = true
    this.#take()
    this.flush()
    this.#turning = false
    this.#settle()
  }

  #take(): void {
    const { limits, batch } = this.#path
    const unread = this.#unread
    while (!this.#last && !this.#doubtful && unread.length >= this.#needed && unread.length > 0) {
      if (this.#inFlight >= limits.pipelinedMax || this.#pumping) return
      if (this.socket.writableNeedDrain) return
      if (batch.length > limits.outputBytesMax) this.flush()
      if (!this.#next()) return
    }
  }

  /** Takes the next request; false where its bytes are not all there, or it is not for us. */
  #next(): boolean {
    const { scan, limits, counters } = this.#path
    const { bytes, from, to } = this.#unread
    if (this.#searched > 0 && !this.#search()) return false
    const result = scan.scan(bytes, from, to)
    if (result !== scanned.whole) {
      if (result === scanned.incomplete) this.#wait('head', to - from)
      else if (result === scanned.doubtful) this.#doubtful = true
      else if (result === scanned.urlTooLong) this.#refuse('uri_too_long', 'url_too_long')
      else if (result === scanned.headTooLarge) this.#refuse('headers_too_large', 'head_too_large')
      else this.#refuse('headers_too_large', 'too_many_headers')
      return false
    }
    const bodyLength = scan.contentLength < 0 ? 0 : scan.contentLength
    if (bodyLength > limits.bodyBytesMax) {
      this.#refuse('payload_too_large', 'body_too_large')
      return false
    }
    const length = scan.headTo - from + bodyLength
    if (length > to - from) {
      this.#needed = scan.headTo - from + Math.min(bodyLength, heldBodyBytesMax)
      if (this.#needed <= to - from) this.#doubtful = true
      else this.#wait('body', 0)
      return false
    }
    this.#waiting = 'nothing'
    this.#searched = 0
    this.#needed = 1
    counters.fast++
    const request = this.#path.begin(this, bytes)
    this.#unread.take(length)
    if (++this.#requests >= limits.requestsPerSocketMax || this.#leaving) request.close = true
    this.#last = request.close
    this.#sinceMs = request.arrivedMs
    this.#run(request)
    return true
  }

  /** Looks for the end of a head that came in part; true where the head is whole or too large. */
  #search(): boolean {
    const { bytes, from, to } = this.#unread
    const end = headEnd(bytes, from + this.#searched, to)
    if (end === headEndDoubtful) this.#doubtful = true
    else if (end === headEndMissing && to - from < this.#path.limits.headBytesMax) {
      this.#searched = to - from
      this.#needed = to - from + 1
    } else return true
    return false
  }

  /** Notes that more bytes are needed; a head that is not whole needs at least one. */
  #wait(what: Waiting, searched: number): void {
    this.#searched = searched < 4 ? 0 : searched
    if (what === 'head') this.#needed = this.#unread.length + 1
    if (this.#waiting === what) return
    this.#waiting = what
    this.#sinceMs = this.#path.clock.elapsed()
  }

  #run(request: FastRequest): void {
    let answer: Answer | Promise<Answer>
    try {
      answer = this.#path.ask(request)
    } catch (caught) {
      answer = this.#failed(request, caught)
    }
    if (answer instanceof Promise) {
      this.#pending.push(request)
      answer.then(
        (made) => this.#answered(request, made),
        (caught: unknown) => this.#answered(request, this.#failed(request, caught)),
      )
    } else if (this.#pending.length === 0 && !this.#pumping) {
      this.#write(request, answer)
    } else {
      request.answer = answer
      this.#pending.push(request)
    }
  }

  #failed(request: FastRequest, caught: unknown): Answer {
    if (!(caught instanceof Fault)) this.#path.log.error('a handler failed', {}, caught)
    return faultResponse(caught, request)
  }

  #answered(request: FastRequest, answer: Answer): void {
    request.answer = answer
    if (this.#pending[0] === request) this.#advanceAnswers()
  }

  #advanceAnswers(): void {
    while (!this.#pumping && !this.socket.destroyed) {
      const request = this.#pending[0]
      if (request?.answer === undefined) break
      this.#pending.shift()
      this.#write(request, request.answer)
    }
    this.flush()
    this.#advance()
  }

  #write(request: FastRequest, answer: Answer): void {
    let bytes: number
    try {
      bytes = this.#frame(request, answer)
    } catch (caught) {
      // Nothing was appended: the head is checked before any byte of the answer is.
      this.#path.log.error('an answer could not be sent', { route: answer.route ?? '' }, caught)
      request.close = true
      this.#write(request, faultResponse(caught, request))
      return
    }
    if (bytes >= 0) this.#done(request, answer, bytes)
  }

  /** Puts the answer into the batch and returns its body's length; -1 where it is sent piece by piece. */
  #frame(request: FastRequest, answer: Answer): number {
    const { batch } = this.#path
    if (!isPrepared(answer) && answer.close) request.close = true
    if (this.#leaving && this.#pending.length === 0) request.close = true
    const framing = { head: request.method === 'HEAD', close: request.close }
    if (isPrepared(answer)) {
      const sent = framing.head ? 0 : answer.body.length
      if (batch.prepared(answer, framing)) return sent
      this.flush()
      if (batch.prepared(answer, framing)) return sent
    }
    const plain = isPrepared(answer) ? answer.response() : answer
    const sent = this.#path.put(plain, framing, this)
    if (sent >= 0) return sent
    this.#pumping = wholeBody(plain) === undefined ? 'stream' : 'whole'
    void pump(this, request, plain).then((count) => this.#pumped(request, plain, count))
    return -1
  }

  #pumped(request: FastRequest, answer: Answer, bytes: number): void {
    this.#pumping = false
    this.#done(request, answer, bytes)
    this.#advanceAnswers()
  }

  #done(request: FastRequest, answer: Answer, bytes: number): void {
    this.#path.done(request, answer, bytes)
    if (!request.close) return
    this.#last = true
    this.#drop()
    this.#linger()
  }

  /** Sends bytes outside the batch; false where the client does not keep up. */
  send(bytes: Uint8Array): boolean {
    this.#reader.queued(bytes.length)
    this.#path.counters.writes++
    return this.socket.write(bytes)
  }

  /** Sends what the batch holds for this connection. */
  flush(): void {
    const { batch } = this.#path
    if (batch.length === 0) return
    this.#reader.queued(batch.length)
    this.#path.counters.writes++
    batch.flush(this.socket)
  }

  /** After a turn: hands over, ends, or goes on or stops reading. */
  #settle(): void {
    if (this.#lingering || this.socket.destroyed) return
    const takeable = this.#unread.length >= this.#needed && this.#unread.length > 0
    if (this.#inFlight === 0) {
      if (this.#refusal) return this.#refuse(this.#refusal.code, this.#refusal.reason)
      // After the client's end nothing can be handed over any more.
      if (this.#doubtful && !this.#ended) return this.#handOver()
      if (this.#ended && (this.#doubtful || !takeable)) {
        return this.#unread.length > 0
          ? this.#refuse('invalid_request', 'bad_request')
          : this.#linger()
      }
      if (this.#draining === 'now' && this.#unread.length === 0) return this.#linger()
    }
    const held = this.#doubtful || this.#last || takeable
    const full = held && this.#unread.length > 0
    if (full === this.#paused) return
    this.#paused = full
    if (full) this.socket.pause()
    else this.socket.resume()
  }

  #handOver(): void {
    const { socket } = this
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('drain', this.#onDrain)
    socket.off('close', this.#onClose)
    this.#path.handOver(this, this.#unread.takeAll())
  }

  /** Refuses what comes next on this connection; earlier answers go out first. */
  #refuse(code: FaultCode, reason: RefusalReason): void {
    this.#last = true
    if (this.#inFlight > 0) {
      this.#refusal = { code, reason }
      return
    }
    const fault = new Fault(code)
    this.#path.counters.refused[reason]++
    this.#path.counters.byStatus[fault.status]!++
    this.flush()
    this.send(refusalBytes(fault))
    this.#linger()
  }

  /** Ends our side; the client has a moment to read and to end its own. */
  #linger(): void {
    this.flush()
    this.#lingering = true
    this.#unread.takeAll()
    this.#sinceMs = this.#path.clock.elapsed()
    if (this.#paused) this.socket.resume()
    this.socket.end()
  }

  /** Answers what was asked, then ends; `after one more` waits for a last request where it is idle. */
  drain(how: Draining): void {
    this.#draining = how
    this.#settle()
  }

  /** Called about once a second, more often where bounds are small. */
  sweep(nowMs: number): void {
    const { limits, counters } = this.#path
    if (this.#reader.stalledMs(nowMs) > limits.slowReadMs) {
      counters.refused.slow_read++
      this.socket.destroy()
      return
    }
    const waitedMs = nowMs - this.#sinceMs
    if (this.#lingering) {
      if (waitedMs > lingerMs && this.socket.writableLength === 0) this.socket.destroy()
    } else if (this.#inFlight > 0 || this.#paused) return
    else if (this.#waiting === 'head') {
      if (waitedMs > limits.slowHeadMs) this.#refuse('request_timeout', 'slow_head')
    } else if (this.#waiting === 'body') {
      if (waitedMs > limits.slowBodyMs) this.#refuse('request_timeout', 'slow_body')
    } else if (
      waitedMs > (this.#requests === 0 ? Math.min(limits.slowHeadMs, limits.idleMs) : limits.idleMs)
    ) {
      counters.idleClosed++
      this.#linger()
    }
  }
}
