/**
 * Units a user holds in a campaign: a number by (campaign, user). Pairs are never removed: a user
 * who gave a unit back stays at 0, because the limit counts for the campaign's whole life.
 *
 * A user's first campaign stands in flat columns by user: 8 bytes a user, and users come one after
 * another, so the memory is near. Only further campaigns of the same user go into a hash table with
 * open addressing: 12 bytes a slot at load <= 0.5, and a cache miss each.
 */
export class PairTable {
  /** Campaign + 1 and count by user; 0 where the user holds nothing anywhere. */
  #firstCampaign: Uint32Array = new Uint32Array(256)
  #firstCount: Uint32Array = new Uint32Array(256)
  /** Triples campaign + 1, user, count; a first word of 0 marks a free slot. */
  #cells: Uint32Array = new Uint32Array(3 * 512)
  #mask = 511
  /** Pairs in `#cells`. */
  #size = 0

  /** Bytes of memory held. */
  get bytes(): number {
    return this.#firstCampaign.byteLength + this.#firstCount.byteLength + this.#cells.byteLength
  }

  /** Units held by `user` in `campaign`; 0 where there is no such pair. Expected O(1). */
  get(campaign: number, user: number): number {
    const first = this.#firstCampaign[user] ?? 0
    if (first === campaign + 1) return this.#firstCount[user] as number
    return first === 0 ? 0 : (this.#cells[this.#probe(campaign, user) + 2] as number)
  }

  /** Adds `delta` to the pair's count. Expected O(1), amortised. */
  add(campaign: number, user: number, delta: number): void {
    if (user >= this.#firstCampaign.length) this.#widen(user)
    const first = this.#firstCampaign[user] as number
    if (first === 0) this.#firstCampaign[user] = campaign + 1
    if (first === 0 || first === campaign + 1)
      this.#firstCount[user] = (this.#firstCount[user] as number) + delta
    else this.#addFurther(campaign, user, delta)
  }

  #addFurther(campaign: number, user: number, delta: number): void {
    const at = this.#probe(campaign, user)
    if (this.#cells[at] === 0) {
      this.#cells[at] = campaign + 1
      this.#cells[at + 1] = user
      this.#size++
    }
    this.#cells[at + 2] = (this.#cells[at + 2] as number) + delta
    if (this.#size * 2 > this.#mask) this.#grow()
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

  /** Makes room for `user` in the columns. */
  #widen(user: number): void {
    let room = this.#firstCampaign.length * 2
    while (room <= user) room *= 2
    const campaigns = new Uint32Array(room)
    campaigns.set(this.#firstCampaign)
    this.#firstCampaign = campaigns
    const counts = new Uint32Array(room)
    counts.set(this.#firstCount)
    this.#firstCount = counts
  }

  #grow(): void {
    const old = this.#cells
    this.#mask = this.#mask * 2 + 1
    this.#cells = new Uint32Array(3 * (this.#mask + 1))
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
