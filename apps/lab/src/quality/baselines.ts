import type { DataRow } from '@spate/recommend/data-set'

/** Rows as numbers, person by person and oldest first. Written apart from the engine, on purpose. */
export interface Told {
  readonly users: ReadonlyMap<string, number>
  readonly items: ReadonlyMap<string, number>
  /** Items of each person in order of time, repeats included. */
  readonly histories: readonly (readonly number[])[]
  /** Items of all events in order of time. */
  readonly stream: readonly number[]
}

/** Scores of all items for one person's history. */
export type Baseline = (history: readonly number[]) => Float64Array

/** Numbers and orders `rows`; lines of the same time keep the order of the file. */
export function told(rows: readonly DataRow[]): Told {
  const users = new Map<string, number>()
  const items = new Map<string, number>()
  for (const { user, item } of rows) {
    if (!users.has(user)) users.set(user, users.size)
    if (!items.has(item)) items.set(item, items.size)
  }
  const ordered = rows.map((row, line) => ({ row, line }))
  ordered.sort((a, b) => (a.row.timeMs ?? 0) - (b.row.timeMs ?? 0) || a.line - b.line)
  const histories: number[][] = Array.from({ length: users.size }, () => [])
  const stream = ordered.map(({ row }) => {
    const item = items.get(row.item) as number
    histories[users.get(row.user) as number]?.push(item)
    return item
  })
  return { users, items, histories, stream }
}

/** The baselines of a catalogue too wide for the dense one leave that out. */
export function baselinesOf(data: Told): Readonly<Record<string, Baseline>> {
  const dense = easeOf(data, 500, denseMax)
  return {
    popular: popularOf(data, data.stream),
    'popular lately': popularOf(data, data.stream.slice(-Math.ceil(data.stream.length / 10))),
    ItemKNN: knnOf(data),
    'EASE 500': dense,
    RP3beta: walkOf(data, 0.6),
    'own most frequent': ownOf(data),
    'last transition': transitionsOf(data),
  }
}

const denseMax = 1000

function popularOf({ items }: Told, stream: readonly number[]): Baseline {
  const counts = new Float64Array(items.size)
  for (const item of stream) counts[item] = (counts[item] as number) + 1
  return () => counts.slice()
}

/** Distinct items of each person, and people of each item. */
function setsOf({ histories, items }: Told): { sets: number[][]; people: number[][] } {
  const sets = histories.map((history) => [...new Set(history)])
  const people: number[][] = Array.from({ length: items.size }, () => [])
  sets.forEach((set, user) => {
    for (const item of set) people[item]?.push(user)
  })
  return { sets, people }
}

/** What `link` says of the items that share people with an item, added over the history. */
function neighboursOf(
  data: Told,
  link: (shared: number, walked: number, from: number, to: number) => number,
  most: number,
): Baseline {
  const { sets, people } = setsOf(data)
  const rows = new Map<number, readonly (readonly [number, number])[]>()
  const rowOf = (from: number): readonly (readonly [number, number])[] => {
    const known = rows.get(from)
    if (known) return known
    const shared = new Map<number, [number, number]>()
    for (const user of people[from] ?? []) {
      const set = sets[user] as number[]
      for (const to of set) {
        const sums = shared.get(to)
        if (sums) {
          sums[0]++
          sums[1] += 1 / set.length
        } else shared.set(to, [1, 1 / set.length])
      }
    }
    shared.delete(from)
    const row = [...shared]
      .map(([to, [count, walked]]) => [to, link(count, walked, from, to)] as const)
      .sort((a, b) => b[1] - a[1] || a[0] - b[0])
      .slice(0, most)
    rows.set(from, row)
    return row
  }
  return (history) => {
    const scores = new Float64Array(data.items.size)
    for (const from of new Set(history))
      for (const [to, weight] of rowOf(from)) scores[to] = (scores[to] as number) + weight
    return scores
  }
}

