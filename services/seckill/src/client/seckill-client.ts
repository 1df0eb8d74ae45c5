import { createClient, type Client } from '@spate/http/client'
import type { ClientResponse } from '@spate/http/client-response'
import { systemChance, uuidv7, type Chance } from '@spate/runtime/chance'
import { systemClock, type Clock } from '@spate/runtime/clock'
import { Fault, faultKinds, type FaultCode } from '@spate/runtime/fault'
import type { OrderJson, PurchaseJson } from '../contract.ts'
import { eventsOf } from './event-stream.ts'

/** How to reach the flash sale. */
export interface SeckillClientOptions {
  /** Where it answers: `http://127.0.0.1:8081`. */
  readonly url: string
  readonly clock?: Clock
  readonly chance?: Chance
  /** Time a call may take, all its tries included, ms. Default 10,000. */
  readonly timeoutMs?: number
  /** Time one try may take, ms. Default 3,000. */
  readonly tryMs?: number
  /** `zh-CN` or `en`: the language of messages. */
  readonly language?: string
}

/** One purchase. */
export interface Purchase {
  readonly userId: string
  readonly productId: string
  readonly quantity?: number
  /** The same key is the same purchase. Default: a new one, kept for all tries of this call. */
  readonly key?: string
  readonly ticket?: string
}

/** A refusal of the sale: an answer, no failure. */
export interface Refused {
  readonly kind: 'refused'
  /** `sold_out`, `limit_reached`, `not_started` ... */
  readonly code: string
  readonly message: string
  /** Seconds after which it may be otherwise; undefined where nothing was said. */
  readonly retryAfterSeconds: number | undefined
}

/** What a purchase came to. */
export type PurchaseOutcome =
  | (Refused & { readonly key: string })
  | (PurchaseJson & { readonly kind: 'reserved'; readonly key: string })

/** What a payment or a cancellation came to; `refund` names money that goes back. */
export type OrderOutcome =
  | Refused
  | {
      readonly kind: 'order'
      readonly order: OrderJson & { readonly refund?: { readonly paymentId: string } }
    }

interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly template: string
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  /** Time beyond a try's own that the server may wait, ms. */
  readonly waitMs?: number
}

/** Refusals that another try with the same key may turn: the first one is still under way, or nothing was decided. */
const again: ReadonlySet<string> = new Set(['duplicate_request', 'overloaded', 'rate_limited'])

/**
 * The flash sale for programs. A call whose answer never came is UNKNOWN: it is asked again with the
 * same key until there is an answer or the time is over, and buys once.
 */
export class SeckillClient {
  readonly #options: SeckillClientOptions
  readonly #clock: Clock
  readonly #chance: Chance
  readonly #client: Client
  readonly #url: string

  constructor(options: SeckillClientOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#chance = options.chance ?? systemChance
    this.#client = createClient({ clock: this.#clock })
    this.#url = options.url.replace(/\/+$/, '')
  }

  /** Reserves units. Throws where the time is over without an answer: ask again with the same `key`. */
  async purchase(purchase: Purchase): Promise<PurchaseOutcome> {
    const { ticket, key = uuidv7(this.#clock.now()), ...body } = purchase
    const path = '/seckill/purchase'
    const headers = { 'idempotency-key': key, ...(ticket && { 'seckill-ticket': ticket }) }
    const { ok, value } = await this.#ask({ method: 'POST', path, template: path, body, headers })
    return ok
      ? { kind: 'reserved', key, ...(value as unknown as PurchaseJson) }
      : { ...(value as Refused), key }
  }

  /** Tells that an order was paid; twice with one payment id is once. */
  async pay(orderId: string, paymentId: string, userId?: string): Promise<OrderOutcome> {
    return await this.#order(orderId, 'pay', { paymentId, ...(userId && { userId }) })
  }

  /** Gives an order up; a paid one is refunded. */
  async cancel(orderId: string, userId?: string): Promise<OrderOutcome> {
    return await this.#order(orderId, 'cancel', { ...(userId && { userId }) })
  }

  /** The order; undefined where there is none. With `after`, once it left that status, at most `waitMs` later. */
  async order(
    orderId: string,
    wait: { readonly after?: OrderJson['status']; readonly waitMs?: number } = {},
  ): Promise<OrderJson | undefined> {
    const { after, waitMs = 0 } = wait
    const query = `?wait=${waitMs}${after === undefined ? '' : `&after=${after}`}`
    const path = `/seckill/orders/${encodeURIComponent(orderId)}${query}`
    const call: Call = { method: 'GET', path, template: '/seckill/orders/{orderId}', waitMs }
    const { ok, value } = await this.#ask(call)
    if (ok) return value as unknown as OrderJson
    if ((value as Refused).code === 'not_found') return undefined
    throw new Fault('bad_gateway', (value as Refused).message)
  }

  /** The order now and after each change, over broken connections, until it is final or `signal` aborts. */
  async *watch(orderId: string, signal?: AbortSignal): AsyncGenerator<OrderJson, void, undefined> {
    let lastId = ''
    for (let failures = 0; ;) {
      if (signal?.aborted) return
      try {
        const response = await this.#client.fetch(
          `${this.#url}/seckill/orders/${encodeURIComponent(orderId)}/events`,
          {
            headers: lastId === '' ? {} : { 'last-event-id': lastId },
            // A stream may stay open for as long as a buyer may take to pay.
            timeoutMs: 86_400_000,
            template: '/seckill/orders/{orderId}/events',
            ...(signal && { signal }),
          },
        )
        if (response.status === 204) return await response.discard()
        if (!response.ok) throw await failureOf(response)
        for await (const { id, data } of eventsOf(response.stream())) {
          failures = 0
          lastId = id
          yield JSON.parse(data) as OrderJson
        }
      } catch (caught) {
        const fault = Fault.from(caught)
        if (signal?.aborted) return
        if (!fault.retryable) throw fault
      }
      await this.#pause(failures++, undefined, signal)
    }
  }

  /** Waits for calls under way, then lets go of its connections. */
  async close(): Promise<void> {
    await this.#client.close()
  }

  async #order(orderId: string, verb: 'pay' | 'cancel', body: object): Promise<OrderOutcome> {
    const path = `/seckill/orders/${encodeURIComponent(orderId)}/${verb}`
    const template = `/seckill/orders/{orderId}/${verb}`
    const { ok, value } = await this.#ask({ method: 'POST', path, template, body })
    return ok ? { kind: 'order', order: value as unknown as OrderJson } : (value as Refused)
  }

