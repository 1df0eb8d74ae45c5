/**
 * Texts by number, and numbers by text, in flat memory.
 *
 * A `Map<string, number>` costs 100 bytes and more an entry and its strings are walked by every
 * garbage collection. Here the UTF-8 bytes lie in one arena, an entry costs its bytes + 8 (offset,
 * salt) + 11 to 21 (hash slots at load <= 0.75), and the collector sees four objects in all.
 *
 * The salt separates name spaces: an idempotency key is looked up under its user's number.
 */
export class TextTable {
  #bytes: Uint8Array = new Uint8Array(4096)
  #used = 0
  /** Entry n lies at [offsets[n], offsets[n + 1]). */
  #offsets: Uint32Array = new Uint32Array(257)
  #salts: Uint32Array = new Uint32Array(256)
  /**
   * Pairs hash, entry + 1; an entry of 0 marks a free slot. With the hash here a search touches no
   * other memory until it matches, and a larger table is filled in the order of the smaller one.
   */
  #slots: Uint32Array = new Uint32Array(2 * 512)
  #size = 0
  readonly #seed: number
  #scratch: Uint8Array = new Uint8Array(1024)
  #scratchLength = 0
  #scratchHash = 0
  // One purchase asks for its buyer three times and more: what was loaded and found last is kept.
  #loadedText = ''
  #loadedSalt = -1
  #found = unknown

  /** `seed` makes the hash differ from process to process; it changes no answer. */
  constructor(seed = 0) {
    this.#seed = seed >>> 0
  }

  /** Number of texts held. */
  get size(): number {
    return this.#size
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return (
      this.#bytes.byteLength +
      this.#offsets.byteLength +
      this.#salts.byteLength +
      this.#slots.byteLength
    )
  }

