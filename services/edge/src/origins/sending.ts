import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { OriginMember } from './origin-member.ts'
import type { OriginExchange, OriginRequest, OriginSink } from './origin.ts'
import type { ShareBudget } from './share-budget.ts'

/** How origins stand in for each other. */
export interface OriginSetRules {
  /** Time a request may take until its answer begins, waiting and retries included, ms. */
  readonly totalMs: number
  /** Retries as a share of requests, 0 to 1. */
  readonly retryShare: number
  /** Wait before a second origin is asked beside the first, ms; undefined never. */
  readonly hedgeMs: number | undefined
  /** Hedges as a share of requests, 0 to 1. */
  readonly hedgeShare: number
}

/** What a request needs of the set it is sent through. */
export interface StandIns {
  readonly rules: OriginSetRules
  readonly clock: Clock
  readonly retries: ShareBudget
  readonly hedges: ShareBudget
  retried: number
  hedged: number
  /** Called with every answer and failure: is this origin an outlier? */
  judge(member: OriginMember): void
}

/** A request and the origins that may answer it. */
export interface SendingParts {
  readonly request: OriginRequest
  readonly sink: OriginSink
  /** Best first; at least one. */
  readonly order: readonly OriginMember[]
  readonly repeatable: boolean
}

interface Try {
  exchange: OriginExchange | undefined
  open: boolean
}

/** Answers of an origin that cannot do its work: another one may (RFC 9110 section 15.6). */
const elsewhere: ReadonlySet<number> = new Set([502, 503, 504])

/** One request on its way to one or more origins of a set; the first to answer wins. */
export class Sending implements OriginExchange {
  readonly #set: StandIns
  readonly #parts: SendingParts
  readonly #tries: Try[] = []
  readonly #deadline: Timer
  #hedge: Timer | undefined
  #next = 0
  #winner: Try | undefined
  #done = false

  constructor(set: StandIns, parts: SendingParts) {
    this.#set = set
    this.#parts = parts
    const { clock, rules } = set
    this.#deadline = clock.after(rules.totalMs, () => this.#expire())
    this.#try()
    if (rules.hedgeMs !== undefined && parts.repeatable && parts.order.length > 1)
      this.#hedge = clock.after(rules.hedgeMs, () => this.#hedgeNow())
  }

  pause(): void {
    this.#winner?.exchange?.pause()
  }

  resume(): void {
    this.#winner?.exchange?.resume()
  }

  abort(): void {
    if (this.#done) return
    this.#finish()
    this.#drop()
  }

  #try(): void {
    const member = this.#parts.order[this.#next++] as OriginMember
    const one: Try = { exchange: undefined, open: true }
    this.#tries.push(one)
    const { request } = this.#parts
    const last = this.#next >= this.#parts.order.length
    // Where another origin can stand in, a failed one is not asked twice.
    const sent = last ? request : { ...request, retry: false }
    one.exchange = member.send(sent, this.#watch(one, member))
    // It answered, or was given up, before it could be held.
    if (!one.open && one !== this.#winner) one.exchange.abort()
  }

  #watch(one: Try, member: OriginMember): OriginSink {
    const { sink } = this.#parts
    return {
      chosen: (name) => sink.chosen?.(name),
      interim: (status, headers) => {
        if (one.open && this.#tries[0] === one) sink.interim(status, headers)
      },
      head: (status, headers) => {
        this.#set.judge(member)
        if (!one.open || this.#done) return
        if (elsewhere.has(status) && this.#anotherTry()) {
          this.#close(one)
          if (this.#running()) return
          this.#retry()
          return
        }
        this.#win(one)
        sink.head(status, headers)
      },
      data: (chunk) => {
        if (one === this.#winner && !this.#done) sink.data(chunk)
      },
      end: () => {
        if (one !== this.#winner || this.#done) return
        this.#finish()
        sink.end()
      },
      fail: (fault) => {
        this.#set.judge(member)
        this.#failed(one, fault)
      },
    }
  }

  #failed(one: Try, fault: Fault): void {
    if (!one.open || this.#done) return
    one.open = false
    if (one === this.#winner || (!this.#running() && !this.#anotherTry())) {
      this.#finish()
      this.#parts.sink.fail(fault)
    } else if (!this.#running()) this.#retry()
  }

  #retry(): void {
    this.#set.retried++
    this.#set.retries.spend()
    this.#try()
  }

  #anotherTry(): boolean {
    if (!this.#parts.repeatable || this.#winner) return false
    return this.#next < this.#parts.order.length && this.#set.retries.affordable
  }

  #running(): boolean {
    return this.#tries.some(({ open }) => open)
  }

  #hedgeNow(): void {
    if (this.#done || this.#winner || this.#next >= this.#parts.order.length) return
    if (!this.#set.hedges.affordable) return
    this.#set.hedges.spend()
    this.#set.hedged++
    this.#try()
  }

  #win(one: Try): void {
    this.#winner = one
    this.#deadline.cancel()
    this.#hedge?.cancel()
    for (const other of this.#tries) if (other !== one) this.#close(other)
  }

  #close(one: Try): void {
    if (!one.open) return
    one.open = false
    one.exchange?.abort()
  }

  #drop(): void {
    for (const one of this.#tries) this.#close(one)
  }

  #expire(): void {
    if (this.#done) return
    this.#finish()
    this.#drop()
    const { totalMs } = this.#set.rules
    this.#parts.sink.fail(
      new Fault('upstream_timeout', `no answer of the origin began within ${totalMs} ms`),
    )
  }

  #finish(): void {
    this.#done = true
    this.#deadline.cancel()
    this.#hedge?.cancel()
  }
}
