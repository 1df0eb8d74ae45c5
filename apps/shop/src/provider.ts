import { createHmac, timingSafeEqual } from 'node:crypto'
import { ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'

/**
 * A simulated payment provider. As real ones do, it takes a charge, answers at once that it is being
 * handled, and calls back later, signed: on time, late, twice, or to say no. What it calls back is
 * only believed where the signature fits, and paying twice with one payment id is paying once.
 */

/** How the simulated bank behaves with one charge. */
export const bankManners = ['now', 'slow', 'twice', 'declined'] as const

/** One of `bankManners`. */
export type BankManner = (typeof bankManners)[number]

/** What the provider calls back. */
export interface Callback {
  readonly orderId: string
  readonly paymentId: string
  readonly result: 'paid' | 'declined'
  /** Wall time of sending, ms. */
  readonly sentAtMs: number
}

/** A callback as it travels. */
export interface SignedCallback {
  readonly body: string
  readonly signature: string
}

/** Most charges the provider has under way; more are refused with `overloaded`. */
export const chargesMax = 1000
/** Age at which a callback is no longer believed, ms: a recorded one cannot be played again later. */
export const callbackAgeMsMax = 300_000
/** How long a slow bank takes, ms. */
export const slowBankMs = 4000

/** Signs and checks callbacks with one shared key. */
export class CallbackSeal {
  readonly #key: Buffer

  constructor(secret: string) {
    this.#key = createHmac('sha256', secret).update('spate shop payments v1').digest()
  }

  sign(callback: Callback): SignedCallback {
    const body = JSON.stringify(callback)
    return { body, signature: this.#sealOf(body) }
  }

  /** The callback. Throws `unauthorized` where the signature does not fit, or it is too old or of the future. */
  open({ body, signature }: SignedCallback, nowMs: number): Callback {
    const wanted = Buffer.from(this.#sealOf(body))
    const given = Buffer.from(signature)
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
      throw new Fault('unauthorized', 'the signature of the payment callback does not fit')
    const callback = JSON.parse(body) as Callback
    if (Math.abs(nowMs - callback.sentAtMs) > callbackAgeMsMax)
      throw new Fault('unauthorized', 'the payment callback is too old')
    return callback
  }

  #sealOf(body: string): string {
    return createHmac('sha256', this.#key).update(body).digest('base64url')
  }
}

/** Brings a callback to the shop; `context` is the trace it belongs to. */
export type Deliver = (signed: SignedCallback, context: Context) => Promise<void>

/** Charges under way, and who is called back. */
export class SimulatedProvider {
  readonly #clock: Clock
  readonly #seal: CallbackSeal
  readonly #deliver: Deliver
  readonly #timers = new Set<Timer>()
  readonly #deliveries = new Set<Promise<void>>()

  /** `deliver` brings one callback to the shop; what it throws is retried by nobody, as with real ones' last try. */
  constructor(options: {
    readonly clock: Clock
    readonly seal: CallbackSeal
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

  /** Takes a charge. With `now` and `twice` it has called back when this resolves. Throws `overloaded`. */
  async charge(orderId: string, manner: BankManner, context: Context): Promise<void> {
    const call = (within: Context): Promise<void> =>
      this.#deliver(
        this.#seal.sign({
          orderId,
          paymentId: `sim-${orderId}`,
          result: manner === 'declined' ? 'declined' : 'paid',
          sentAtMs: this.#clock.now(),
        }),
        within,
      )
    if (manner !== 'slow') {
      await call(context)
      if (manner === 'twice') await call(context)
      return
    }
    if (this.#timers.size >= chargesMax)
      throw new Fault('overloaded', 'the payment provider is busy', { retryAfterSeconds: 5 })
    const timer = this.#clock.after(slowBankMs, () => {
      this.#timers.delete(timer)
      // A callback that fails is lost, as it may be in the world: the order then expires.
      const delivery = call(ROOT_CONTEXT).catch(() => undefined)
      this.#deliveries.add(delivery)
      void delivery.then(() => this.#deliveries.delete(delivery))
    })
    this.#timers.add(timer)
  }

  /** Drops charges that wait; resolves when callbacks under way are through. */
  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    await Promise.all(this.#deliveries)
  }
}