/** Cosine with shrinkage 10 and 100 neighbours. */
function knnOf(data: Told): Baseline {
  const { people } = setsOf(data)
  const size = (item: number): number => people[item]?.length ?? 0
  const cosine = (shared: number, _: number, from: number, to: number): number =>
    shared / (Math.sqrt(size(from) * size(to)) + 10)
  return neighboursOf(data, cosine, 100)
}

function walkOf(data: Told, beta: number): Baseline {
  const { people } = setsOf(data)
  const size = (item: number): number => people[item]?.length ?? 0
  const chance = (_: number, walked: number, from: number, to: number): number =>
    walked / (size(from) * size(to) ** beta)
  return neighboursOf(data, chance, 200)
}

/** How often the person had it; what is left over by popularity. */
function ownOf(data: Told): Baseline {
  const popular = popularOf(data, data.stream)
  return (history) => {
    const scores = popular(history).map((count) => count / (data.stream.length + 1))
    for (const item of history) scores[item] = (scores[item] as number) + 1
    return scores
  }
}

/** What most often came right after the last item; what is left over by popularity. */
function transitionsOf(data: Told): Baseline {
  const popular = popularOf(data, data.stream)
  const follows = new Map<number, Map<number, number>>()
  for (const history of data.histories)
    for (let at = 1; at < history.length; at++) {
      const from = history[at - 1] as number
      const to = history[at] as number
      const row = follows.get(from) ?? new Map<number, number>()
      row.set(to, (row.get(to) ?? 0) + 1)
      follows.set(from, row)
    }
  return (history) => {
    const scores = popular(history).map((count) => count / (data.stream.length + 1))
    for (const [to, count] of follows.get(history.at(-1) ?? -1) ?? [])
      scores[to] = (scores[to] as number) + count
    return scores
  }
}

/** EASE by Gauss and Jordan on the `most` items with the most people. O(most^3), plain loops. */
function easeOf(data: Told, lambda: number, most: number): Baseline {
  const { sets, people } = setsOf(data)
  const head = [...people.keys()]
    .sort((a, b) => (people[b]?.length ?? 0) - (people[a]?.length ?? 0) || a - b)
    .slice(0, most)
  const places = new Map(head.map((item, place) => [item, place]))
  const size = head.length
  const gram = Array.from({ length: size }, (_, at) => {
    const line = new Float64Array(size)
    line[at] = lambda
    return line
  })
  for (const set of sets) {
    const known = set.map((item) => places.get(item) ?? -1).filter((place) => place >= 0)
    for (const a of known)
      for (const b of known) {
        const line = gram[a] as Float64Array
        line[b] = (line[b] as number) + 1
      }
  }
  invertInPlace(gram)
  return (history) => {
    const scores = new Float64Array(data.items.size)
    for (const item of new Set(history)) {
      const from = places.get(item)
      if (from === undefined) continue
      const line = gram[from] as Float64Array
      for (let to = 0; to < size; to++) {
        if (to === from) continue
        const weight = -(line[to] as number) / (gram[to]?.[to] as number)
        const at = head[to] as number
        scores[at] = (scores[at] as number) + weight
      }
    }
    return scores
  }
}

/** Gauss and Jordan without pivots: enough for a positive definite matrix. */
function invertInPlace(matrix: readonly Float64Array[]): void {
  const size = matrix.length
  for (let pivot = 0; pivot < size; pivot++) {
    const line = matrix[pivot] as Float64Array
    const scale = 1 / (line[pivot] as number)
    line[pivot] = 1
    for (let k = 0; k < size; k++) line[k] = (line[k] as number) * scale
    for (let row = 0; row < size; row++) {
      if (row === pivot) continue
      const other = matrix[row] as Float64Array
      const factor = other[pivot] as number
      if (factor === 0) continue
      other[pivot] = 0
      for (let k = 0; k < size; k++) other[k] = (other[k] as number) - factor * (line[k] as number)
    }
  }
}
