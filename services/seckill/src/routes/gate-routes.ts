import type { Request, Response } from '@spate/http/exchange'
import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import { isoTime, refusal } from '../answers.ts'
import { productParams } from '../contract.ts'
import { closedReason, type Campaign } from '../domain/campaign.ts'
import {
  challengeBody,
  joinBody,
  queueQuery,
  reviewBody,
  ticketBody,
  type ChallengeBody,
  type ChallengeJson,
  type JoinBody,
  type ReviewJson,
  type TicketBody,
} from '../gate/contract.ts'
import type { RiskReview } from '../gate/risk-desk.ts'
import type { StockFlags } from '../gate/stock-flags.ts'
import { gateAnswer, type Desk } from './desk.ts'
import { queueJson, settled, ticketJson, unchanging } from './queue-view.ts'
import type { QueueStreams } from './queue-streams.ts'

const queuePath = '/seckill/queue/{productId}'
const noStore = ['cache-control', 'no-store']

/** Tickets, waiting rooms and the review list. */
export function gateRoutes(desk: Desk, streams: QueueStreams, flags: StockFlags): Route[] {
  return [
    ...ticketRoutes(desk),
    ...queueRoutes(desk, streams),
    ...reviewRoutes(desk),
    {
      method: 'GET',
      path: '/seckill/stock',
      name: 'listStock',
      summary: 'What is sold out; by events, as it changes, where text/event-stream is accepted',
      handler: (request) =>
        wantsEvents(request)
          ? flags.stream(request)
          : jsonResponse(200, { stock: flags.all() }, noStore),
    },
  ]
}

function wantsEvents(request: Request): boolean {
  return (request.headers.get('accept') ?? '').includes('text/event-stream')
}

function ticketRoutes(desk: Desk): Route[] {
  return [
    typedRoute({
      method: 'POST',
      path: '/seckill/challenges',
      name: 'challenge',
      summary: 'A proof of work to do, also before the start: for a ticket or a place in line',
      body: challengeBody,
      bytesMax: 4096,
      refusals: [401, 403, 404, 429],
      handler: (request, { body }) => challenge(desk, request, body),
    }),
    typedRoute({
      method: 'POST',
      path: '/seckill/tickets',
      name: 'ticket',
      summary: 'A challenge and its proof for a ticket, from the start on',
      body: ticketBody,
      bytesMax: 4096,
      refusals: [401, 403, 404, 429],
      handler: (request, { body }) => ticket(desk, request, body),
    }),
    {
      method: 'POST',
      path: '/seckill/ticket-keys/rotate',
      name: 'rotateTicketKey',
      summary: 'Sign with a new key; tickets of the key before it stay good, older ones do not',
      admin: true,
      refusals: [401, 409],
      handler: async () => {
        await desk.gate.office.rotate()
        return jsonResponse(200, { rotated: true }, noStore)
      },
    },
  ]
}

function queueRoutes(desk: Desk, streams: QueueStreams): Route[] {
  return [
    typedRoute({
      method: 'POST',
      path: queuePath,
      name: 'joinQueue',
      summary: 'Take a place in the waiting room; the same user has one place, whenever he asks',
      params: productParams,
      body: joinBody,
      bytesMax: 4096,
      refusals: [401, 403, 404, 429, 503],
      handler: (request, { params, body }) => join(desk, request, params.productId, body),
    }),
    typedRoute({
      method: 'GET',
      path: queuePath,
      name: 'getQueue',
      summary:
        'The place, and the ticket once let in; by events where text/event-stream is accepted',
      params: productParams,
      query: queueQuery,
      refusals: [401, 404, 503],
      handler: (request, { params, query }) =>
        watch({ desk, streams }, request, params.productId, query.userId),
    }),
    typedRoute({
      method: 'GET',
      path: `${queuePath}/draw`,
      name: 'getDraw',
      summary: "The draw's commitment, and its seed once it was made: for anyone to verify",
      params: productParams,
      refusals: [404, 503],
      handler: async (request, { params }) => {
        const campaign = queued(desk, params.productId)
        return campaign
          ? jsonResponse(200, await desk.gate.rooms.published(campaign), noStore)
          : refusal('product_not_found', request)
      },
    }),
  ]
}

function reviewRoutes(desk: Desk): Route[] {
  return [
    {
      method: 'GET',
      path: '/seckill/risk/reviews',
      name: 'listRiskReviews',
      summary: 'Users whose attempts looked like a machine, with reasons, newest first',
      admin: true,
      refusals: [401],
      handler: () => {
        const reviews = desk.gate.risk?.reviews() ?? []
        return jsonResponse(200, { reviews: reviews.map(reviewJson) }, noStore)
      },
    },
    typedRoute({
      method: 'POST',
      path: '/seckill/risk/reviews',
      name: 'decideRiskReview',
      summary: 'Allow, hold or deny a user whatever the rules say, until the next start',
      admin: true,
      body: reviewBody,
      refusals: [401, 409],
      handler: (_request, { body }) => {
        const { risk } = desk.gate
        if (!risk) throw new Fault('conflict', 'the setting risk is off: nothing is decided by it')
        const review = risk.decide(body.userId, body.verdict)
        return jsonResponse(200, review ? reviewJson(review) : body, noStore)
      },
    }),
  ]
}

