/** Small values by key, with a life time: counters, flags, tokens, idempotency marks. */

/** How long a value lives. */
export interface KeepOptions {
  /** ms until it is gone; absent: until it is deleted. */
  readonly ttlMs?: number
}

/** A key-value store. Each call is atomic. Rejections: `overloaded` (full), `store_unavailable`. */
export interface KeyValue {
  /** The value; undefined where there is none or its time is over. */
  get(key: string): Promise<string | undefined>
  /** Sets the value and its life time. */
  set(key: string, value: string, options?: KeepOptions): Promise<void>
  /** Removes a value; false where there was none. */
  delete(key: string): Promise<boolean>
  /**
   * Adds `by` to a whole number (0 where there is none) and resolves to the sum. The life time is set
   * only when the counter is made: a counter that is used all the time still ends. Rejects with
   * `conflict` where the value is not a whole number.
   */
  increment(key: string, by: number, options?: KeepOptions): Promise<number>
  /** Sets `next` only where the value is `expected` (undefined: only where there is none). */
  compareAndSet(
    key: string,
    expected: string | undefined,
    next: string,
    options?: KeepOptions,
  ): Promise<boolean>
  close(): Promise<void>
}

/** A key-value store that takes bytes too, under the same keys, and says how far back it can be trusted. */
export interface ByteKeyValue extends KeyValue {
  /** The value as bytes (text as UTF-8); undefined where there is none or its time is over. */
  getBytes(key: string): Promise<Uint8Array | undefined>
  /** As `set`. `value` must not change before this settles. */
  setBytes(key: string, value: Uint8Array, options?: KeepOptions): Promise<void>
  /**
   * Names the unbroken life of the store: another name means that what was acknowledged before may be
   * lost, or be back as it once was (a restart from an older file, a failover). Undefined while the
   * store is away.
   */
  readonly history: string | undefined
}
