/**
 * Units a user holds in a campaign: a number by (campaign, user), open addressing in flat memory,
 * 12 bytes a slot at load <= 0.5. Pairs are never removed: a user who gave a unit back stays at 0,
 * because the limit counts for the campaign's whole life.
 */
export class PairTable {
  /** Triples campaign + 1, user, count; a first word of 0 marks a free slot. */
  #cells: Uint32Array = new Uint32Array(3 * 512)
  #mask = 511
  /** Where the last pair asked for lies: a purchase reads its pair and then adds to it. */
  #last = 0
  #size = 0

  /** Number of pairs ever counted. */
  get size(): number {
    return this.#size
  }

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#cells.byteLength
  }

  /** Units held by `user` in `campaign`; 0 where there is no such pair. Expected O(1). */
  get(campaign: number, user: number): number {
    return this.#cells[this.#find(campaign, user) + 2] as number
  }

  /** Adds `delta` to the pair's count. Expected O(1). */
  add(campaign: number, user: number, delta: number): void {
    const at = this.#find(campaign, user)
    if (this.#cells[at] === 0) {
      this.#cells[at] = campaign + 1
      this.#cells[at + 1] = user
      this.#size++
    }
    this.#cells[at + 2] = (this.#cells[at + 2] as number) + delta
    if (this.#size * 2 > this.#mask) this.#grow()
  }

  /** Calls `visit` for each pair, in no stated order. O(slots). */
  each(visit: (campaign: number, user: number, count: number) => void): void {
    for (let at = 0; at < this.#cells.length; at += 3) {
      const campaign = this.#cells[at] as number
      if (campaign !== 0)
        visit(campaign - 1, this.#cells[at + 1] as number, this.#cells[at + 2] as number)
    }
  }

  #find(campaign: number, user: number): number {
    const last = this.#last
    if (this.#cells[last] === campaign + 1 && this.#cells[last + 1] === user) return last
    return (this.#last = this.#probe(campaign, user))
  }

  #probe(campaign: number, user: number): number {
    let hash = Math.imul(user + 0x7f4a7c15, 0x9e3779b1) ^ Math.imul(campaign + 1, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad)
    hash ^= hash >>> 15
    const cells = this.#cells
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * 3
      const held = cells[at] as number
      if (held === 0 || (held === campaign + 1 && cells[at + 1] === user)) return at
    }
  }

  #grow(): void {
    const old = this.#cells
    this.#mask = this.#mask * 2 + 1
    this.#cells = new Uint32Array(3 * (this.#mask + 1))
    this.#last = 0
    for (let from = 0; from < old.length; from += 3) {
      const campaign = old[from] as number
      if (campaign === 0) continue
      const at = this.#probe(campaign - 1, old[from + 1] as number)
      this.#cells[at] = campaign
      this.#cells[at + 1] = old[from + 1] as number
      this.#cells[at + 2] = old[from + 2] as number
    }
  }
}
