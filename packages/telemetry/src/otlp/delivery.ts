import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Signal } from './model.ts'
import type { Parcel } from './parcel.ts'
import type { Spill } from './spill.ts'
import type { Sent, Transport } from './transport.ts'

/**
 * Gets parcels to the receiver, whatever happens to it.
 *
 *     up --worth a retry--> down: every parcel goes to disk (or waits in memory without one),
 *     ^                      |    one is tried again after a growing pause
 *     +------accepted--------+    then the disk is emptied, oldest first
 *
 * Nothing is given up for age. Memory and disk are bounded by bytes; the oldest goes first, counted.
 */

/** What a delivery works with. */
export interface DeliveryOptions {
  readonly transport: Transport
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  /** Bytes that wait in memory at most. */
  readonly queueBytes: number
  /** For one request. */
  readonly timeoutMs: number
  readonly spill?: Spill
}

/** Why items were lost. */
export type DropReason = 'pending_full' | 'queue_full' | 'disk_full' | 'disk_failed' | 'shutdown'

/** What happened so far, in items by signal. */
export interface DeliveryCounters {
  readonly accepted: Record<Signal, number>
  readonly rejected: Record<Signal, number>
  readonly dropped: Record<Signal, Partial<Record<DropReason, number>>>
  readonly bytes: Record<Signal, number>
  readonly retries: Record<Signal, number>
  /** First text a receiver refused something with; empty where it never did. */
  firstRefusal: string
}

const pauseFirstMs = 1000
const pauseGrowth = 1.5
const pauseMostMs = 30_000
const jitter = 0.2
/** Requests under way at once while the receiver answers. */
const concurrency = 2

const perSignal = <V>(make: () => V): Record<Signal, V> => ({
  traces: make(),
  metrics: make(),
  logs: make(),
})

/** Delivers parcels. Add with `push`; wait with `settled`. */
export class Delivery {
  readonly counters: DeliveryCounters = {
    accepted: perSignal(() => 0),
    rejected: perSignal(() => 0),
    dropped: perSignal(() => ({})),
    bytes: perSignal(() => 0),
    retries: perSignal(() => 0),
    firstRefusal: '',
  }
  readonly #options: DeliveryOptions
  readonly #queue: Parcel[] = []
  #queueBytes = 0
  #sending = 0
  #down = false
  #pauseMs = pauseFirstMs
  #timer: { cancel(): void } | undefined
  #draining = false
  #closed = false
  #writes = new Set<Promise<void>>()
  #waiters: (() => void)[] = []

  constructor(options: DeliveryOptions) {
    this.#options = options
    const { spill } = options
    if (spill) {
      spill.onDrop = ({ signal, count }) => this.drop(signal, count, 'disk_full')
      // What an earlier process left goes first.
      if (spill.size > 0) this.#goDown(0)
    }
  }

  /** Bytes that wait in memory. */
  get queueBytes(): number {
    return this.#queueBytes
  }

  /** True while the receiver is away. */
  get down(): boolean {
    return this.#down
  }

