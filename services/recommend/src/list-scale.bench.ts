import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { BenchTable } from '@spate/runtime/bench'
import { SeededChance } from '@spate/runtime/chance'
import { rate } from './testing/bench-load.ts'
import { benchShop, type BenchShop, type BenchSize } from './testing/bench-shop.ts'

type Row = BenchTable['rows'][number]

/** All rows with SPATE_BENCH_LONG=1: a million users take about 2 GB and a minute of CPU. */
const long = process.env['SPATE_BENCH_LONG'] === '1'
const eventsPerUser = 5
const items = 2000
const users = 10_000
const userCounts = [1000, 10_000, 100_000, ...(long ? [1_000_000] : [])]
const itemCounts = [1000, 10_000, 100_000, ...(long ? [1_000_000] : [])]

/** What a list costs and what is held, as users and as items grow. */
export async function run(): Promise<BenchTable> {
  const byUsers = await series(userCounts, (count) => ({
    users: count,
    items,
    events: count * eventsPerUser,
  }))
  const byItems = await series(itemCounts, (count) => ({
    users,
    items: count,
    events: users * eventsPerUser,
  }))
  return {
    name: 'list-scale',
    title: 'Recommend: a list and its memory, as users and items grow',
    rows: [
      ...byUsers.map((each) => rowOf(each, 'user')),
      ...byItems.map((each) => rowOf(each, 'item')),
    ],
    notes: [
      `Users: ${eventsPerUser} events each, ${items} items. Items: ${users} users, ${users * eventsPerUser} events. Ranker on, dense model of at most 1000 items; lists of 20 from 200 candidates, in process.`,
      'Against: CPU of a list over that of the first row of its series, the control. Growth: exponent of cost over size since the row before; 0 is flat, below 1 is sub-linear.',
      'Bytes for one more user or item: what is held more than in the row before (heap and buffers after a collection), over the users or items more; with events, their pairs and trained rows. A million of each: SPATE_BENCH_LONG=1.',
    ],
  }
}

interface Measured {
  readonly count: number
  readonly us: number
  readonly heldBytes: number
  readonly first: Measured | undefined
  readonly before: Measured | undefined
}

async function series(
  counts: readonly number[],
  sizeOf: (count: number) => BenchSize,
): Promise<Measured[]> {
  const measured: Measured[] = []
  for (const count of counts) {
    const empty = await settled()
    const shop = benchShop(sizeOf(count), true, 1000)
    const heldBytes = (await settled()) - empty
    const chance = new SeededChance(3)
    const figures = await rate(() => ask(shop, chance), 2)
    const [first] = measured
    const before = measured.at(-1)
    measured.push({ count, us: figures['CPU us'], heldBytes, first, before })
  }
  return measured
}

function rowOf({ count, us, heldBytes, first, before }: Measured, of: 'user' | 'item'): Row {
  return {
    label: `${count.toLocaleString('en')} ${of}s`,
    figures: {
      'CPU us': us,
      against: first ? `${(us / first.us).toFixed(2)} x` : 'control',
      growth: before ? (Math.log(us / before.us) / Math.log(count / before.count)).toFixed(2) : '',
      'MB held': heldBytes / 1e6,
      'bytes for one more': before ? (heldBytes - before.heldBytes) / (count - before.count) : '',
    },
  }
}

async function ask(shop: BenchShop, chance: SeededChance): Promise<void> {
  const userId = `user-${chance.integer(0, shop.users - 1)}`
  const query = { userId, numItems: 20, language: 'en', seen: 'exclude' } as const
  await shop.recommender.recommend(query, ROOT_CONTEXT)
}

/** Bytes in use after a collection, and one more of what the first one made free. */
async function settled(): Promise<number> {
  globalThis.gc?.()
  await new Promise((resolve) => setImmediate(resolve))
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
