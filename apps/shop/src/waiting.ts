import type { Context } from '@opentelemetry/api'
import type { BodyStream } from '@spate/http/exchange'
import { numberOf, textOf, timeOf, type Upstream, type UpstreamAnswer } from './upstream.ts'

/** How it stands with a visitor in the waiting room; seckill's words. */
export type WaitingStatus =
  | 'not_joined'
  | 'before_start'
  | 'waiting'
  | 'sold_out'
  | 'paused'
  | 'admitted'
  | 'ended'

const statuses: readonly WaitingStatus[] = [
  'not_joined',
  'before_start',
  'waiting',
  'sold_out',
  'paused',
  'admitted',
  'ended',
]

/** A visitor's place in the waiting room. */
export interface Waiting {
  readonly status: WaitingStatus
  /** People who joined, ever. */
  readonly people: number
  /** People let in, ever. */
  readonly admitted: number
  /** People to be let in before; undefined before the draw. */
  readonly ahead: number | undefined
  /** Place in line from 0; undefined before the draw. */
  readonly place: number | undefined
  readonly etaMs: number | undefined
  readonly startsAtMs: number | undefined
  /** SHA-256 of the draw's seed. */
  readonly commitment: string
  /** Undefined until the visitor is let in. */
  readonly ticket: string | undefined
}

/** A proof of work as the browser must find it. */
export interface Task {
  readonly challenge: string
  readonly bits: number
}

/** Longest time one stream of events is passed on, ms; the browser then asks again by itself. */
const streamMs = 60_000

/** The waiting room as the shop sees it. */
export class WaitingRoom {
  readonly #upstream: Upstream
  readonly #timeoutMs: number

  constructor(upstream: Upstream, timeoutMs: number) {
    this.#upstream = upstream
    this.#timeoutMs = timeoutMs
  }

  /** Where `userId` stands; undefined where the product has no waiting room. */
  async look(productId: string, userId: string, context: Context): Promise<Waiting | undefined> {
    const answer = await this.#upstream.call(pathOf(productId, userId), {
      timeoutMs: this.#timeoutMs,
      context,
      template: '/seckill/queue/{productId}',
    })
    return answer.status === 200 ? waitingOf(answer) : undefined
  }

  /** Takes a place; false where seckill wants a proof of work first. Joining twice is joining once. */
  async join(
    productId: string,
    userId: string,
    proof: { readonly challenge: string; readonly proof: string } | undefined,
    context: Context,
  ): Promise<boolean> {
    const answer = await this.#upstream.call(`/seckill/queue/${encodeURIComponent(productId)}`, {
      method: 'POST',
      body: { userId, ...proof },
      timeoutMs: this.#timeoutMs,
      context,
      template: '/seckill/queue/{productId}',
    })
    return answer.status === 200
  }

  /** A proof of work for `userId` to do; undefined where there is none to be had. */
  async task(productId: string, userId: string, context: Context): Promise<Task | undefined> {
    const answer = await this.#upstream.call('/seckill/challenges', {
      method: 'POST',
      body: { userId, productId },
      timeoutMs: this.#timeoutMs,
      context,
    })
    if (answer.status !== 200) return undefined
    const bits = numberOf(answer.value, 'bits') ?? 0
    return { challenge: textOf(answer.value, 'challenge'), bits }
  }

  /** The visitor's place as server-sent events, for a minute. Throws where there is no stream. */
  stream(
    productId: string,
    userId: string,
    call: { readonly context: Context; readonly signal: AbortSignal },
  ): Promise<BodyStream> {
    return this.#upstream.stream(pathOf(productId, userId), {
      ...call,
      headers: { accept: 'text/event-stream' },
      timeoutMs: streamMs,
      template: '/seckill/queue/{productId}',
    })
  }
}

const pathOf = (productId: string, userId: string): string =>
  `/seckill/queue/${encodeURIComponent(productId)}?userId=${encodeURIComponent(userId)}`

function waitingOf({ value }: UpstreamAnswer): Waiting {
  const status = statuses.find((each) => each === textOf(value, 'status')) ?? 'not_joined'
  return {
    status,
    people: numberOf(value, 'people') ?? 0,
    admitted: numberOf(value, 'admitted') ?? 0,
    ahead: numberOf(value, 'ahead'),
    place: numberOf(value, 'place'),
    etaMs: numberOf(value, 'etaMs'),
    startsAtMs: timeOf(value, 'startsAt'),
    commitment: textOf(value, 'commitment'),
    ticket: textOf(value, 'ticket') || undefined,
  }
}
