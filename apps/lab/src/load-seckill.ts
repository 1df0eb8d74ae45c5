import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command, CommandContext } from '@spate/runtime/command'
import { errorText } from '@spate/runtime/fault'
import { duration, integer, text, toggle, url, type TableOf } from '@spate/runtime/settings'
import { sendBurst, type BurstResult } from './load-seckill-burst.ts'
import { AdminClient, checkBurst, type LoadCheck } from './load-seckill-check.ts'

/** Flags of `spate load seckill`. */
export interface LoadSeckillSettings {
  readonly url: string
  readonly buyers: number
  readonly stock: number
  readonly quantity: number
  readonly limit: number
  readonly connections: number
  readonly ramp: number
  readonly duration: number
  readonly product: string | undefined
  readonly keys: boolean
  readonly remote: boolean
  readonly adminToken: string | undefined
  readonly dataDir: string
}

type Table = TableOf<LoadSeckillSettings>

const settings: Table = {
  url: url('http://127.0.0.1:8081', 'Where the flash-sale engine answers'),
  buyers: integer(100_000, 1, 5_000_000, 'Buyers; each asks once', { unit: 'buyers' }),
  stock: integer(1000, 0, 1_000_000_000, 'Units of the campaign', { unit: 'units' }),
  quantity: integer(1, 1, 1_000_000, 'Units each buyer asks for', { unit: 'units' }),
  limit: integer(1, 1, 1_000_000, 'Units one buyer may have', { unit: 'units' }),
  connections: integer(1000, 1, 20_000, 'Connections, each with one request under way'),
  ramp: duration(3000, 0, 600_000, 'Time over which the connections are opened'),
  duration: duration(30_000, 100, 3_600_000, 'Longest time of the burst'),
  product: text(undefined, 'Product of the campaign; a new name where unset', {
    pattern: /^[\w.-]{1,100}$/,
    expected: '1 to 100 letters, digits and . _ -',
  }),
  keys: toggle(true, 'Send an Idempotency-Key and ask again with it where an answer is lost'),
  remote: toggle(false, 'Allow a url that is not on this machine: only your own servers'),
  adminToken: text(undefined, 'Key to admin calls; where unset, the one in the data folder', {
    secret: true,
  }),
  dataDir: text('.spate', 'Folder where the engine keeps its admin token'),
}

/** `spate load seckill`: a burst of buyers, and a check of what came of it. */
export const loadSeckillCommand: Command<Table> = {
  name: 'load seckill',
  summary: 'Send a burst of buyers at a flash sale and check that nothing was oversold or lost.',
  usage: '[--buyers N] [--stock N] [--connections N] [--ramp 3s] [--duration 30s]',
  examples: [
    ['spate load seckill', '100,000 buyers for 1,000 units over 1,000 connections'],
    ['spate load seckill --buyers 50000 --stock 50000 --json', 'everybody gets one'],
  ],
  settings,
  run,
}

async function run(context: CommandContext<Table>): Promise<number> {
  const { settings: given, host, clock, signal, json, chance } = context
  const target = new URL(given.url)
  if (!given.remote && !['127.0.0.1', 'localhost', '[::1]'].includes(target.hostname)) {
    host.writeError('spate load seckill: the url is not on this machine; --remote allows it\n')
    return 2
  }
  const address = target.hostname.replace(/^\[|\]$/g, '')
  const port = Number(target.port === '' ? 80 : target.port)
  const token = given.adminToken ?? (await storedToken(given.dataDir))
  if (token === undefined) {
    host.writeError(
      `no admin token: set SPATE_ADMIN_TOKEN, or --data-dir to the folder of the engine (now ${given.dataDir})\n`,
    )
    return 2
  }
  const productId =
    given.product ?? `load-${clock.now().toString(36)}-${chance.uint32().toString(36)}`
  const admin = new AdminClient(address, port, token)
  try {
    const { stock, limit, buyers, quantity, connections, keys } = given
    const made = await admin.call('POST', '/seckill/campaigns', {
      productId,
      stock,
      perUserLimit: limit,
    })
    if (made.status !== 201) {
      host.writeError(`the campaign was not made: ${made.status} ${JSON.stringify(made.body)}\n`)
      return 1
    }
    const [rampMs, durationMs] = [given.ramp, given.duration]
    const plan = { host: address, port, productId, buyers, quantity, connections, keys }
    const burst = await sendBurst({ ...plan, rampMs, durationMs }, clock, signal)
    const check = await checkBurst(admin, { productId, stock, limit }, burst)
    const report = reportOf({ productId, stock, connections }, burst, check)
    host.write(json ? `${JSON.stringify(report, null, 2)}\n` : table(report))
    return check.passed && burst.requests > 0 ? 0 : 1
  } catch (caught) {
    host.writeError(`spate load seckill: ${given.url}: ${errorText(caught)}\n`)
    return 1
  } finally {
    admin.close()
  }
}

