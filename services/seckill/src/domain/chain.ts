import { hash } from 'node:crypto'

/** Bytes of a link of the chain: SHA-256. */
export const linkBytes = 32

/**
 * The chain of hashes: link n = SHA-256(link n-1, bytes of turn n's events); link 0 is 32 zero
 * bytes. Whoever holds one link can tell whether any event before it was changed, added or left out.
 */
export class Chain {
  /** The last link, then room for a turn: hashed in one call, which is what makes it cheap. */
  #buffer: Buffer = Buffer.alloc(1024)

  /** Adds the bytes of a turn's events. O(bytes), about 0.4 us and 1 us a kilobyte. */
  add(events: Uint8Array): void {
    const length = linkBytes + events.length
    if (length > this.#buffer.length) {
      const next = Buffer.alloc(length * 2)
      this.#buffer.copy(next, 0, 0, linkBytes)
      this.#buffer = next
    }
    this.#buffer.set(events, linkBytes)
    // A text result is cheaper than a new Buffer: 0.36 against 1.0 us here.
    this.#buffer.write(hash('sha256', this.#buffer.subarray(0, length), 'latin1'), 0, 'latin1')
  }

  /** A copy of the last link. */
  head(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, linkBytes))
  }

  /** The last link in hex. */
  hex(): string {
    return this.#buffer.toString('hex', 0, linkBytes)
  }

  /** True where the last link is `link`. */
  is(link: Uint8Array): boolean {
    return this.#buffer.compare(link, 0, linkBytes, 0, linkBytes) === 0
  }

  /** Goes on from `link`. */
  restore(link: Uint8Array): void {
    this.#buffer.set(link.subarray(0, linkBytes), 0)
  }
}