  /** The number of `text` under `salt`; -1 where it was never added. Expected O(length). */
  find(salt: number, text: string): number {
    this.#load(salt, text)
    return (this.#found = this.#found === unknown ? this.#lookup(salt) : this.#found)
  }

  /** The number of `text` under `salt`, adding it where it is new. Expected O(length). */
  add(salt: number, text: string): number {
    const found = this.find(salt, text)
    return found >= 0 ? found : (this.#found = this.#append(salt))
  }

  /** The text numbered `index`, which must exist. */
  text(index: number): string {
    const start = this.#offsets[index] as number
    const end = this.#offsets[index + 1] as number
    return decoder.decode(this.#bytes.subarray(start, end))
  }

  /** The salt entry `index` was added under. */
  salt(index: number): number {
    return this.#salts[index] as number
  }

  /** What a snapshot keeps: the filled parts of the columns. The hash slots are made again. */
  columns(): { readonly bytes: Uint8Array; readonly offsets: Uint32Array; salts: Uint32Array } {
    return {
      bytes: this.#bytes.subarray(0, this.#used),
      offsets: this.#offsets.subarray(0, this.#size + 1),
      salts: this.#salts.subarray(0, this.#size),
    }
  }

  /** Takes over columns as `columns()` gave them. O(entries). */
  restore(columns: { bytes: Uint8Array; offsets: Uint32Array; salts: Uint32Array }): void {
    this.#size = columns.salts.length
    this.#used = columns.bytes.length
    this.#bytes = grown(columns.bytes, new Uint8Array(room(columns.bytes.length, 4096)))
    this.#salts = grown(columns.salts, new Uint32Array(room(this.#size, 256)))
    this.#offsets = grown(columns.offsets, new Uint32Array(this.#salts.length + 1))
    this.#found = unknown
    this.#slots = new Uint32Array(room(this.#size * 3, 1024))
    for (let index = 0; index < this.#size; index++)
      place(this.#slots, this.#hashOf(index), index + 1)
  }

  #load(salt: number, text: string): void {
    if (salt === this.#loadedSalt && text === this.#loadedText) return
    this.#loadedSalt = salt
    this.#loadedText = text
    this.#found = unknown
    const length = text.length
    if (length * 3 > this.#scratch.length) this.#scratch = new Uint8Array(length * 6)
    const scratch = this.#scratch
    let hash = (this.#seed ^ Math.imul(salt + 1, 0x9e3779b1)) | 0
    let at = 0
    for (; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code >= 0x80) break
      scratch[at] = code
      hash = Math.imul(hash ^ code, 0x01000193)
    }
    if (at < length) {
      const { written } = encoder.encodeInto(text.slice(at), scratch.subarray(at))
      const end = at + written
      for (; at < end; at++) hash = Math.imul(hash ^ (scratch[at] as number), 0x01000193)
    }
    this.#scratchLength = at
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
    this.#scratchHash = (hash ^ (hash >>> 15)) >>> 0
  }

  #lookup(salt: number): number {
    const slots = this.#slots
    const last = slots.length - 1
    const hash = this.#scratchHash
    for (let at = (hash << 1) & last; ; at = (at + 2) & last) {
      const entry = slots[at + 1] as number
      if (entry === 0) return -1
      if (slots[at] === hash && this.#salts[entry - 1] === salt && this.#same(entry - 1))
        return entry - 1
    }
  }

  #same(index: number): boolean {
    const start = this.#offsets[index] as number
    const length = (this.#offsets[index + 1] as number) - start
    if (length !== this.#scratchLength) return false
    const bytes = this.#bytes
    const scratch = this.#scratch
    for (let at = 0; at < length; at++) if (bytes[start + at] !== scratch[at]) return false
    return true
  }

  #append(salt: number): number {
    const index = this.#size
    if (index === this.#salts.length) {
      this.#salts = grown(this.#salts, new Uint32Array(index * 2))
      this.#offsets = grown(this.#offsets, new Uint32Array(index * 2 + 1))
    }
    const end = this.#used + this.#scratchLength
    if (end > this.#bytes.length)
      this.#bytes = grown(this.#bytes, new Uint8Array(room(end, this.#bytes.length * 2)))
    for (let at = 0; at < this.#scratchLength; at++)
      this.#bytes[this.#used + at] = this.#scratch[at] as number
    this.#used = end
    this.#salts[index] = salt
    this.#offsets[index + 1] = end
    this.#size = index + 1
    if (this.#size * 8 > this.#slots.length * 3) this.#enlarge()
    place(this.#slots, this.#scratchHash, index + 1)
    return index
  }

  /** Twice the slots. What is near in the old table is near in the new one. */
  #enlarge(): void {
    const old = this.#slots
    const slots = new Uint32Array(old.length * 2)
    for (let at = 0; at < old.length; at += 2) {
      const entry = old[at + 1] as number
      if (entry !== 0) place(slots, old[at] as number, entry)
    }
    this.#slots = slots
  }

  #hashOf(index: number): number {
    let hash = (this.#seed ^ Math.imul((this.#salts[index] as number) + 1, 0x9e3779b1)) | 0
    const end = this.#offsets[index + 1] as number
    for (let at = this.#offsets[index] as number; at < end; at++)
      hash = Math.imul(hash ^ (this.#bytes[at] as number), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
    return (hash ^ (hash >>> 15)) >>> 0
  }
}

/** Puts a pair into the first free slot from its hash's own on. */
function place(slots: Uint32Array, hash: number, entry: number): void {
  const last = slots.length - 1
  let at = (hash << 1) & last
  while (slots[at + 1] !== 0) at = (at + 2) & last
  slots[at] = hash
  slots[at + 1] = entry
}

/** Not looked up since it was loaded. */
const unknown = -2
const encoder = new TextEncoder()
const decoder = new TextDecoder()

function grown<Column extends Uint8Array | Uint32Array>(
  from: Uint8Array | Uint32Array,
  to: Column,
): Column {
  to.set(from)
  return to
}

/** The least power of two that is >= `least` and >= `wanted`. */
function room(wanted: number, least: number): number {
  let size = least
  while (size < wanted) size *= 2
  return size
}
