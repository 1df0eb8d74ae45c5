import type { Client } from '@spate/http/client'
import { Fault } from '@spate/runtime/fault'
import type { WebhookKey } from './webhook-key.ts'

/** One payment for one order. */
export interface Payment {
  readonly orderId: string
  readonly paymentId: string
}

/** What a provider says of a payment. */
export type PaymentState = 'pending' | 'succeeded' | 'failed' | 'unknown'

/** Whoever moves the money. Rejects with a `Fault` where it does not answer. */
export interface PaymentProvider {
  /** What became of a payment. */
  state(payment: Payment): Promise<PaymentState>
  /** Sends money back; asked again with the same payment it is sent once. */
  refund(payment: Payment): Promise<void>
}

/** How to reach a provider. */
export interface HttpProviderOptions {
  readonly client: Client
  /** Where it answers; undefined while that is not known: calls reject with `store_unavailable`. */
  readonly url: () => string | undefined
  readonly key: WebhookKey
  /** Wall time, ms. */
  readonly now: () => number
}

const timeoutMs = 2000
const states: readonly PaymentState[] = ['pending', 'succeeded', 'failed', 'unknown']

/**
 * A provider by HTTP: `GET /payments/{paymentId}` -> `{state}`, `POST /refunds {orderId, paymentId}`,
 * both signed as webhooks are.
 */
export class HttpProvider implements PaymentProvider {
  readonly #options: HttpProviderOptions

  constructor(options: HttpProviderOptions) {
    this.#options = options
  }

  async state({ paymentId }: Payment): Promise<PaymentState> {
    const path = `/payments/${encodeURIComponent(paymentId)}`
    const answer = await this.#call('GET', path, `state-${paymentId}`, '')
    if (answer.status === 404) return 'unknown'
    const { state } = (answer.value ?? {}) as { readonly state?: unknown }
    const known = states.find((each) => each === state)
    if (answer.status !== 200 || known === undefined)
      throw new Fault('bad_gateway', `the payment provider answered ${answer.status}`)
    return known
  }

  async refund(payment: Payment): Promise<void> {
    const body = JSON.stringify(payment)
    const { status } = await this.#call('POST', '/refunds', `refund-${payment.paymentId}`, body)
    if (status < 300) return
    // A refusal that stays one: waiting would not help.
    const permanent = status >= 400 && status < 500 && status !== 408 && status !== 429
    throw new Fault(
      permanent ? 'conflict' : 'bad_gateway',
      `the payment provider answered a refund with ${status}`,
    )
  }

  async #call(
    method: 'GET' | 'POST',
    path: string,
    id: string,
    body: string,
  ): Promise<{ readonly status: number; readonly value: unknown }> {
    const { client, url, key, now } = this.#options
    const base = url()
    if (base === undefined) throw new Fault('store_unavailable', 'no payment provider is known')
    const answer = await client.fetch(`${base.replace(/\/+$/, '')}${path}`, {
      method,
      headers: {
        ...key.sign(id, body, now()),
        'idempotency-key': id,
        ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
      },
      ...(method === 'POST' ? { body } : {}),
      timeoutMs,
      bytesMax: 16_384,
      template: path.replace(/^\/payments\/.*/, '/payments/{paymentId}'),
    })
    return { status: answer.status, value: jsonOf(await answer.text()) }
  }
}

function jsonOf(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    // Whatever it is, it is no answer of ours: the status decides.
    return undefined
  }
}
