import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { findProof } from '@spate/seckill/proof'
import { Caller, codeOf, type Answer, type Target } from './caller.ts'

/** What the attacker has. */
export interface AttackPlan {
  readonly target: Target
  readonly productId: string
  readonly connections: number
  readonly addresses: number
  /** Accounts: 1 is himself; more are counted up. */
  readonly accounts: number
  /** Pause of a connection between two requests, ms. */
  readonly pauseMs: number
}

/** What he got. */
export interface AttackResult {
  requests: number
  connected: number
  /** Orders by account. */
  readonly orders: Map<string, Set<string>>
  readonly refusals: Map<string, number>
}

const proofMost = 1 << 24

/**
 * One attacker with many connections from many addresses (127.1.0.0/16), a spoofed
 * X-Forwarded-For and a new device id in every request. Without pause he joins again and again,
 * buys without a ticket, with forged ones, with his own many times over, and under fresh keys.
 */
export class Attacker {
  readonly result: AttackResult = {
    requests: 0,
    connected: 0,
    orders: new Map(),
    refusals: new Map(),
  }
  readonly #plan: AttackPlan
  readonly #clock: Clock
  readonly #chance: Chance
  /** The newest ticket of each account. */
  readonly #tickets = new Map<string, string>()
  readonly #proofs = new Map<string, { challenge: string; proof: string }>()

  constructor(plan: AttackPlan, clock: Clock, chance: Chance) {
    this.#plan = plan
    this.#clock = clock
    this.#chance = chance
  }

  /** Attacks until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { connections } = this.#plan
    await Promise.all(Array.from({ length: connections }, (_, n) => this.#connection(n, signal)))
  }

  async #connection(n: number, signal: AbortSignal): Promise<void> {
    const { target, addresses, accounts, pauseMs } = this.#plan
    const from = n % addresses
    const caller = new Caller(target, `127.1.${from >> 8}.${from & 255}`)
    const userId = accounts === 1 ? 'mallory' : `bot${String(n % accounts).padStart(6, '0')}`
    let first = true
    while (!signal.aborted) {
      try {
        await this.#attempt(caller, userId)
        if (first) this.result.connected++
        first = false
      } catch {
        this.#count('connection_lost')
      }
      await this.#clock.sleep(pauseMs * (0.5 + this.#chance.float()))
    }
    caller.close()
  }

  async #attempt(caller: Caller, userId: string): Promise<void> {
    const { productId } = this.#plan
    const headers = this.#disguise()
    const kind = this.#chance.integer(0, 4)
    if (kind === 0) return await this.#join(caller, userId, headers)
    if (kind === 1) {
      const path = `/seckill/queue/${productId}?userId=${userId}`
      const { ticket } = this.#heard(await caller.call('GET', path, undefined, headers))
      if (typeof ticket === 'string') this.#tickets.set(userId, ticket)
      return
    }
    const tickets = [
      this.#tickets.get(userId),
      undefined,
      Buffer.from(Array.from({ length: 42 }, () => this.#chance.integer(0, 255))).toString(
        'base64url',
      ),
    ]
    const ticket = tickets[kind - 2]
    const key = `attack-${this.#chance.uint32()}-${this.#chance.uint32()}`
    const shown = {
      ...headers,
      'idempotency-key': key,
      ...(ticket && { 'seckill-ticket': ticket }),
    }
    const { orderId } = this.#heard(
      await caller.call('POST', '/seckill/purchase', { userId, productId }, shown),
    )
    if (typeof orderId !== 'string') return
    const orders = this.result.orders.get(userId) ?? new Set()
    this.result.orders.set(userId, orders.add(orderId))
  }

  async #join(
    caller: Caller,
    userId: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { productId } = this.#plan
    let proven = this.#proofs.get(userId)
    if (!proven) {
      const asked = { userId, productId }
      const task = this.#heard(await caller.call('POST', '/seckill/challenges', asked, headers))
      const { challenge, bits } = task
      if (typeof challenge !== 'string') return
      proven = { challenge, proof: findProof(challenge, Number(bits), 0, proofMost) ?? '' }
      this.#proofs.set(userId, proven)
    }
    this.#heard(
      await caller.call('POST', `/seckill/queue/${productId}`, { userId, ...proven }, headers),
    )
  }

  /** Another address and another device in every request: for those who believe headers. */
  #disguise(): Readonly<Record<string, string>> {
    const byte = (): number => this.#chance.integer(1, 254)
    const spoofed = `${byte()}.${byte()}.${byte()}.${byte()}`
    return {
      'x-forwarded-for': spoofed,
      forwarded: `for=${spoofed}`,
      'seckill-device': `device-${this.#chance.uint32()}`,
    }
  }

  #heard(answer: Answer): Answer['body'] {
    this.result.requests++
    if (answer.status >= 400) this.#count(codeOf(answer))
    return answer.body
  }

  #count(code: string): void {
    this.result.refusals.set(code, (this.result.refusals.get(code) ?? 0) + 1)
  }
}