/** The user behind a call of the gate's own, or the answer that refuses him. */
async function caller(
  { gate }: Desk,
  request: Request,
  named: string | undefined,
  productId: string,
): Promise<string | Response> {
  const early = gate.arrive(request)
  if (early) return gateAnswer(early, request)
  const userId = await gate.identity(request, named)
  const refused = gate.ask(request, userId, [productId])
  return refused ? gateAnswer(refused, request) : userId
}

async function challenge(desk: Desk, request: Request, body: ChallengeBody): Promise<Response> {
  const userId = await caller(desk, request, body.userId, body.productId)
  if (typeof userId !== 'string') return userId
  const campaign = desk.ledger.campaign(body.productId)
  if (!campaign) return refusal('product_not_found', request)
  const nowMs = desk.ledger.now()
  if (closedReason(campaign, nowMs) === 'ended') return refusal('ended', request)
  const task = desk.gate.office.challenge(campaign, userId, nowMs)
  const answer: ChallengeJson = {
    challenge: task.challenge,
    algorithm: 'SHA-256',
    bits: task.bits,
    expiresAt: isoTime(task.expiresMs),
  }
  return jsonResponse(200, answer, noStore)
}

async function ticket(desk: Desk, request: Request, body: TicketBody): Promise<Response> {
  const userId = await caller(desk, request, body.userId, body.productId)
  if (typeof userId !== 'string') return userId
  const campaign = desk.ledger.campaign(body.productId)
  if (!campaign) return refusal('product_not_found', request)
  const nowMs = desk.ledger.now()
  const closed = closedReason(campaign, nowMs)
  // The proof is not used up: the same one brings the ticket once the sale has started.
  if (closed === 'not_started')
    return refusal(closed, request, { notBefore: isoTime(campaign.startsAtMs) })
  if (closed) return refusal(closed, request)
  const { productId } = campaign
  if (campaign.queue)
    return refusal('ticket_required', request, {
      queue: `/seckill/queue/${encodeURIComponent(productId)}`,
    })
  const { office } = desk.gate
  const number = office.solved(campaign, userId, body, nowMs)
  if (number === undefined) throw unproven()
  const issued = office.issue(campaign, userId, number, nowMs)
  return jsonResponse(200, ticketJson(issued), noStore)
}

async function join(
  desk: Desk,
  request: Request,
  productId: string,
  body: JoinBody,
): Promise<Response> {
  const userId = await caller(desk, request, body.userId, productId)
  if (typeof userId !== 'string') return userId
  const campaign = queued(desk, productId)
  if (!campaign) return refusal('product_not_found', request)
  const nowMs = desk.ledger.now()
  if (closedReason(campaign, nowMs) === 'ended') return refusal('ended', request)
  const { office, rooms } = desk.gate
  const proven = (): boolean => {
    const { challenge: task = '', proof = '' } = body
    return office.solved(campaign, userId, { challenge: task, proof }, nowMs) !== undefined
  }
  const known = await rooms.find(campaign, userId)
  if (!known && campaign.proofBits > 0 && !proven()) throw unproven()
  await rooms.join(campaign, userId)
  return jsonResponse(200, await queueJson(desk, campaign, userId), noStore)
}

async function watch(
  { desk, streams }: { readonly desk: Desk; readonly streams: QueueStreams },
  request: Request,
  productId: string,
  named: string | undefined,
): Promise<Response> {
  const campaign = queued(desk, productId)
  if (!campaign) return refusal('product_not_found', request)
  // Without a user it tells how long the line is.
  const userId =
    named === undefined && desk.gate.anonymous
      ? undefined
      : await desk.gate.identity(request, named)
  if (!wantsEvents(request))
    return jsonResponse(200, await queueJson(desk, campaign, userId), noStore)
  return streams.answer(request, 'position', async () => {
    // A campaign of the product that began anew is another line.
    const data = await queueJson(desk, queued(desk, productId) ?? campaign, userId)
    return { data, key: unchanging(data), last: settled.has(data.status) }
  })
}

/** The product's campaign where it has a waiting room; undefined where there is none at all. */
function queued(desk: Desk, productId: string): Readonly<Campaign> | undefined {
  const campaign = desk.ledger.campaign(productId)
  if (campaign && !campaign.queue) throw new Fault('not_found', 'this sale has no waiting room')
  return campaign
}

function unproven(): Fault {
  return new Fault('invalid_field', undefined, {
    fields: [
      {
        field: 'proof',
        expected: 'a proof for a challenge that was given to this user for this product, in time',
      },
    ],
  })
}

function reviewJson({ atMs, ...review }: RiskReview): ReviewJson {
  return { ...review, at: isoTime(atMs) }
}
