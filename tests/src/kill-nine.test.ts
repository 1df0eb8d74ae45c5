/**
 * kill -9 of the whole platform in the middle of a sale, again and again on one data folder: no unit
 * oversold, every acknowledged order present, no user over the limit. Rounds: KILL_ROUNDS.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SeededChance } from '@spate/runtime/chance'

import { startPlatform, temporaryFolder, type Platform } from './platform.ts'

const rounds = Number(process.env['KILL_ROUNDS'] ?? 2)
const stock = 3000
const workers = 48

interface Promised {
  readonly orderId: string
  readonly userId: string
}

interface Round {
  readonly productId: string
  readonly promised: Promised[]
  asked: number
  unknown: number
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function createCampaign(platform: Platform, productId: string): Promise<void> {
  const answer = await fetch(`${platform.urls['seckill']}/seckill/campaigns`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${platform.adminToken}`,
    },
    body: JSON.stringify({ productId, stock, perUserLimit: 1 }),
  })
  assert.equal(answer.status, 201, await answer.text())
}

/** Buys until `stop` says so; every second user asks twice, with two keys. */
async function buy(platform: Platform, round: Round, worker: number, stop: () => boolean) {
  for (let turn = 0; !stop(); turn++) {
    const userId = `${round.productId}-${worker}-${turn >> 1}`
    round.asked++
    try {
      const answer = await fetch(`${platform.urls['seckill']}/seckill/purchase`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': `${userId}-${turn}` },
        body: JSON.stringify({ userId, productId: round.productId, quantity: 1 }),
      })
      const body = (await answer.json()) as { success?: boolean; orderId?: string }
      if (body.success === true && body.orderId)
        round.promised.push({ orderId: body.orderId, userId })
    } catch {
      // The process died under this request: what came of it is unknown, as for a real buyer.
      round.unknown++
    }
  }
}

async function judge(platform: Platform, round: Round): Promise<number> {
  const base = `${platform.urls['seckill']}/seckill`
  const get = async (path: string): Promise<Record<string, unknown>> => {
    const headers = { authorization: `Bearer ${platform.adminToken}` }
    const answer = await fetch(`${base}${path}`, { headers })
    assert.equal(answer.status, 200, `${path}: ${answer.status}`)
    return (await answer.json()) as Record<string, unknown>
  }
  for (const { orderId, userId } of round.promised)
    assert.equal((await get(`/orders/${orderId}`))['userId'], userId)
  const users = new Set(round.promised.map((one) => one.userId))
  assert.equal(users.size, round.promised.length, 'no user was promised two')
  const shelf = await get(`/stock/${round.productId}`)
  const sold = stock - Number(shelf['remaining'])
  assert.ok(sold <= stock && sold >= round.promised.length, `${sold} sold`)
  assert.ok(sold <= round.promised.length + round.unknown, 'nothing was sold that nobody asked for')
  for (const userId of [...users].slice(0, 200)) {
    const { orders } = (await get(`/orders?userId=${userId}`)) as { orders: unknown[] }
    assert.equal(orders.length, 1, `${userId} has one order`)
  }
  return sold
}

test(
  `${rounds} times kill -9 in the middle of a sale lose nothing and oversell nothing`,
  { timeout: 60_000 + rounds * 30_000 },
  async (context) => {
    const chance = new SeededChance(Number(process.env['KILL_SEED'] ?? 1))
    const folder = temporaryFolder('kill')
    let platform = await startPlatform({ dataDir: folder.path })
    const done: Round[] = []
    try {
      for (let number = 1; number <= rounds; number++) {
        const round: Round = { productId: `kill-${number}`, promised: [], asked: 0, unknown: 0 }
        await createCampaign(platform, round.productId)
        let dead = false
        const buyers = Array.from({ length: workers }, (_, worker) =>
          buy(platform, round, worker, () => dead),
        )
        await pause(chance.integer(150, 900))
        // On a busy machine the first answer may take longer: a kill before it would prove nothing.
        for (let waits = 0; round.promised.length === 0 && waits < 500; waits++) await pause(20)
        const killed = platform.kill()
        dead = true
        await killed
        await Promise.all(buyers)
        platform = await startPlatform({ dataDir: folder.path })
        const sold = await judge(platform, round)
        done.push(round)
        context.diagnostic(
          `round ${number}: ${round.asked} asked, ${round.promised.length} promised, ${round.unknown} unknown, ${sold} sold, all promises kept`,
        )
      }
      for (const round of done) await judge(platform, round)
      assert.ok(
        done.every((round) => round.promised.length > 0),
        'every round sold something before it was killed',
      )
    } finally {
      await platform.kill()
      folder.remove()
    }
  },
)