  /** Takes a parcel. Never throws or waits. */
  push(parcel: Parcel): void {
    if (this.#closed) return this.drop(parcel.signal, parcel.count, 'shutdown')
    if (this.#down && this.#options.spill) return this.#toDisk(parcel)
    this.#queue.push(parcel)
    this.#queueBytes += parcel.body.length
    while (this.#queueBytes > this.#options.queueBytes && this.#queue.length > 0) {
      const oldest = this.#shift() as Parcel
      if (this.#options.spill) this.#toDisk(oldest)
      else this.drop(oldest.signal, oldest.count, 'queue_full')
    }
    this.#pump()
  }

  /** Resolves once nothing waits or is under way, or all that waits is durable on disk while the receiver is away. */
  async settled(): Promise<void> {
    for (;;) {
      await Promise.all(this.#writes)
      const waiting = this.#sending > 0 || this.#draining || this.#queue.length > 0
      const disk = (this.#options.spill?.size ?? 0) > 0
      if (!waiting && (!disk || this.#down)) return
      if (this.#down && this.#options.spill && !this.#draining) return
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  /** Puts what still waits on disk, or counts it as lost, and lets go. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    for (let parcel = this.#shift(); parcel; parcel = this.#shift()) this.#keep(parcel, 'shutdown')
    // What is under way fails at once and is kept too, before the disk is let go of.
    this.#options.transport.close()
    while (this.#sending > 0 || this.#draining)
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    await Promise.all(this.#writes)
    await this.#options.spill?.close()
  }

  #pump(): void {
    while (!this.#down && !this.#closed && this.#sending < concurrency) {
      const parcel = this.#shift()
      if (!parcel) break
      this.#sending++
      void this.#send(parcel).then((sent) => {
        this.#sending--
        this.#settle(parcel, sent)
        this.#pump()
        this.#wake()
      })
    }
  }

  async #send(parcel: Parcel): Promise<Sent> {
    const { transport, timeoutMs } = this.#options
    const { signal, body, format } = parcel
    if (format !== transport.format)
      return { kind: 'refused', text: `kept as ${format}, now sent as ${transport.format}` }
    try {
      return await transport.send(signal, body, timeoutMs)
    } catch (caught) {
      return { kind: 'retry', afterMs: undefined, text: errorText(caught) }
    }
  }

  /** Counts what became of a parcel from memory; one worth a retry is kept. */
  #settle(parcel: Parcel, sent: Sent): void {
    if (sent.kind !== 'retry') return this.#count(parcel, sent)
    this.counters.retries[parcel.signal]++
    this.#keep(parcel, 'shutdown')
    if (!this.#closed) this.#goDown(sent.afterMs, sent.text)
  }

  #keep(parcel: Parcel, reason: DropReason): void {
    if (this.#options.spill) return this.#toDisk(parcel)
    if (this.#closed) return this.drop(parcel.signal, parcel.count, reason)
    this.#queue.unshift(parcel)
    this.#queueBytes += parcel.body.length
  }

  #count(parcel: Parcel, sent: Exclude<Sent, { kind: 'retry' }>): void {
    const { signal, count, body } = parcel
    if (sent.kind === 'accepted') {
      const rejected = Math.min(count, sent.rejected)
      this.counters.accepted[signal] += count - rejected
      this.counters.rejected[signal] += rejected
      this.counters.bytes[signal] += body.length
      if (rejected > 0) this.#refused(sent.message)
      return
    }
    this.counters.rejected[signal] += count
    this.#refused(sent.text)
  }

  #refused(text: string): void {
    if (this.counters.firstRefusal !== '') return
    this.counters.firstRefusal = text === '' ? 'no reason given' : text
    this.#options.log.warn('the telemetry receiver refused items for good', { reason: text })
  }

  #goDown(afterMs?: number, text?: string): void {
    if (!this.#down && text !== undefined)
      this.#options.log.warn('the telemetry receiver is away; keeping what it misses', {
        reason: text,
        onDisk: this.#options.spill !== undefined,
      })
    const again = this.#down
    this.#down = true
    if (this.#options.spill)
      for (let parcel = this.#shift(); parcel; parcel = this.#shift()) this.#toDisk(parcel)
    if (again && this.#timer) return
    const spread = 1 + jitter * (2 * this.#options.chance.float() - 1)
    this.#timer = this.#options.clock.after(
      afterMs ?? Math.min(pauseMostMs, this.#pauseMs) * spread,
      () => {
        this.#timer = undefined
        void this.#drain()
      },
    )
    this.#pauseMs = Math.min(pauseMostMs, this.#pauseMs * pauseGrowth)
  }

  /** Sends what was kept, oldest first, until all is gone or the receiver is away again. */
  async #drain(): Promise<void> {
    const { spill } = this.#options
    this.#draining = true
    for (;;) {
      const parcel = this.#closed ? undefined : spill ? await spill.oldest() : this.#shift()
      if (!parcel) break
      const sent = await this.#send(parcel)
      if (sent.kind === 'retry') {
        this.counters.retries[parcel.signal]++
        if (spill) spill.again()
        else this.#keep(parcel, 'shutdown')
        this.#draining = false
        if (!this.#closed) this.#goDown(sent.afterMs)
        this.#wake()
        return
      }
      spill?.sent()
      this.#pauseMs = pauseFirstMs
      this.#count(parcel, sent)
    }
    this.#draining = false
    this.#down = this.#closed
    if (!this.#closed) this.#options.log.info('the telemetry receiver is back')
    this.#pump()
    this.#wake()
  }

  #toDisk(parcel: Parcel): void {
    const write = (this.#options.spill as Spill).write(parcel).catch((caught: unknown) => {
      this.drop(parcel.signal, parcel.count, 'disk_failed')
      this.#options.log.error('telemetry could not be kept on disk', {}, caught)
    })
    this.#writes.add(write)
    void write.then(() => {
      this.#writes.delete(write)
      this.#wake()
    })
  }

  #shift(): Parcel | undefined {
    const parcel = this.#queue.shift()
    if (parcel) this.#queueBytes -= parcel.body.length
    return parcel
  }

  /** Counts items that were lost, before they came here or here. */
  drop(signal: Signal, count: number, reason: DropReason): void {
    const dropped = this.counters.dropped[signal]
    dropped[reason] = (dropped[reason] ?? 0) + count
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter()
  }
}
