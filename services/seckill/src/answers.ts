import type { PreparedResponse, Request, Response } from '@spate/http/exchange'
import { languageOf, type Language } from '@spate/http/language'
import { problem, problemType, traceIdOf } from '@spate/http/problem'
import { Fault } from '@spate/runtime/fault'
import type { CampaignJson, Moment, OrderJson } from './contract.ts'
import { closedReason, type Campaign } from './domain/campaign.ts'
import type { ConflictCode, OrderView } from './domain/command.ts'
import { refusals, textOf } from './messages.ts'

/** Any refusal's code. */
export type AnyRefusal = keyof typeof refusals

/** The language the caller of `request` prefers. */
export function languageFor(request: Pick<Request, 'headers'>): Language {
  return languageOf(request.headers.get('accept-language'))
}

/** A refusal as problem+json, with `success: false`, `code` and `message` in the caller's language. */
export function refusal(
  code: AnyRefusal,
  request: Request,
  extra: Readonly<Record<string, unknown>> = {},
  retryAfterSeconds: number | undefined = refusals[code].retryAfterSeconds,
): Response {
  const kind = refusals[code]
  const traceId = traceIdOf(request.span)
  const headers = ['content-type', problemType, 'cache-control', 'no-store']
  if (retryAfterSeconds !== undefined)
    headers.push('retry-after', String(Math.max(1, Math.ceil(retryAfterSeconds))))
  const body = JSON.stringify({
    ...refusalMembers(code, languageFor(request)),
    ...extra,
    ...(traceId === undefined ? {} : { traceId }),
  })
  return { status: kind.status, headers, body, errorType: code }
}

function refusalMembers(code: AnyRefusal, language: Language): Record<string, unknown> {
  const kind = refusals[code]
  const message = textOf(kind, language)
  return {
    type: `/problems/${code}`,
    title: kind.en,
    status: kind.status,
    detail: message,
    success: false,
    code,
    message,
  }
}

/** What a fault becomes in the sale's own words: always `success: false`, `code`, `message`. */
export function faultAnswer(fault: Fault, request: Request): Response {
  const code = codeOf(fault)
  const kind = code in refusals ? refusals[code as AnyRefusal] : undefined
  const message = kind ? textOf(kind, languageFor(request)) : fault.message
  const retry = fault.status === 503 && fault.retryAfterSeconds === undefined
  return problem(fault, request, {
    members: { success: false, code, message, type: `/problems/${code}` },
    ...(retry ? { headers: ['retry-after', '5'] } : {}),
  })
}

function codeOf(fault: Fault): string {
  if (fault.code === 'invalid_field') return 'invalid_request'
  return fault.code === 'disk_full' || fault.code === 'disk_failed'
    ? 'store_unavailable'
    : fault.code
}

const traceIdLength = 32

/**
 * The sold-out answer, made once a language: what is left to do for a request is to copy about 200
 * bytes and write its trace id into them.
 */
export class SoldOutAnswer {
  readonly #route: string
  readonly #byLanguage: Readonly<Record<Language, Template>>

  constructor(route: string) {
    this.#route = route
    this.#byLanguage = { en: template('en'), 'zh-CN': template('zh-CN') }
  }

  /** The answer to `request`. */
  to(request: Request): PreparedResponse | Response {
    const traceId = traceIdOf(request.span)
    if (traceId === undefined) return refusal('sold_out', request)
    const { head, body, at } = this.#byLanguage[languageFor(request)]
    const bytes = Buffer.from(body)
    bytes.write(traceId, at, 'latin1')
    return {
      status: 409,
      head,
      body: bytes,
      route: this.#route,
      response: () => refusal('sold_out', request),
    }
  }
}

interface Template {
  readonly head: Uint8Array
  readonly body: Buffer
  /** Where the trace id goes. */
  readonly at: number
}

function template(language: Language): Template {
  const hole = '0'.repeat(traceIdLength)
  const text = JSON.stringify({ ...refusalMembers('sold_out', language), traceId: hole })
  const body = Buffer.from(text)
  const head = Buffer.from(
    `HTTP/1.1 409 Conflict\r\ncontent-type: ${problemType}\r\n` +
      `cache-control: no-store\r\ncontent-length: ${body.length}\r\n`,
  )
  return { head, body, at: body.lastIndexOf(hole) }
}

