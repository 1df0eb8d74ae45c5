const noBytes = Buffer.alloc(0)

/**
 * Bytes of a connection that no request has taken yet. One read is used where it lies; what must
 * wait for more is copied into a buffer that doubles, so n bytes in small pieces cost O(n).
 */
export class UnreadBytes {
  /** Holds the unread bytes between `from` and `to`. */
  bytes: Buffer = noBytes
  from = 0
  to = 0
  /** True where `bytes` is ours to append to. */
  #grown = false

  get length(): number {
    return this.to - this.from
  }

  /** Adds a read. `chunk` must not change afterwards. */
  push(chunk: Buffer): void {
    if (this.from === this.to) {
      this.bytes = chunk
      this.from = 0
      this.to = chunk.length
      this.#grown = false
      return
    }
    const need = this.length + chunk.length
    if (!this.#grown || this.to + chunk.length > this.bytes.length) {
      // Requests keep views of the old buffer, so it is left as it is and never compacted.
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, need * 2))
      this.bytes.copy(larger, 0, this.from, this.to)
      this.to -= this.from
      this.from = 0
      this.bytes = larger
      this.#grown = true
    }
    this.bytes.set(chunk, this.to)
    this.to += chunk.length
  }

  /** Takes `length` bytes from the front. */
  take(length: number): void {
    this.from += length
    if (this.from === this.to) this.#release()
  }

  /** All unread bytes; afterwards there are none. */
  takeAll(): Buffer {
    const all = this.bytes.subarray(this.from, this.to)
    this.#release()
    return all
  }

  #release(): void {
    this.bytes = noBytes
    this.from = this.to = 0
    this.#grown = false
  }
}
