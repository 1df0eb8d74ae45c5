import type { RefusalCode } from './domain/command.ts'

/** A language answers are written in. */
export type Language = 'zh-CN' | 'en'

/** A refusal as callers see it. */
export interface RefusalKind {
  readonly status: number
  readonly en: string
  readonly zh: string
  /** Seconds after which to try again. */
  readonly retryAfterSeconds?: number
}

/** Every refusal with its status and its texts. */
export const refusals: Readonly<
  Record<
    RefusalCode | 'rate_limited' | 'store_unavailable' | 'invalid_request' | 'denied' | 'held',
    RefusalKind
  >
> = {
  sold_out: { status: 409, en: 'Sold out', zh: '库存不足' },
  limit_reached: {
    status: 409,
    en: 'You have bought as many as one buyer may',
    zh: '已达购买上限',
  },
  duplicate_request: {
    status: 409,
    en: 'Your last request for this product is still under way',
    zh: '请勿重复提交',
  },
  product_not_found: { status: 404, en: 'There is no such product on sale', zh: '商品不存在' },
  not_started: { status: 403, en: 'The sale has not started yet', zh: '活动未开始' },
  ended: { status: 403, en: 'The sale is over', zh: '活动已结束' },
  paused: { status: 403, en: 'The sale is paused', zh: '活动已暂停' },
  ticket_required: { status: 403, en: 'This sale needs a ticket', zh: '需要购买凭证' },
  ticket_invalid: {
    status: 403,
    en: 'The ticket is not valid for this purchase',
    zh: '购买凭证无效',
  },
  denied: { status: 403, en: 'This purchase was refused as automated', zh: '请求被风控拒绝' },
  held: { status: 403, en: 'This purchase needs a review first', zh: '请求正在审核' },
  idempotency_mismatch: {
    status: 422,
    en: 'This Idempotency-Key was used with another body',
    zh: '幂等键与请求内容不符',
  },
  invalid_request: { status: 422, en: 'The request is not valid', zh: '请求参数有误' },
  rate_limited: {
    status: 429,
    en: 'Too many requests',
    zh: '请求过于频繁',
    retryAfterSeconds: 1,
  },
  overloaded: { status: 503, en: 'Too busy to answer now', zh: '系统繁忙', retryAfterSeconds: 1 },
  store_unavailable: {
    status: 503,
    en: 'The sale cannot be written down now',
    zh: '系统暂不可用',
    retryAfterSeconds: 5,
  },
}

/** What a successful purchase says. */
export const purchased: Readonly<Record<Language, string>> = {
  'zh-CN': '秒杀成功',
  en: 'Reserved for you',
}

/** The text of `kind` in `language`. */
export function textOf(kind: RefusalKind, language: Language): string {
  return language === 'en' ? kind.en : kind.zh
}

const known = new Map<string, Language>()
const knownMax = 256

/**
 * The language a caller prefers, by Accept-Language (RFC 9110 section 12.5.4): Chinese where it is
 * wanted at least as much as English, else English.
 */
export function languageOf(accept: string | undefined): Language {
  if (accept === undefined || accept === '') return 'en'
  let language = known.get(accept)
  if (!language) {
    language = weigh(accept)
    if (known.size < knownMax) known.set(accept, language)
  }
  return language
}

function weigh(accept: string): Language {
  let chinese = 0
  let english = 0
  for (const [order, part] of accept.slice(0, 1000).split(',').entries()) {
    const match = /^\s*([a-z*]+)(?:-[\w-]+)?\s*(?:;\s*q=([\d.]+))?\s*$/i.exec(part)
    if (!match) continue
    // Of equal weights the one named first is meant.
    const weight = Number(match[2] ?? 1) - order * 1e-6
    const name = match[1]?.toLowerCase()
    if (name === 'zh') chinese = Math.max(chinese, weight)
    if (name === 'en') english = Math.max(english, weight)
  }
  return chinese > 0 && chinese >= english ? 'zh-CN' : 'en'
}
