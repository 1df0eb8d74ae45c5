import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchRow, BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { EmbeddedLedger } from './ledger/embedded-ledger.ts'
import type { LedgerOptions } from './ledger/ledger-options.ts'
import { startRedis } from './redis-control.ts'

const flight = 1000
const rounds = 3
const limits = { ordersMax: 1e7, usersMax: 1e7, campaignsMax: 10_000, refusedKeysMax: 1e6 }

/** Rate of `task` for `count` numbers from `from` on, `flight` under way; and its mean latency. */
async function pace(
  from: number,
  count: number,
  task: (n: number) => unknown,
): Promise<{ rate: number; meanMs: number }> {
  let next = from
  let sumMs = 0
  const startMs = systemClock.elapsed()
  const lane = async (): Promise<void> => {
    while (next < from + count) {
      const n = next++
      const sentMs = systemClock.elapsed()
      await task(n)
      sumMs += systemClock.elapsed() - sentMs
    }
  }
  await Promise.all(Array.from({ length: flight }, lane))
  return { rate: (count * 1000) / (systemClock.elapsed() - startMs), meanMs: sumMs / count }
}

async function rowOf(
  label: string,
  count: number,
  task: (n: number) => unknown,
): Promise<BenchRow & { rate: number }> {
  const runs = []
  for (let round = 0; round < rounds; round++) runs.push(await pace(round * count, count, task))
  runs.sort((a, b) => a.rate - b.rate)
  const [least, middle, most] = runs
  if (!least || !middle || !most) throw new Error('no rounds')
  const k = (rate: number): string => (rate / 1000).toFixed(0)
  return {
    label,
    rate: middle.rate,
    figures: {
      'thousand/s': `${k(middle.rate)} (${k(least.rate)}..${k(most.rate)})`,
      'mean ms': middle.meanMs.toFixed(2),
      'rate x mean': Math.round((middle.rate * middle.meanMs) / 1000),
    },
  }
}

async function withLedger<Result>(
  use: (ledger: EmbeddedLedger, options: LedgerOptions) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'seckill-bench-'))
  const options = { folder, clock: systemClock, log: silentLog, limits, snapshotEvents: 1e9 }
  const ledger = await EmbeddedLedger.open(options)
  try {
    return await use(ledger, options)
  } finally {
    await ledger.close()
    await rm(folder, { recursive: true, force: true })
  }
}

const campaign = (ledger: EmbeddedLedger, productId: string, stock: number): unknown =>
  ledger.run({
    kind: 'create',
    terms: {
      productId,
      stock,
      perUserLimit: 1,
      startsAtMs: 0,
      endsAtMs: 0,
      reservationTtlMs: 900_000,
      requireTicket: false,
      queue: false,
    },
  })

/** The ledger by itself, and what a purchase costs on Redis. */
export async function run(): Promise<BenchTable> {
  const rows: (BenchRow & { rate?: number })[] = []
  const buy = (ledger: EmbeddedLedger, prefix: string, key: boolean) => (n: number) => {
    const userId = `${prefix}-${n}`
    const productId = prefix
    return ledger.purchase({ userId, productId, quantity: 1, key: key ? `k-${n}` : '', ticket: '' })
  }
  await withLedger(async (ledger) => {
    for (const prefix of ['plain', 'keyed']) await campaign(ledger, prefix, 1e8)
    await campaign(ledger, 'gone', 0)
    rows.push(await rowOf('ledger, durable', 200_000, buy(ledger, 'plain', false)))
    rows.push(await rowOf('ledger, durable, with keys', 100_000, buy(ledger, 'keyed', true)))
    rows.push(await rowOf('ledger, sold out', 300_000, buy(ledger, 'gone', false)))
  })
  const ours = rows[0]?.rate ?? 0
  for (const persistence of ['no', 'always'] as const) {
    const redis = await startRedis(persistence)
    if (!redis) {
      rows.push({ label: 'Redis controls: redis-server is not installed', figures: {} })
      break
    }
    await redis.send('SET', '{p}:stock', '100000000')
    const label = persistence === 'no' ? 'no persistence' : 'AOF always'
    for (const [name, task] of [
      ['one script', (n: number) => redis.purchaseByScript('p', `u-${n}`)],
      ['four round trips', (n: number) => redis.purchaseByFourTrips('p', `v-${n}`)],
    ] as const) {
      const row = await rowOf(`Redis 7.0, ${name}, ${label}`, 30_000, task)
      const ratio = `${(ours / row.rate).toFixed(1)}x`
      rows.push({ ...row, figures: { ...row.figures, 'ledger is': ratio } })
    }
    await redis.close()
  }
  return {
    name: 'seckill',
    title: 'Seckill: purchases inside the engine',
    rows: [
      ...rows.map(({ label, figures }) => ({ label, figures })),
      ...(await byCampaigns()),
      ...(await batching()),
      ...(await growth()),
    ],
    notes: [
      `${flight} purchases under way, each by a buyer of its own; median of ${rounds} rounds (least..most).`,
      'Ledger: every answer after fdatasync of its events. Redis controls: pipelined by turn over a UNIX socket.',
      'Control scripts keep no idempotency key, no expiry, no window and no chain of hashes.',
    ],
  }
}

