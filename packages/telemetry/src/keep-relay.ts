import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import { silentLog, type Log } from '@spate/runtime/log'
import { BoundedQueue } from '@spate/runtime/queue'
import type { MetricRegistry } from './metrics.ts'
import { metricNames } from './names.ts'
import { parkedMsMax } from './tail-board.ts'
import type { Telemetry } from './telemetry.ts'

/**
 * Tells other processes which traces were kept here, so that they keep the spans they still hold
 * of them (Hindsight's retroactive sampling, NSDI 2023). Each peer has a queue of its own: one that
 * is away delays no other. A trace is told once; what a peer told us is not told on.
 */

/** A kept trace as peers are told of it. */
export interface KeptTrace {
  readonly traceId: string
  /** The text after `th:`; absent where the threshold is not known. */
  readonly threshold?: string
}

/** Traces told in one call at most. */
export const keptPerCallMax = 500
/** Traces that wait for one peer at most; later ones are dropped and counted. */
export const keptQueueMax = 10_000
/** How long kept traces are gathered before a call, ms. */
const gatherMs = 50
/** Pause after a call that failed, ms. */
const pauseMs = 500
/** Peers hold spans no longer than this: telling them later is of no use. */
const staleMs = parkedMsMax

/** How to tell peers. */
export interface KeepRelayOptions {
  readonly clock: Clock
  /** Base URLs of the peers' admin channels. */
  readonly peers: readonly string[]
  /** Tells one peer. Rejects where it did not take them. */
  readonly post: (peer: string, kept: readonly KeptTrace[]) => Promise<void>
  /** Takes the counter of outcomes: `told`, `queue_full`, `stale`. */
  readonly metrics: MetricRegistry
  readonly log?: Log
}

/** Tells peers of every trace `telemetry` keeps; returns a function that stops it. */
export function relayKeeps(telemetry: Telemetry, options: KeepRelayOptions): () => Promise<void> {
  const lines = options.peers.map((peer) => new PeerLine(peer, options))
  const stop = telemetry.onKeep((traceId, threshold) => {
    const kept = threshold === undefined ? { traceId } : { traceId, threshold: threshold.text }
    for (const line of lines) line.push(kept)
  })
  return async () => {
    stop()
    await Promise.all(lines.map((line) => line.close()))
  }
}

interface Waiting {
  readonly kept: KeptTrace
  readonly untilMs: number
}

class PeerLine {
  readonly #peer: string
  readonly #options: KeepRelayOptions
  readonly #queue = new BoundedQueue<Waiting>(keptQueueMax)
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined
  #silent = false

  constructor(peer: string, options: KeepRelayOptions) {
    this.#peer = peer
    this.#options = options
  }

  push(kept: KeptTrace): void {
    const untilMs = this.#options.clock.elapsed() + staleMs
    if (!this.#queue.push({ kept, untilMs })) return this.#count('queue_full', 1)
    this.#running ??= this.#run().finally(() => (this.#running = undefined))
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    await this.#pause(gatherMs)
    let batch: readonly Waiting[] = []
    while (batch.length > 0 || this.#queue.size > 0) {
      if (batch.length === 0) batch = this.#queue.take(keptPerCallMax)
      const fresh = batch.filter(({ untilMs }) => untilMs > this.#options.clock.elapsed())
      this.#count('stale', batch.length - fresh.length)
      batch = (await this.#tell(fresh)) ? [] : fresh
      if (this.#closing.signal.aborted) break
      if (batch.length > 0) await this.#pause(pauseMs)
    }
    this.#count('stale', this.#queue.take(keptQueueMax).length + batch.length)
  }

  async #tell(waiting: readonly Waiting[]): Promise<boolean> {
    if (waiting.length === 0) return true
    const { post, log = silentLog } = this.#options
    try {
      await post(
        this.#peer,
        waiting.map(({ kept }) => kept),
      )
      if (this.#silent) log.info('a telemetry peer answers again', { peer: this.#peer })
      this.#silent = false
      this.#count('told', waiting.length)
      return true
    } catch (caught) {
      if (!this.#silent)
        log.warn('a telemetry peer cannot be told of kept traces', {
          peer: this.#peer,
          error: errorText(caught),
        })
      this.#silent = true
      return false
    }
  }

  async #pause(delayMs: number): Promise<void> {
    try {
      await this.#options.clock.sleep(delayMs, this.#closing.signal)
    } catch {
      // Closing: what waits is told once more, at once.
    }
  }

  #count(outcome: 'told' | 'queue_full' | 'stale', count: number): void {
    if (count > 0) this.#options.metrics.counter(metricNames.keeps).series({ outcome }).add(count)
  }
}
