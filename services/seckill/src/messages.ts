import type { Language } from '@spate/http/language'
import type { RefusalCode } from './domain/command.ts'

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
