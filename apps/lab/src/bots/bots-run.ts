import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { drawFaults } from '@spate/seckill/draw'
import { AdminClient, allOrders } from '../load-seckill-check.ts'
import { Attacker } from './attacker.ts'
import type { Target } from './caller.ts'
import { Crowd } from './crowd.ts'

/** A run of bots against people. */
export interface BotsPlan {
  readonly honest: number
  readonly lanes: number
  readonly connections: number
  readonly addresses: number
  readonly accounts: number
  readonly stock: number
  readonly limit: number
  readonly admitPerSecond: number
  readonly proofBits: number
  readonly pauseMs: number
  readonly longestMs: number
}

/** What came of it. */
export interface BotsReport {
  readonly productId: string
  readonly stock: number
  readonly sold: number
  readonly honest: Readonly<
    Record<'people' | 'joined' | 'units' | 'buyers' | 'soldOut' | 'gaveUp', number>
  > & { readonly refusals: Readonly<Record<string, number>> }
  readonly attacker: Readonly<
    Record<
      | 'accounts'
      | 'connections'
      | 'connected'
      | 'addresses'
      | 'requests'
      | 'units'
      | 'limit'
      | 'sharePercent',
      number
    >
  > & { readonly refusals: Readonly<Record<string, number>> }
  readonly draw: {
    readonly commitment: string
    readonly seed: string
    readonly arrivals: number
    readonly placesChecked: number
    readonly faults: readonly string[]
  }
  /** People let in a second against the campaign's rate; null where it was over too soon. */
  readonly admission: {
    readonly perSecond: number
    readonly measured: number
    readonly errorPercent: number
  } | null
  readonly passed: boolean
}

interface Parts {
  readonly target: Target & { readonly token: string }
  readonly clock: Clock
  readonly chance: Chance
  readonly signal: AbortSignal
}

const farMs = 3_600_000
const sampleEveryMs = 100

/** People join, the attacker attacks, the sale starts, and its books are read. Leaves the campaign. */
export async function runBots(plan: BotsPlan, parts: Parts): Promise<BotsReport> {
  const { target, clock, chance, signal } = parts
  const productId = `bots-${clock.now().toString(36)}-${chance.uint32().toString(36)}`
  const admin = new AdminClient(target.host, target.port, target.token)
  const stop = new AbortController()
  const over = (): void => stop.abort()
  signal.addEventListener('abort', over)
  try {
    await made(admin, plan, productId, clock.now() + farMs)
    const before = (await admin.call('GET', `/seckill/queue/${productId}/draw`)).body
    const { honest: people, lanes, longestMs } = plan
    const crowd = new Crowd({ target, productId, people, lanes, longestMs }, clock, chance)
    const attacker = new Attacker({ ...plan, target, productId }, clock, chance)
    const attack = attacker.run(stop.signal)
    await crowd.join()
    await admin.call('PATCH', `/seckill/campaigns/${productId}`, { startsAt: null })
    const pace = sampled(admin, productId, clock, stop.signal)
    await crowd.buy()
    over()
    await attack
    const samples = await pace
    const after = (await admin.call('GET', `/seckill/queue/${productId}/draw`)).body
    const orders = await allOrders(admin, productId)
    return reportOf(plan, { productId, crowd, attacker, samples, before, after, orders })
  } finally {
    over()
    signal.removeEventListener('abort', over)
    admin.close()
  }
}

async function made(
  admin: AdminClient,
  plan: BotsPlan,
  productId: string,
  startsAt: number,
): Promise<void> {
  const { stock, limit: perUserLimit, admitPerSecond, proofBits } = plan
  const terms = { productId, stock, perUserLimit, startsAt, queue: true, admitPerSecond, proofBits }
  const answer = await admin.call('POST', '/seckill/campaigns', terms)
  if (answer.status !== 201)
    throw new Error(`the campaign was not made: ${answer.status} ${JSON.stringify(answer.body)}`)
}

interface Sample {
  readonly atMs: number
  readonly admitted: number
}

/** People let in, ten times a second, by the engine's own clock. */
async function sampled(
  admin: AdminClient,
  productId: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  while (!signal.aborted) {
    const { body } = await admin.call('GET', `/seckill/queue/${productId}`)
    const admitted = Number(body['admitted'])
    const last = samples.at(-1)
    if (admitted > 0 && admitted !== last?.admitted)
      samples.push({ atMs: Date.parse(String(body['now'])), admitted })
    await clock.sleep(sampleEveryMs)
  }
  return samples
}

function reportOf(
  plan: BotsPlan,
  run: {
    readonly productId: string
    readonly crowd: Crowd
    readonly attacker: Attacker
    readonly samples: readonly Sample[]
    readonly before: Readonly<Record<string, unknown>>
    readonly after: Readonly<Record<string, unknown>>
    readonly orders: Awaited<ReturnType<typeof allOrders>>
  },
): BotsReport {
  const { crowd, attacker, orders, before, after } = run
  const { told, refusals: crowdRefusals, ...counts } = crowd.result
  const mine = (userId: string): boolean => userId === 'mallory' || /^bot\d{6}$/.test(userId)
  const units = (theirs: boolean): number =>
    orders.reduce((sum, each) => sum + (mine(each.userId) === theirs ? each.quantity : 0), 0)
  const sold = units(true) + units(false)
  const arrivals = Number(after['arrivals'])
  const seed = String(after['seed'])
  const commitment = String(before['commitment'])
  const published = { commitment, seed: Buffer.from(seed, 'hex'), arrivals }
  const faults = drawFaults(published, told)
  const sharePercent = sold === 0 ? 0 : (100 * units(true)) / sold
  const limit = plan.limit * plan.accounts
  const buyers = new Set(orders.map(({ userId }) => userId)).size
  return {
    productId: run.productId,
    stock: plan.stock,
    sold,
    honest: {
      people: plan.honest,
      joined: counts.joined,
      units: units(false),
      buyers: buyers - attacker.result.orders.size,
      soldOut: counts.soldOut,
      gaveUp: counts.gaveUp,
      refusals: Object.fromEntries(crowdRefusals),
    },
    attacker: {
      accounts: plan.accounts,
      connections: plan.connections,
      connected: attacker.result.connected,
      addresses: plan.addresses,
      requests: attacker.result.requests,
      units: units(true),
      limit,
      sharePercent: Math.round(sharePercent * 1000) / 1000,
      refusals: Object.fromEntries(attacker.result.refusals),
    },
    draw: { commitment, seed, arrivals, placesChecked: told.length, faults },
    admission: paceOf(run.samples, plan.admitPerSecond),
    passed:
      sold <= plan.stock &&
      sold > 0 &&
      units(true) <= limit &&
      sharePercent < 1 &&
      faults.length === 0 &&
      told.length > 0,
  }
}

/** The first and the last tenth of a second are left out: there the room was not both open and full. */
function paceOf(samples: readonly Sample[], perSecond: number): BotsReport['admission'] {
  const [from, to] = [samples[1], samples.at(-3)]
  if (!from || !to || to.atMs - from.atMs < 500) return null
  const measured = ((to.admitted - from.admitted) * 1000) / (to.atMs - from.atMs)
  const errorPercent = Math.abs((100 * (measured - perSecond)) / perSecond)
  return {
    perSecond,
    measured: Math.round(measured * 10) / 10,
    errorPercent: Math.round(errorPercent * 100) / 100,
  }
}
