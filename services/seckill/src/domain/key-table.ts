import { TextTable } from './text-table.ts'

/** What an idempotency key was answered with. */
export const keyKinds = {
  order: 0,
  cart: 1,
  soldOut: 2,
  limitReached: 3,
  cartSoldOut: 4,
  cartLimitReached: 5,
  change: 6,
} as const

/** The number of an answer's kind. */
export type KeyKind = (typeof keyKinds)[keyof typeof keyKinds]

/**
 * Idempotency keys and their answers: a key belongs to a user, and says which order (or refusal)
 * it was answered with. 9 bytes and the key's text (`TextTable`) an entry.
 */
export class KeyTable {
  readonly texts: TextTable
  kind: Uint8Array = new Uint8Array(256)
  /** Slot of the (first) order, or index of the campaign where it was a refusal. */
  ref: Uint32Array = new Uint32Array(256)
  /** Quantity asked for, or a hash of a cart's lines. */
  asked: Uint32Array = new Uint32Array(256)

  constructor(seed: number) {
    this.texts = new TextTable(seed)
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.texts.bytes + this.kind.length * 9
  }

  /** The entry of `user`'s `key`; -1 where there is none. */
  find(user: number, key: string): number {
    return this.texts.find(user, key)
  }

  /** Keeps the answer to `user`'s `key`, which must be new. */
  add(user: number, key: string, answer: { kind: KeyKind; ref: number; asked: number }): void {
    const entry = this.texts.add(user, key)
    if (entry >= this.kind.length) this.reserve(entry * 2)
    this.kind[entry] = answer.kind
    this.ref[entry] = answer.ref
    this.asked[entry] = answer.asked
  }

  /** Makes room for `length` entries. */
  reserve(length: number): void {
    if (length <= this.kind.length) return
    const kind = new Uint8Array(length)
    kind.set(this.kind)
    this.kind = kind
    const ref = new Uint32Array(length)
    ref.set(this.ref)
    this.ref = ref
    const asked = new Uint32Array(length)
    asked.set(this.asked)
    this.asked = asked
  }
}
