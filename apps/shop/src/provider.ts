import { createHmac, timingSafeEqual } from 'node:crypto'
import { ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import type { Headers } from '@spate/http/exchange'
import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'

/**
 * A simulated payment provider. As real ones do, it takes a charge, answers at once that it is being
 * handled, and tells the flash sale by signed webhooks: on time, late, twice, or to say no. It can be
 * asked what became of a payment, and sends money back when it is told to.
 */

/** How the simulated bank behaves with one charge. */
export const bankManners = ['now', 'slow', 'twice', 'declined'] as const

/** One of `bankManners`. */
export type BankManner = (typeof bankManners)[number]

/** What the provider knows of a payment. */
export type PaymentState = 'pending' | 'succeeded' | 'failed'

/** A webhook as it travels. */
export interface SignedCall {
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** Most charges the provider has under way; more are refused with `overloaded`. */
export const chargesMax = 1000
/** Payments whose end is remembered; the oldest is forgotten first. */
export const paymentsMax = 10_000
/** How far the moment of a signed call may be from ours, ms: a recorded one cannot be played again later. */
export const callAgeMsMax = 300_000
/** How long a slow bank takes, ms. */
export const slowBankMs = 4000

/** Signs and checks calls with one shared key, by the Standard Webhooks specification 1.0. */
export class PaymentSeal {
  readonly #key: Buffer

  /** `secret`: the same text that the flash sale has as `paymentSecret`. */
  constructor(secret: string) {
    this.#key = secret.startsWith('whsec_')
      ? Buffer.from(secret.slice('whsec_'.length), 'base64')
      : Buffer.from(secret)
  }

  /** The key that both sides make where nobody set one. */
  static derived(adminToken: string): PaymentSeal {
    return new PaymentSeal(
      createHmac('sha256', adminToken).update('spate payments v1').digest('hex'),
    )
  }

  sign(id: string, body: string, nowMs: number): SignedCall {
    const timestamp = String(Math.floor(nowMs / 1000))
    const signature = this.#sealOf(id, timestamp, body)
    const headers = {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    }
    return { body, headers }
  }

  /** Throws `unauthorized` where the signature does not fit, or it is too old or of the future. */
  check(headers: Pick<Headers, 'get'>, body: string, nowMs: number): void {
    const timestamp = headers.get('webhook-timestamp') ?? ''
    const seal = this.#sealOf(headers.get('webhook-id') ?? '', timestamp, body)
    const wanted = Buffer.from(`v1,${seal}`)
    const given = Buffer.from(headers.get('webhook-signature') ?? '')
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
      throw new Fault('unauthorized', 'the signature does not fit')
    if (!(Math.abs(nowMs - Number(timestamp) * 1000) <= callAgeMsMax))
      throw new Fault('unauthorized', 'the call is too old')
  }

  #sealOf(id: string, timestamp: string, body: string): string {
    return createHmac('sha256', this.#key).update(`${id}.${timestamp}.${body}`).digest('base64')
  }
}

/** Brings a webhook to the flash sale; `context` is the trace it belongs to. */
export type Deliver = (signed: SignedCall, context: Context) => Promise<void>

/** Charges under way, and who is told. */
export class SimulatedProvider {
  readonly #clock: Clock
  readonly #seal: PaymentSeal
  readonly #deliver: Deliver
  readonly #timers = new Set<Timer>()
  readonly #deliveries = new Set<Promise<void>>()
  readonly #payments = new Map<string, PaymentState>()
  readonly #refunded = new Set<string>()
  #calls = 0

  /** `deliver` brings one webhook; what it throws is retried by nobody, as with real ones' last try. */
  constructor(options: {
    readonly clock: Clock
    readonly seal: PaymentSeal
    readonly deliver: Deliver
  }) {
    this.#clock = options.clock
    this.#seal = options.seal
    this.#deliver = options.deliver
  }

  /** Charges that wait for their time. */
  get pending(): number {
    return this.#timers.size
  }

  /** What became of a payment; undefined where it was never begun. */
  state(paymentId: string): PaymentState | undefined {
    return this.#payments.get(paymentId)
  }

  /** True where the money of this payment was sent back. */
  refunded(paymentId: string): boolean {
    return this.#refunded.has(paymentId)
  }

  /** Sends money back; twice is once. */
  refund(paymentId: string): void {
    remember(this.#refunded, paymentId)
  }

  /** Takes a charge. With `now` and `twice` it has told the sale when this resolves. Throws `overloaded`. */
  async charge(orderId: string, manner: BankManner, context: Context): Promise<void> {
    const paymentId = `sim-${orderId}`
    const tell = (kind: PaymentState, within: Context): Promise<void> => {
      this.#keep(paymentId, kind)
      const body = JSON.stringify({ type: `payment.${kind}`, data: { orderId, paymentId } })
      const id = `sim-${this.#clock.now()}-${this.#calls++}`
      return this.#deliver(this.#seal.sign(id, body, this.#clock.now()), within)
    }
    if (manner === 'declined') return await tell('failed', context)
    if (manner !== 'slow') {
      await tell('succeeded', context)
      if (manner === 'twice') await tell('succeeded', context)
      return
    }
    if (this.#timers.size >= chargesMax)
      throw new Fault('overloaded', 'the payment provider is busy', { retryAfterSeconds: 5 })
    const timer = this.#clock.after(slowBankMs, () => {
      this.#timers.delete(timer)
      // A webhook that fails is lost, as it may be in the world: the sale asks before it gives up.
      const delivery = tell('succeeded', ROOT_CONTEXT).catch(() => undefined)
      this.#deliveries.add(delivery)
      void delivery.then(() => this.#deliveries.delete(delivery))
    })
    this.#timers.add(timer)
    // The units stay with the buyer while the bank is at it.
    await tell('pending', context)
  }

  /** Drops charges that wait; resolves when webhooks under way are through. */
  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    await Promise.all(this.#deliveries)
  }

  #keep(paymentId: string, state: PaymentState): void {
    const [oldest] = this.#payments.keys()
    if (this.#payments.size >= paymentsMax && oldest !== undefined) this.#payments.delete(oldest)
    this.#payments.set(paymentId, state)
  }
}

function remember(ids: Set<string>, id: string): void {
  const [oldest] = ids
  if (ids.size >= paymentsMax && oldest !== undefined) ids.delete(oldest)
  ids.add(id)
}
