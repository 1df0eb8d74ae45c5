import { SeededChance, type Chance } from '@spate/runtime/chance'
import type { DataRow } from '@spate/recommend/data-set'
import { splitRows, type SplitRule } from '@spate/recommend/split'

/** A made-up data set of one shape, cut in two. */
export interface Shape {
  readonly name: string
  readonly train: readonly DataRow[]
  readonly test: readonly DataRow[]
  readonly timed: boolean
}

const dayMs = 86_400_000
const startMs = 1_700_000_000_000
const temporal: SplitRule = { kind: 'temporal', ms: 20 * dayMs }
const last: SplitRule = { kind: 'last' }

/** All shapes, by name: each makes its rows anew from its own seed, so one can be run alone. */
export const shapes: Readonly<Record<string, () => Shape>> = {
  'films, by time': () => cutOf('films, by time', films(1), temporal),
  'films, last item': () => cutOf('films, last item', films(1), last),
  'films, two columns': () => cutOf('films, two columns', untimed(films(2)), last),
  'films, holes': () => cutOf('films, holes', untimed(films(3)), randomTenth(3)),
  sessions: () => cutOf('sessions', sessions(4), last),
  'groceries, by time': () => cutOf('groceries, by time', groceries(5), temporal),
  'groceries, last item': () => cutOf('groceries, last item', groceries(5), last),
  plays: () => cutOf('plays', plays(6), randomTenth(6)),
  news: () => cutOf('news', news(7), { kind: 'temporal', ms: dayMs }),
  'popularity alone': () => cutOf('popularity alone', popularityAlone(8), temporal),
  'one event a user': () => cutOf('one event a user', pairsOf(9), last),
  'few users': () => cutOf('few users', few(10), last),
  'five users, ten items': () => cutOf('five users, ten items', tiny(11), last),
  '50,000 items, by time': () => cutOf('50,000 items, by time', wide(12), temporal),
  '50,000 items, last item': () => cutOf('50,000 items, last item', wide(12), last),
}

function cutOf(name: string, rows: readonly DataRow[], rule: SplitRule): Shape {
  const { train, test } = splitRows(rows, rule)
  return { name, train, test, timed: rows[0]?.timeMs !== undefined }
}

function randomTenth(seed: number): SplitRule {
  const chance = new SeededChance(seed)
  return { kind: 'random', share: 0.1, float: () => chance.float() }
}

/** In order of time, and then without it: what a file of two columns is. */
function untimed(rows: readonly DataRow[]): DataRow[] {
  return [...rows]
    .sort((a, b) => (a.timeMs ?? 0) - (b.timeMs ?? 0))
    .map((row) => ({ ...row, timeMs: undefined }))
}

/** Items in topics; within a topic some are wanted far more than others (Zipf). */
class Topics {
  readonly #chance: Chance
  readonly #topics: readonly (readonly number[])[]
  readonly #skew: number

  constructor(chance: Chance, shape: { items: number; topics: number; skew: number }) {
    this.#chance = chance
    this.#skew = shape.skew
    const topics: number[][] = Array.from({ length: shape.topics }, () => [])
    for (let item = 0; item < shape.items; item++)
      topics[Math.floor(shape.topics * chance.float() ** 1.5)]?.push(item)
    this.#topics = topics.map((items) => shuffled(items, chance))
  }

