import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { RawConnection, rawRequest, type RawAnswer } from '../load-seckill-connection.ts'
import type { Answer, Operation } from '../checker/history.ts'

/** Where shoppers buy and what. */
export interface Shop {
  readonly productId: string
  /** Port of the sale, which may die and come back at any moment. */
  readonly port: () => number
  readonly clock: Clock
  readonly chance: Chance
  /** True while new wishes are begun; afterwards open ones are still asked for until `untilMs`. */
  readonly open: () => boolean
  /** Wall time after which nobody asks any more. */
  readonly untilMs: () => number
}

interface Bought {
  readonly orderId: string
  readonly userId: string
}

/** Milliseconds a shopper waits before asking again where the answer was lost. */
const againMs = 40

/**
 * One shopper with one connection: buys, pays, changes his mind, asks twice. An answer that was lost
 * is asked for again with the same key, as a real client must; everything is written down.
 */
export class Shopper {
  readonly #shop: Shop
  readonly #name: string
  readonly #operations: Operation[]
  #connection: RawConnection | undefined
  #wishes = 0

  /** `operations`: where everything is written down. */
  constructor(shop: Shop, name: string, operations: Operation[]) {
    this.#shop = shop
    this.#name = name
    this.#operations = operations
  }

  /** Shops until the round is over. */
  async run(): Promise<void> {
    const { open, chance, clock } = this.#shop
    while (open()) {
      const bought = await this.#buy()
      if (bought && chance.float() < 0.4)
        await this.#settle(chance.float() < 0.7 ? 'pay' : 'cancel', bought)
      await clock.sleep(chance.integer(1, 30))
    }
    this.#connection?.close()
  }

  /** The order and its buyer; undefined where there is none. */
  async #buy(): Promise<Bought | undefined> {
    const { productId, chance } = this.#shop
    const userId = `${productId}-${this.#name}-${this.#wishes++ >> 1}`
    const operation = this.#begin({
      kind: 'purchase',
      userId,
      quantity: chance.integer(1, 2),
      key: `${userId}-${this.#wishes}`,
      orderId: '',
    })
    const { quantity, key } = operation
    const body = JSON.stringify({ userId, productId, quantity })
    const headers = { 'idempotency-key': key }
    const answer = await this.#ask(operation, '/seckill/purchase', body, headers)
    // Now and then a client asks once more, though it has its answer: it must be the same.
    if (chance.float() < 0.1) await this.#ask(operation, '/seckill/purchase', body, headers)
    return answer?.kind === 'reserved' ? { orderId: answer.orderId, userId } : undefined
  }

  async #settle(kind: 'pay' | 'cancel', { orderId, userId }: Bought): Promise<void> {
    const operation = this.#begin({ kind, userId, quantity: 0, key: '', orderId })
    const body = kind === 'pay' ? { paymentId: `pay-${orderId}` } : { userId }
    await this.#ask(operation, `/seckill/orders/${orderId}/${kind}`, JSON.stringify(body), {})
  }

  #begin(wish: Pick<Operation, 'kind' | 'userId' | 'quantity' | 'key' | 'orderId'>): Operation {
    const { productId, clock } = this.#shop
    const operation = { ...wish, productId, invokedMs: clock.now(), answers: [] }
    this.#operations.push(operation)
    return operation
  }

  /** The answer, asked for until it comes or the round is over; undefined where it never came. */
  async #ask(
    operation: Operation,
    path: string,
    body: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer | undefined> {
    const { port, clock, untilMs } = this.#shop
    for (;;) {
      try {
        if (!this.#connection || this.#connection.broken) {
          this.#connection = new RawConnection('127.0.0.1', port())
          await this.#connection.opened
        }
        const host = `127.0.0.1:${port()}`
        const answer = answerOf(
          await this.#connection.send(rawRequest('POST', path, { host, ...headers }, body)),
        )
        operation.answers.push({ atMs: clock.now(), answer })
        if (answer.kind !== 'failed') return answer
      } catch {
        // The program died under this request: what came of it is unknown until it is asked again.
        operation.answers.push({ atMs: clock.now(), answer: { kind: 'failed' } })
      }
      if (clock.now() >= untilMs()) return undefined
      await clock.sleep(againMs)
    }
  }
}

function answerOf({ status, body }: RawAnswer): Answer {
  const said = JSON.parse(body) as { orderId?: string; status?: string; code?: string }
  if (status >= 500 || said.code === 'duplicate_request') return { kind: 'failed' }
  if (status >= 400) return { kind: 'refused', code: said.code ?? String(status) }
  if (said.status === 'reserved' && said.orderId !== undefined)
    return { kind: 'reserved', orderId: said.orderId }
  return { kind: 'order', status: said.status ?? '' }
}