const conflictTexts: Readonly<Record<ConflictCode, string>> = {
  campaign_exists: 'the product has a campaign that is not over; close it first',
  campaign_closed: 'the campaign is closed',
  below_sold: 'the stock cannot be less than what is sold or reserved',
  stock_limit: 'the stock cannot be more than 1,000,000,000',
  campaign_limit: 'there are as many campaigns as the settings allow',
  already_paid: 'the order is paid already',
  not_cancellable: 'the order cannot be cancelled any more',
  idempotency_mismatch: 'this Idempotency-Key was used with another body',
  invalid_window: 'endsAt must be later than startsAt',
}

/** An administrator's call that the campaign's state does not allow. */
export function conflictAnswer(code: ConflictCode, request: Request): Response {
  const mismatch = code === 'idempotency_mismatch' || code === 'invalid_window'
  const fault = new Fault(mismatch ? 'invalid_field' : 'conflict', conflictTexts[code])
  const members = { success: false, code, message: conflictTexts[code], type: `/problems/${code}` }
  return problem(fault, request, { members })
}

/** A moment in UTC: `2026-11-23T09:00:00.000Z`; the last one made is kept, since many are equal. */
export function isoTime(ms: number): string {
  if (ms !== lastMs) {
    lastIso = new Date(ms).toISOString()
    lastMs = ms
  }
  return lastIso
}

let lastMs = 0
let lastIso = '1970-01-01T00:00:00.000Z'

/** A campaign for callers. */
export function campaignJson(campaign: Readonly<Campaign>, nowMs: number): CampaignJson {
  const closed = closedReason(campaign, nowMs)
  const status =
    campaign.state === 'closed'
      ? 'closed'
      : closed === 'not_started'
        ? 'scheduled'
        : (closed ?? 'open')
  return {
    productId: campaign.productId,
    epoch: campaign.epoch,
    status,
    stock: campaign.total,
    adjusted: campaign.adjusted,
    remaining: campaign.remaining,
    reserved: campaign.reserved,
    paid: campaign.paid,
    returned: campaign.returned,
    sold: campaign.reserved + campaign.paid,
    orders: campaign.orders,
    soldOut: campaign.remaining === 0,
    flagVersion: campaign.flagVersion,
    perUserLimit: campaign.perUserLimit,
    startsAt: campaign.startsAtMs === 0 ? null : isoTime(campaign.startsAtMs),
    endsAt: campaign.endsAtMs === 0 ? null : isoTime(campaign.endsAtMs),
    reservationTtlMs: campaign.reservationTtlMs,
    requireTicket: campaign.requireTicket,
    queue: campaign.queue,
    proofBits: campaign.proofBits,
    admitPerSecond: campaign.admitPerSecond,
    createdAt: isoTime(campaign.createdAtMs),
  }
}

/** An order for callers. */
export function orderJson(order: OrderView): OrderJson {
  return {
    orderId: order.orderId,
    userId: order.userId,
    productId: order.productId,
    quantity: order.quantity,
    status: order.status,
    createdAt: isoTime(order.createdAtMs),
    expiresAt: isoTime(order.expiresAtMs),
    ...(order.paymentId === '' ? {} : { paymentId: order.paymentId }),
    ...(order.cartId === '' ? {} : { cartId: order.cartId }),
  }
}

/** Ms since the epoch of a moment as callers write it; 0 for null. Throws `invalid_field`. */
export function momentMs(field: string, value: Moment): number {
  if (value === null) return 0
  const ms = typeof value === 'number' ? value : Date.parse(value)
  if (Number.isFinite(ms) && ms >= 0) return ms
  throw new Fault('invalid_field', undefined, {
    fields: [
      {
        field,
        value: String(value),
        expected: 'a moment like 2026-11-23T09:00:00Z, or ms since 1970',
      },
    ],
  })
}

/** What `/problems/{code}` says of a code of the sale; undefined where it is none. */
export function refusalText(code: string): string | undefined {
  if (Object.hasOwn(conflictTexts, code))
    return `${code} (status 409)\n\n${conflictTexts[code as ConflictCode]}\n`
  if (!Object.hasOwn(refusals, code)) return undefined
  const { status, en, zh } = refusals[code as AnyRefusal]
  return `${code} (status ${status})\n\n${en}. ${zh}\n`
}