/** Whether many campaigns at once cost more than one. */
async function byCampaigns(): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const count of [1, 10, 1000]) {
    const row = await withLedger(async (ledger) => {
      for (let n = 0; n < count; n++) await campaign(ledger, `p-${n}`, 1e8)
      return await rowOf(`ledger, durable, ${count} campaign(s)`, 100_000, (n) =>
        ledger.purchase({
          userId: `u-${n}`,
          productId: `p-${n % count}`,
          quantity: 1,
          key: '',
          ticket: '',
        }),
      )
    })
    rows.push({ label: row.label, figures: row.figures })
  }
  return rows
}

/** What the way through turn and batch adds to a purchase that is alone: beside one write and fdatasync. */
async function batching(): Promise<BenchRow[]> {
  return await withLedger(async (ledger, { folder }) => {
    await campaign(ledger, 'p', 1e8)
    const file = await open(join(folder, 'control'), 'w')
    const bytes = Buffer.alloc(120)
    const alone: number[] = []
    const control: number[] = []
    for (let n = 0; n < 1000; n++) {
      const startMs = systemClock.elapsed()
      await ledger.purchase({ userId: `u-${n}`, productId: 'p', quantity: 1, key: '', ticket: '' })
      const middleMs = systemClock.elapsed()
      await file.write(bytes)
      await file.datasync()
      alone.push(middleMs - startMs)
      control.push(systemClock.elapsed() - middleMs)
    }
    await file.close()
    const p50 = (values: number[]): number => values.toSorted((a, b) => a - b)[500] ?? 0
    const added = (p50(alone) - p50(control)).toFixed(2)
    const figures = { P50: p50(alone).toFixed(2), 'control P50': p50(control).toFixed(2) }
    return [
      {
        label: 'one purchase at a time; control: write + fdatasync',
        figures: { ...figures, 'added ms': added },
      },
    ]
  })
}

/** Rate, memory and recovery as the book grows. */
async function growth(): Promise<BenchRow[]> {
  return await withLedger(async (ledger, options) => {
    const rows: BenchRow[] = []
    await campaign(ledger, 'p', 1e8)
    for (const size of [1000, 10_000, 100_000, 1_000_000]) {
      const from = ledger.counters.orders
      const { rate } = await pace(from, size - from, (n) =>
        ledger.purchase({ userId: `u-${n}`, productId: 'p', quantity: 1, key: '', ticket: '' }),
      )
      const { bytes, orders } = ledger.counters
      const figures = {
        'thousand/s': (rate / 1000).toFixed(0),
        'bytes/order': Math.round(bytes / orders),
      }
      rows.push({ label: `up to ${size} orders (buyer and order together)`, figures })
    }
    for (const how of ['by log alone', 'by snapshot']) {
      if (how === 'by snapshot') await ledger.snapshot()
      const copy = await mkdtemp(join(tmpdir(), 'seckill-bench-copy-'))
      const { cp } = await import('node:fs/promises')
      await cp(options.folder, copy, { recursive: true, filter: (path) => !/lock/i.test(path) })
      const startMs = systemClock.elapsed()
      const again = await EmbeddedLedger.open({ ...options, folder: copy })
      const seconds = ((systemClock.elapsed() - startMs) / 1000).toFixed(2)
      await again.close()
      await rm(copy, { recursive: true, force: true })
      rows.push({ label: `recovery of 1000000 orders ${how}`, figures: { seconds } })
    }
    return rows
  })
}