  /** A person's taste: a few topics, the first most. */
  taste(breadth: number): number[] {
    return Array.from({ length: breadth }, () =>
      Math.floor(this.#topics.length * this.#chance.float() ** 1.5),
    )
  }

  /** An item for somebody with `taste`; now and then anything. */
  draw(taste: readonly number[], stray = 0.1): number {
    const chance = this.#chance
    const topic =
      chance.float() < stray
        ? chance.integer(0, this.#topics.length - 1)
        : (taste[Math.floor(taste.length * chance.float() ** 2)] as number)
    const items = this.#topics[topic] as readonly number[]
    if (items.length === 0) return this.draw(taste, 1)
    return items[Math.floor(items.length * chance.float() ** this.#skew)] as number
  }
}

function shuffled(items: readonly number[], chance: Chance): number[] {
  const out = [...items]
  for (let at = out.length - 1; at > 0; at--) {
    const other = chance.integer(0, at)
    const held = out[at] as number
    out[at] = out[other] as number
    out[other] = held
  }
  return out
}

const row = (user: number, item: number, timeMs: number, weight = 1): DataRow => ({
  user: `u${user}`,
  item: `i${item}`,
  timeMs: Math.round(timeMs),
  weight,
})

/** Ratings of 1 to 5, each film once a person, in a few evenings; films come and fade. */
function films(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  const items = 900
  const topics = new Topics(chance, { items, topics: 30, skew: 2.5 })
  const bornDay = Array.from({ length: items }, () => Math.max(0, chance.integer(-100, 120)))
  const rows: DataRow[] = []
  for (let user = 0; user < 700; user++) {
    const taste = topics.taste(4)
    const seen = new Set<number>()
    const many = Math.round(15 + 150 * chance.float() ** 3)
    let day = chance.integer(0, 110)
    for (let at = 0; at < many && day < 120; at++) {
      if (chance.float() < 0.08) day += chance.integer(1, 12)
      const item = topics.draw(taste)
      if (seen.has(item) || (bornDay[item] as number) > day) continue
      seen.add(item)
      rows.push(row(user, item, startMs + day * dayMs + at * 40_000, chance.integer(1, 5)))
    }
  }
  return rows
}

/** Visits: most clicks lead to one of the few items that follow the one before. */
function sessions(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  const items = 1500
  const topics = new Topics(chance, { items, topics: 60, skew: 2 })
  const next = Array.from({ length: items }, () => topics.taste(1)).map((taste) =>
    Array.from({ length: 4 }, () => topics.draw(taste)),
  )
  const rows: DataRow[] = []
  for (let visit = 0; visit < 3000; visit++) {
    const taste = topics.taste(2)
    let item = topics.draw(taste)
    let timeMs = startMs + chance.float() * 30 * dayMs
    for (let at = 0; at < chance.integer(3, 12); at++) {
      rows.push(row(visit, item, timeMs))
      timeMs += chance.integer(5_000, 120_000)
      const follows = next[item] as readonly number[]
      item =
        chance.float() < 0.6
          ? (follows[Math.floor(follows.length * chance.float() ** 1.5)] as number)
          : topics.draw(taste)
    }
  }
  return rows
}

/** Weekly baskets: mostly the household's own staples, some more often than others. */
function groceries(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  const topics = new Topics(chance, { items: 1200, topics: 40, skew: 2 })
  const rows: DataRow[] = []
  for (let user = 0; user < 400; user++) {
    const taste = topics.taste(6)
    const staples = Array.from({ length: 25 }, () => topics.draw(taste))
    let day = chance.integer(0, 20)
    while (day < 140) {
      const timeMs = startMs + day * dayMs + chance.integer(8, 20) * 3_600_000
      // Tastes drift: now and then a staple is replaced.
      if (chance.float() < 0.3) staples[chance.integer(0, 24)] = topics.draw(taste)
      for (let at = 0; at < chance.integer(3, 9); at++)
        rows.push(
          row(
            user,
            chance.float() < 0.7
              ? (staples[Math.floor(25 * chance.float() ** 2)] as number)
              : topics.draw(taste),
            timeMs,
          ),
        )
      day += chance.integer(4, 14)
    }
  }
  return rows
}

/** Listening: one line a person and artist with the number of plays, no times. */
function plays(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  const topics = new Topics(chance, { items: 2500, topics: 80, skew: 2.5 })
  const rows: DataRow[] = []
  for (let user = 0; user < 900; user++) {
    const taste = topics.taste(4)
    const counts = new Map<number, number>()
    for (let at = 0; at < 40; at++) {
      const item = topics.draw(taste)
      counts.set(item, (counts.get(item) ?? 0) + Math.ceil(30 * chance.float() ** 4))
    }
    for (const [item, count] of counts)
      rows.push({ user: `u${user}`, item: `i${item}`, timeMs: undefined, weight: count })
  }
  return rows
}

/** Stories that are read for two days and then no more. */
function news(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  const items = 1500
  const days = 30
  const topic = Array.from({ length: items }, () => chance.integer(0, 11))
  const pull = Array.from({ length: items }, () => chance.float() ** 3)
  const rows: DataRow[] = []
  for (let user = 0; user < 900; user++) {
    const taste = [chance.integer(0, 11), chance.integer(0, 11)]
    for (let day = chance.integer(0, 6); day < days; day += chance.integer(1, 4)) {
      for (let at = 0; at < chance.integer(1, 5); at++) {
        const pool = Array.from({ length: 40 }, () => {
          const age = chance.float() ** 2 * 2
          return Math.min(
            items - 1,
            Math.floor(((day - age + 2) / (days + 2)) * items + 40 * chance.float()),
          )
        })
        const liked = pool.filter((item) => taste.includes(topic[item] as number))
        const from = liked.length > 0 && chance.float() < 0.7 ? liked : pool
        const item = from.reduce((a, b) => ((pull[b] as number) > (pull[a] as number) ? b : a))
        rows.push(row(user, item, startMs + day * dayMs + at * 60_000 + user * 1000))
      }
    }
  }
  return rows
}

/** Nobody has a taste: only the popular is more likely. */
function popularityAlone(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  const rows: DataRow[] = []
  for (let user = 0; user < 1200; user++)
    for (let at = 0; at < chance.integer(4, 16); at++)
      rows.push(
        row(user, Math.floor(800 * chance.float() ** 3), startMs + chance.float() * 120 * dayMs),
      )
  return rows.sort((a, b) => (a.timeMs ?? 0) - (b.timeMs ?? 0))
}

/** Two events a person, so that TRAIN has one of each. */
function pairsOf(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  const topics = new Topics(chance, { items: 400, topics: 20, skew: 2.5 })
  return Array.from({ length: 2000 }, (_, user) => {
    const taste = topics.taste(1)
    const timeMs = startMs + chance.float() * 300 * dayMs
    return [row(user, topics.draw(taste), timeMs), row(user, topics.draw(taste), timeMs + 60_000)]
  }).flat()
}

/** Forty people and sixty items: hardly anything to choose by. */
function few(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  const topics = new Topics(chance, { items: 60, topics: 4, skew: 1.5 })
  return Array.from({ length: 40 }, (_, user) => {
    const taste = topics.taste(2)
    return Array.from({ length: chance.integer(4, 12) }, (__, at) =>
      row(user, topics.draw(taste), startMs + at * 3_600_000),
    )
  }).flat()
}

function tiny(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  return Array.from({ length: 5 }, (_, user) =>
    Array.from({ length: 4 }, (__, at) =>
      row(user, Math.floor(10 * chance.float() ** 2), startMs + at * dayMs),
    ),
  ).flat()
}

/** A wide shop: 50,000 items, few events a person. */
function wide(seed: number): DataRow[] {
  const chance = new SeededChance(seed)
  const topics = new Topics(chance, { items: 50_000, topics: 900, skew: 2 })
  const rows: DataRow[] = []
  for (let user = 0; user < 25_000; user++) {
    const taste = topics.taste(3)
    let timeMs = startMs + chance.float() * 150 * dayMs
    for (let at = 0; at < Math.round(3 + 20 * chance.float() ** 3); at++) {
      rows.push(row(user, topics.draw(taste, 0.05), timeMs))
      timeMs += chance.float() ** 3 * 15 * dayMs
    }
  }
  return rows.filter(({ timeMs }) => (timeMs ?? 0) < startMs + 170 * dayMs)
}