  /** Asks until there is an answer. Throws `upstream_timeout` or the last fault where the time is over. */
  async #ask(call: Call): Promise<{ readonly ok: boolean; readonly value: object }> {
    const { timeoutMs = 10_000, tryMs = 3000 } = this.#options
    const { waitMs = 0 } = call
    const endMs = this.#clock.elapsed() + timeoutMs + waitMs
    for (let failures = 0; ; failures++) {
      const leftMs = endMs - this.#clock.elapsed()
      let fault: Fault | undefined
      let retryAfterSeconds: number | undefined
      try {
        const response = await this.#once(call, Math.min(leftMs, tryMs + waitMs))
        if (response.ok) return { ok: true, value: (await response.json()) as object }
        const refused = await refusedOf(response)
        if (!again.has(refused.code) && response.status < 500) return { ok: false, value: refused }
        retryAfterSeconds = refused.retryAfterSeconds
        fault = faultOf(response.status, refused)
        if (again.has(refused.code) && this.#late(endMs, failures, retryAfterSeconds))
          return { ok: false, value: refused }
      } catch (caught) {
        fault = Fault.from(caught)
      }
      if (!fault.retryable && fault.code !== 'upstream_timeout' && fault.code !== 'conflict')
        throw fault
      if (this.#late(endMs, failures, retryAfterSeconds)) throw fault
      await this.#pause(failures, retryAfterSeconds)
    }
  }

  #late(endMs: number, failures: number, retryAfterSeconds: number | undefined): boolean {
    return this.#clock.elapsed() + pauseMsMax(failures, retryAfterSeconds) >= endMs
  }

  #once(call: Call, timeoutMs: number): Promise<ClientResponse> {
    const { method, path, template, body, headers } = call
    const { language } = this.#options
    return this.#client.fetch(this.#url + path, {
      method,
      template,
      timeoutMs,
      headers: {
        ...headers,
        ...(language && { 'accept-language': language }),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
  }

  /** Waits as long as the server said, or by growing pauses with full jitter. */
  async #pause(failures: number, seconds: number | undefined, signal?: AbortSignal): Promise<void> {
    const most = pauseMsMax(failures, seconds)
    const ms = seconds === undefined ? most * this.#chance.float() : most
    await this.#clock.sleep(ms, signal).catch(() => {})
  }
}

function pauseMsMax(failures: number, retryAfterSeconds: number | undefined): number {
  return retryAfterSeconds === undefined
    ? Math.min(2000, 50 * 2 ** Math.min(failures, 10))
    : retryAfterSeconds * 1000
}

async function refusedOf(response: ClientResponse): Promise<Refused> {
  const retry = response.headers.get('retry-after')
  const retryAfterSeconds = retry === undefined ? undefined : Number(retry)
  const said = (await response.text().then(parsed)) as { code?: string; message?: string }
  const { code = '', message = '' } = said
  return { kind: 'refused', code, message, retryAfterSeconds }
}

async function failureOf(response: ClientResponse): Promise<Fault> {
  return faultOf(response.status, await refusedOf(response))
}

function faultOf(status: number, { code, message }: Refused): Fault {
  const known = Object.hasOwn(faultKinds, code) ? (code as FaultCode) : undefined
  return new Fault(known ?? (status >= 500 ? 'bad_gateway' : 'conflict'), message || undefined)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A proxy's page, say: the status is all there is.
    return {}
  }
}
