/** Everything all users did, user by user and oldest first: what batch models are trained on. */
export interface Interactions {
  readonly itemCount: number
  /** User u has the events `start[u]` to `start[u + 1] - 1`. */
  readonly start: Uint32Array
  readonly items: Uint32Array
  readonly timesMs: Float64Array
}

/** Distinct items user by user, each row sorted by item; rows are cut to the latest `rowMax`. */
export interface ItemSets {
  readonly itemCount: number
  readonly start: Uint32Array
  readonly items: Uint32Array
}

/** The distinct items of every user, at most the latest `rowMax` of each. */
export function itemSets(interactions: Interactions, rowMax: number): ItemSets {
  const { start, items, itemCount } = interactions
  const users = start.length - 1
  const outStart = new Uint32Array(users + 1)
  const out = new Uint32Array(items.length)
  const metBy = new Int32Array(itemCount).fill(-1)
  let length = 0
  for (let user = 0; user < users; user++) {
    const from = length
    const first = start[user] as number
    for (let at = (start[user + 1] as number) - 1; at >= first && length - from < rowMax; at--) {
      const item = items[at] as number
      if (metBy[item] === user) continue
      metBy[item] = user
      out[length++] = item
    }
    out.subarray(from, length).sort()
    outStart[user + 1] = length
  }
  return { itemCount, start: outStart, items: out.slice(0, length) }
}

/** The users of each item: the transpose. */
export function usersByItem(sets: ItemSets): { start: Uint32Array; users: Uint32Array } {
  const start = new Uint32Array(sets.itemCount + 1)
  for (const item of sets.items) start[item + 1] = (start[item + 1] as number) + 1
  for (let item = 0; item < sets.itemCount; item++)
    start[item + 1] = (start[item + 1] as number) + (start[item] as number)
  const next = start.slice()
  const users = new Uint32Array(sets.items.length)
  for (let user = 0; user + 1 < sets.start.length; user++) {
    for (let at = sets.start[user] as number; at < (sets.start[user + 1] as number); at++) {
      const item = sets.items[at] as number
      users[next[item] as number] = user
      next[item] = (next[item] as number) + 1
    }
  }
  return { start, users }
}

/** The `most` items with the most users, most first; ties by item. Items nobody has are left out. */
export function headItems(sets: ItemSets, most: number): Uint32Array {
  const counts = new Uint32Array(sets.itemCount)
  for (const item of sets.items) counts[item] = (counts[item] as number) + 1
  const order = Array.from(counts.keys()).filter((item) => (counts[item] as number) > 0)
  order.sort((a, b) => (counts[b] as number) - (counts[a] as number) || a - b)
  return Uint32Array.from(order.slice(0, most))
}

/** Place of each item in `head`; -1 elsewhere. */
export function placesOf(head: Uint32Array, itemCount: number): Int32Array {
  const places = new Int32Array(itemCount).fill(-1)
  head.forEach((item, place) => {
    places[item] = place
  })
  return places
}
