import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'

import type { ByteKeyValue, KeepOptions } from './key-value.ts'

/** Limits of the memory store. */
export interface MemoryKeyValueOptions {
  readonly clock: Clock
  /** Most entries. Default 1,000,000. */
  readonly entriesMax?: number
  /** Most bytes of keys and values, text at two a character. Default 256 MiB. */
  readonly bytesMax?: number
  /** How often values whose time is over are removed. Default 1 s. */
  readonly sweepMs?: number
}

interface Entry {
  value: string | Uint8Array
  /** Monotonic time it ends; Infinity where it does not. */
  endsMs: number
}

/**
 * A key-value store in this process's memory. It never evicts: a store that forgets a limit or a
 * token would be wrong, so a full one refuses with `overloaded`.
 */
export class MemoryKeyValue implements ByteKeyValue {
  /** This process is the store: its life is one. */
  readonly history = 'memory'
  readonly #clock: Clock
  readonly #entriesMax: number
  readonly #bytesMax: number
  readonly #entries: Map<string, Entry> = new Map()
  readonly #sweeper: Timer
  #bytes = 0

  constructor(options: MemoryKeyValueOptions) {
    this.#clock = options.clock
    this.#entriesMax = options.entriesMax ?? 1_000_000
    this.#bytesMax = options.bytesMax ?? 256 * 1024 ** 2
    this.#sweeper = options.clock.every(options.sweepMs ?? 1000, () => this.#sweep())
  }

  /** Entries held, those whose time is over but not yet swept included. */
  get size(): number {
    return this.#entries.size
  }

  async get(key: string): Promise<string | undefined> {
    return asText(this.#live(key)?.value)
  }

  async getBytes(key: string): Promise<Uint8Array | undefined> {
    const value = this.#live(key)?.value
    return typeof value === 'string' ? Buffer.from(value) : value
  }

  async set(key: string, value: string, options: KeepOptions = {}): Promise<void> {
    this.#put(key, value, this.#ends(options))
  }

  async setBytes(key: string, value: Uint8Array, options: KeepOptions = {}): Promise<void> {
    this.#put(key, value, this.#ends(options))
  }

  async delete(key: string): Promise<boolean> {
    const entry = this.#live(key)
    if (entry) this.#drop(key, entry)
    return entry !== undefined
  }

  async increment(key: string, by: number, options: KeepOptions = {}): Promise<number> {
    const entry = this.#live(key)
    const before = entry ? Number(asText(entry.value)) : 0
    if (!Number.isSafeInteger(before)) throw new Fault('conflict', 'the value is not a number')
    const sum = before + by
    this.#put(key, String(sum), entry ? entry.endsMs : this.#ends(options))
    return sum
  }

  async compareAndSet(
    key: string,
    expected: string | undefined,
    next: string,
    options: KeepOptions = {},
  ): Promise<boolean> {
    if (asText(this.#live(key)?.value) !== expected) return false
    this.#put(key, next, this.#ends(options))
    return true
  }

  async close(): Promise<void> {
    this.#sweeper.cancel()
    this.#entries.clear()
    this.#bytes = 0
  }

  #ends({ ttlMs }: KeepOptions): number {
    return ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.elapsed() + ttlMs
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (!entry || entry.endsMs > this.#clock.elapsed()) return entry
    this.#drop(key, entry)
    return undefined
  }

  #put(key: string, value: string | Uint8Array, endsMs: number): void {
    const entry = this.#entries.get(key)
    const grows = entry ? sizeOf(value) - sizeOf(entry.value) : sizeOf(key) + sizeOf(value)
    if (!this.#fits(entry, grows)) {
      this.#sweep()
      if (!this.#fits(entry, grows))
        throw new Fault('overloaded', 'the memory store is full', { retryAfterSeconds: 1 })
    }
    this.#bytes += grows
    if (entry) {
      entry.value = value
      entry.endsMs = endsMs
    } else this.#entries.set(key, { value, endsMs })
  }

  #fits(entry: Entry | undefined, grows: number): boolean {
    const entries = this.#entries.size + (entry ? 0 : 1)
    return entries <= this.#entriesMax && (grows <= 0 || this.#bytes + grows <= this.#bytesMax)
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#bytes -= sizeOf(key) + sizeOf(entry.value)
  }

  #sweep(): void {
    const nowMs = this.#clock.elapsed()
    for (const [key, entry] of this.#entries) if (entry.endsMs <= nowMs) this.#drop(key, entry)
  }
}

function sizeOf(value: string | Uint8Array): number {
  return typeof value === 'string' ? value.length * 2 : value.length
}

function asText(value: string | Uint8Array | undefined): string | undefined {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : value
}
