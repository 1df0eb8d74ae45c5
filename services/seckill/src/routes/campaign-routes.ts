import type { Request, Response } from '@spate/http/exchange'
import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import { spanNames } from '@spate/telemetry/names'
import { campaignJson, conflictAnswer, momentMs, refusal } from '../answers.ts'
import {
  changeBody,
  createBody,
  productParams,
  type ChangeBody,
  type CreateBody,
} from '../contract.ts'
import type { CampaignTerms } from '../domain/campaign.ts'
import type { Outcome } from '../domain/command.ts'
import { idempotencyKey, type Desk } from './desk.ts'

const defaultTtlMs = 900_000
const campaignPath = '/seckill/campaigns/{productId}'

/** Campaigns: made and changed by administrators, read by anybody. */
export function campaignRoutes(desk: Desk): Route[] {
  const act = (kind: 'pause' | 'resume' | 'close'): Route =>
    typedRoute({
      method: 'POST',
      path: `${campaignPath}/${kind}`,
      name: `${kind}Campaign`,
      summary: `${kind[0]?.toUpperCase()}${kind.slice(1)} a campaign; doing it again changes nothing`,
      admin: true,
      params: productParams,
      refusals: [401, 404, 409],
      handler: async (request, { params }) =>
        campaignAnswer(desk, request, await desk.ledger.run({ kind, ...params })),
    })
  return [
    typedRoute({
      method: 'POST',
      path: '/seckill/campaigns',
      name: 'createCampaign',
      summary: 'Make a campaign',
      admin: true,
      status: 201,
      body: createBody,
      refusals: [401, 409],
      handler: (request, { body }) => create(desk, request, body),
    }),
    typedRoute({
      method: 'PATCH',
      path: campaignPath,
      name: 'changeCampaign',
      summary: 'Change stock, window or limit',
      admin: true,
      params: productParams,
      body: changeBody,
      refusals: [401, 404, 409],
      handler: (request, { body, params }) => change(desk, request, params.productId, body),
    }),
    act('pause'),
    act('resume'),
    act('close'),
    ...readRoutes(desk),
  ]
}

function readRoutes(desk: Desk): Route[] {
  return [
    {
      method: 'GET',
      path: '/seckill/campaigns',
      name: 'listCampaigns',
      summary: 'The newest campaign of every product',
      handler: () => list(desk),
    },
    typedRoute({
      method: 'GET',
      path: campaignPath,
      name: 'getCampaign',
      summary: 'One campaign with its counters',
      params: productParams,
      refusals: [404],
      handler: (request, { params }) => {
        const campaign = desk.ledger.campaign(params.productId)
        return campaign
          ? jsonResponse(200, campaignJson(campaign, desk.ledger.now()))
          : refusal('product_not_found', request)
      },
    }),
    typedRoute({
      method: 'GET',
      path: '/seckill/stock/{productId}',
      name: 'getStock',
      summary: 'Units in all and left',
      params: productParams,
      refusals: [404],
      handler: (request, { params }) => stock(desk, request, params.productId),
    }),
  ]
}

/** The gate's figures, where the campaign has a gate at all. */
function gateTerms(
  { requireTicket, queue, proofBits, admitPerSecond }: CreateBody,
  { defaults }: Desk['gate'],
): Partial<CampaignTerms> {
  if (requireTicket !== true && queue !== true) return {}
  return {
    proofBits: proofBits ?? defaults.proofBits,
    admitPerSecond: admitPerSecond ?? defaults.admitPerSecond,
  }
}

async function create(desk: Desk, request: Request, body: CreateBody): Promise<Response> {
  const span = desk.tracer.startSpan(spanNames.seckillCreate, {}, request.context)
  span.setAttribute('product.id', body.productId)
  span.setAttribute('initial.stock', body.stock)
  try {
    const terms = {
      productId: body.productId,
      stock: body.stock,
      perUserLimit: body.perUserLimit ?? 1,
      startsAtMs: momentMs('startsAt', body.startsAt ?? null),
      endsAtMs: momentMs('endsAt', body.endsAt ?? null),
      reservationTtlMs: body.reservationTtlMs ?? defaultTtlMs,
      requireTicket: body.requireTicket ?? false,
      queue: body.queue ?? false,
      ...gateTerms(body, desk.gate),
    }
    const outcome = await desk.ledger.run({ kind: 'create', terms })
    return campaignAnswer(desk, request, outcome, 201)
  } finally {
    span.end()
  }
}

async function change(
  desk: Desk,
  request: Request,
  productId: string,
  body: ChangeBody,
): Promise<Response> {
  const { stockDelta, perUserLimit, startsAt, endsAt } = body
  const outcome = await desk.ledger.run({
    kind: 'change',
    productId,
    key: idempotencyKey(request),
    ...(stockDelta === undefined ? {} : { stockDelta }),
    ...(perUserLimit === undefined ? {} : { perUserLimit }),
    ...(startsAt === undefined ? {} : { startsAtMs: momentMs('startsAt', startsAt) }),
    ...(endsAt === undefined ? {} : { endsAtMs: momentMs('endsAt', endsAt) }),
  })
  return campaignAnswer(desk, request, outcome)
}

function campaignAnswer(desk: Desk, request: Request, outcome: Outcome, status = 200): Response {
  switch (outcome.kind) {
    case 'campaign':
      return jsonResponse(status, campaignJson(outcome.campaign, desk.ledger.now()))
    case 'conflict':
      return conflictAnswer(outcome.code, request)
    case 'not_found':
      return refusal('product_not_found', request)
    case 'reserved':
    case 'cart':
    case 'refused':
    case 'order':
    case 'expired':
      throw new Fault('internal', `an administrator's call came out as ${outcome.kind}`)
  }
}

/** What caches know a product's stock by. */
const stockTag = (productId: string): string => `stock:${encodeURIComponent(productId)}`

function list(desk: Desk): Response {
  const nowMs = desk.ledger.now()
  const newest = desk.ledger
    .campaigns()
    .filter((campaign) => desk.ledger.campaign(campaign.productId) === campaign)
  return jsonResponse(200, { campaigns: newest.map((campaign) => campaignJson(campaign, nowMs)) })
}

function stock(desk: Desk, request: Request, productId: string): Response {
  const span = desk.tracer.startSpan(spanNames.seckillGetStock, {}, request.context)
  span.setAttribute('product.id', productId)
  span.end()
  const campaign = desk.ledger.campaign(productId)
  if (!campaign) return refusal('product_not_found', request)
  return jsonResponse(
    200,
    {
      productId,
      total: campaign.total + campaign.adjusted,
      remaining: campaign.remaining,
      soldOut: campaign.remaining === 0,
      version: campaign.flagVersion,
      epoch: campaign.epoch,
    },
    // A second old at most, and known to a cache by name: whoever hears of a change can purge it.
    ['cache-control', 'public, max-age=1', 'cache-tag', stockTag(productId)],
  )
}
