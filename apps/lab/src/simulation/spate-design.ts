import { EmbeddedLedger } from '@spate/seckill/embedded-ledger'
import type { Ledger } from '@spate/seckill/ledger'
import { silentLog } from '@spate/runtime/log'

import type { Answer, OnSale } from '../checker/history.ts'
import type { Ask, Design, Seller, Surroundings } from './design.ts'
import { mutatedClock, mutatedDisk, type MutationName } from './mutations.ts'

type Outcome = Awaited<ReturnType<Ledger['purchase']>>

const folder = '/sale'

/** The product: the real ledger over the simulated disk, clock and chance. */
export function spateDesign(mutation?: MutationName): Design {
  return {
    name: mutation ? `spate without: ${mutation}` : 'spate',
    open: async (around) => {
      const ledger = await openLedger(around, mutation)
      await putOnSale(ledger, around, mutation)
      const rival =
        mutation === 'ignore-lock' && around.lives > 0
          ? await openLedger(around, mutation)
          : undefined
      return sellerOf(ledger, rival, { around, mutation })
    },
  }
}

function openLedger(around: Surroundings, mutation?: MutationName): Promise<EmbeddedLedger> {
  const clock = mutatedClock(around.clock, mutation)
  return EmbeddedLedger.open({
    folder,
    clock,
    log: silentLog,
    disk: mutatedDisk(around.disk, mutation),
    chance: around.chance,
    turn: (task) => void clock.after(0, task),
    crash: around.crash,
    expireEveryMs: mutation === 'no-expiry' ? 1e9 : 200,
    snapshotEvents: 12,
    recordBytesEarly: 150,
    limits: { ordersMax: 1000, usersMax: 1000, campaignsMax: 10, refusedKeysMax: 1000 },
  })
}

async function putOnSale(
  ledger: EmbeddedLedger,
  around: Surroundings,
  mutation: MutationName | undefined,
): Promise<void> {
  for (const { productId, stock, perUserLimit, startsAtMs, endsAtMs } of around.products) {
    const campaign = ledger.campaign(productId)
    if (!campaign)
      await ledger.run({
        kind: 'create',
        terms: {
          productId,
          stock,
          perUserLimit: mutation === 'no-limit' ? 1_000_000 : perUserLimit,
          startsAtMs,
          endsAtMs,
          reservationTtlMs: around.reservationTtlMs,
          requireTicket: false,
          queue: false,
        },
      })
    else if (mutation === 'refill-on-restart' && campaign.remaining < stock)
      await ledger.run({ kind: 'change', productId, stockDelta: stock - campaign.remaining })
  }
}

interface Wiring {
  readonly around: Surroundings
  readonly mutation: MutationName | undefined
}

function sellerOf(
  ledger: EmbeddedLedger,
  rival: EmbeddedLedger | undefined,
  { around, mutation }: Wiring,
): Seller {
  const soldOut = new Set<string>()
  return {
    handle: async (ask) => {
      if (mutation === 'sticky-sold-out' && ask.kind === 'purchase' && soldOut.has(ask.productId))
        return { kind: 'refused', code: 'sold_out' }
      const target = rival && around.chance.integer(0, 1) === 1 ? rival : ledger
      const answer = await answerOf(target, ask, mutation)
      if (answer.kind === 'refused' && answer.code === 'sold_out') soldOut.add(ask.productId)
      return answer
    },
    orders: (userIds) => userIds.flatMap((userId) => ledger.ordersOf(userId, 1000)),
    counters: (productId): OnSale['counters'] => ledger.campaign(productId),
  }
}

async function answerOf(
  ledger: EmbeddedLedger,
  ask: Ask,
  mutation: MutationName | undefined,
): Promise<Answer> {
  const { userId, productId, quantity, orderId, paymentId } = ask
  if (ask.kind === 'purchase') {
    const key = mutation === 'forget-key' ? '' : ask.key
    return shown(ledger, await ledger.purchase({ userId, productId, quantity, key, ticket: '' }))
  }
  if (ask.kind === 'pay')
    return shown(ledger, await ledger.run({ kind: 'pay', orderId, paymentId, userId }))
  const owner = mutation === 'ignore-owner' ? {} : { userId }
  return shown(ledger, await ledger.run({ kind: 'cancel', orderId, ...owner }))
}

function shown(ledger: EmbeddedLedger, outcome: Outcome): Answer {
  if (outcome.kind === 'reserved') return { kind: 'reserved', orderId: outcome.orderId }
  if (outcome.kind === 'refused') return { kind: 'refused', code: outcome.code }
  if (outcome.kind === 'order') return { kind: 'order', status: ledger.view(outcome.slot).status }
  return { kind: 'refused', code: outcome.kind }
}