async function storedToken(dataDir: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim()
  } catch {
    // No such file: the caller says what to do about it.
    return undefined
  }
}

/** What the command prints, as one document. Latencies in ms. */
export type LoadReport = ReturnType<typeof reportOf>

function reportOf(
  plan: { productId: string; stock: number; connections: number },
  burst: BurstResult,
  check: LoadCheck,
): {
  readonly productId: string
  readonly stock: number
  readonly connections: number
  readonly requests: number
  readonly seconds: number
  readonly requestsPerSecond: number
  readonly latencyMs: Readonly<Record<'mean' | 'p50' | 'p90' | 'p99' | 'p99.9' | 'max', number>>
  readonly concurrency: Readonly<Record<'rateTimesMean' | 'measured', number>>
  readonly connect: Readonly<Record<'opened' | 'maxMs', number>>
  readonly successes: number
  readonly refusals: Readonly<Record<string, number>>
  readonly unknown: number
  readonly check: LoadCheck
} {
  const { latency, seconds, requests } = burst
  const rate = requests / seconds
  const ms = (value: number): number => Math.round(value * 100) / 100
  return {
    ...plan,
    requests,
    seconds: ms(seconds),
    requestsPerSecond: Math.round(rate),
    latencyMs: {
      mean: ms(latency.meanMs),
      p50: ms(latency.quantileMs(0.5)),
      p90: ms(latency.quantileMs(0.9)),
      p99: ms(latency.quantileMs(0.99)),
      'p99.9': ms(latency.quantileMs(0.999)),
      max: ms(latency.maxMs),
    },
    // Little's law: these two must agree, or the figures above are not what they say.
    concurrency: {
      rateTimesMean: ms((rate * latency.meanMs) / 1000),
      measured: ms(burst.busySeconds / seconds),
    },
    connect: { opened: burst.connected, maxMs: ms(burst.connectMsMax) },
    successes: burst.successes.size,
    refusals: Object.fromEntries([...burst.byCode].sort(([, a], [, b]) => b - a)),
    unknown: burst.unknown.size,
    check,
  }
}

function table(report: LoadReport): string {
  const { latencyMs, concurrency, check, connect } = report
  const rows: [string, string | number][] = [
    ['product', report.productId],
    ['requests', `${report.requests} in ${report.seconds} s`],
    ['throughput', `${report.requestsPerSecond} requests/s`],
    ['connections', `${connect.opened} opened, slowest in ${connect.maxMs} ms`],
    ...Object.entries(latencyMs).map(([name, value]): [string, string] => [name, `${value} ms`]),
    [
      'rate x mean latency',
      `${concurrency.rateTimesMean} = connections in use ${concurrency.measured}`,
    ],
    ['successes', report.successes],
    ...Object.entries(report.refusals).map(([code, n]): [string, number] => [`refused ${code}`, n]),
    ['answers lost', report.unknown],
    ['sold / stock', `${check.sold} / ${report.stock}`],
    ['oversold', check.oversold],
    ['successes without order', check.successesWithoutOrder],
    ['orders without success', check.ordersWithoutSuccess],
    ['duplicate orders', check.duplicateOrders],
    ['buyers over the limit', check.buyersOverLimit],
    ['books agree', check.auditConsistent ? 'yes' : 'NO'],
    ['verdict', check.passed ? 'PASSED' : 'FAILED'],
  ]
  return `${rows.map(([name, value]) => `${name.padEnd(26)} ${value}`).join('\n')}\n`
}
