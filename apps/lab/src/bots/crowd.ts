import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { DrawnPlace } from '@spate/seckill/draw'
import { findProof } from '@spate/seckill/proof'
import { Caller, codeOf, type Answer, type Target } from './caller.ts'

/** What the honest crowd does. */
export interface CrowdPlan {
  readonly target: Target
  readonly productId: string
  readonly people: number
  /** Most of them that ask at the same moment. */
  readonly lanes: number
  /** How long people wait from the start on, ms. */
  readonly longestMs: number
}

/** What came of the honest crowd. */
export interface CrowdResult {
  joined: number
  won: number
  /** Those who learnt that everything is gone, and those who gave up. */
  soldOut: number
  gaveUp: number
  readonly told: DrawnPlace[]
  readonly refusals: Map<string, number>
}

interface Person {
  readonly userId: string
  readonly address: string
  arrival?: number
  place?: number
}

const proofMost = 1 << 24

/**
 * Honest people: each with a name like no other's and a home of his own (an address in
 * 127.16.0.0/12). They do their proof of work, join before the start, look when their turn is, and
 * buy one unit with their ticket.
 */
export class Crowd {
  readonly result: CrowdResult = {
    joined: 0,
    won: 0,
    soldOut: 0,
    gaveUp: 0,
    told: [],
    refusals: new Map(),
  }
  readonly #plan: CrowdPlan
  readonly #clock: Clock
  readonly #people: Person[]

  constructor(plan: CrowdPlan, clock: Clock, chance: Chance) {
    this.#plan = plan
    this.#clock = clock
    this.#people = Array.from({ length: plan.people }, (_, n) => ({
      userId: `${chance.uint32().toString(36)}-${chance.uint32().toString(36)}`,
      address: `127.${16 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`,
    }))
  }

  /** Everybody joins, in an order that nothing depends on. */
  async join(): Promise<void> {
    await this.#each(async (person, caller) => {
      const { productId } = this.#plan
      const { userId } = person
      const task = await caller.call('POST', '/seckill/challenges', { userId, productId })
      if (task.status !== 200) return this.#refused(task)
      const challenge = String(task.body['challenge'])
      const proof = findProof(challenge, Number(task.body['bits']), 0, proofMost)
      const path = `/seckill/queue/${productId}`
      const joined = await caller.call('POST', path, { userId, challenge, proof })
      if (joined.status !== 200) return this.#refused(joined)
      person.arrival = Number(joined.body['arrival'])
      this.result.joined++
    })
  }

  /** Everybody looks for his place, waits for it, and buys. */
  async buy(): Promise<void> {
    let left = this.#people.filter(({ arrival }) => arrival !== undefined)
    let wait = true
    const untilMs = this.#clock.elapsed() + this.#plan.longestMs
    while (left.length > 0 && this.#clock.elapsed() < untilMs) {
      const waiting: Person[] = []
      // Rounds: who is not in yet looks again in the next one.
      await this.#each(async (person, caller) => {
        const more = await this.#turn(person, caller)
        if (more) waiting.push(person)
      }, left)
      wait = waiting.length === left.length
      left = waiting
      if (wait) await this.#clock.sleep(250)
    }
    this.result.gaveUp += left.length
  }

  /** True where he must wait on. */
  async #turn(person: Person, caller: Caller): Promise<boolean> {
    const { productId } = this.#plan
    const { userId, arrival = 0 } = person
    const path = `/seckill/queue/${productId}?userId=${userId}`
    const { body, status } = await caller.call('GET', path)
    if (status !== 200) return true
    const { place } = body
    if (typeof place === 'number') {
      if (person.place === undefined) this.result.told.push({ arrival, place })
      else if (person.place !== place) this.result.told.push({ arrival, place: -1 })
      person.place = place
    }
    if (body['status'] === 'sold_out' || body['status'] === 'ended') {
      this.result.soldOut++
      return false
    }
    if (body['status'] !== 'admitted') return true
    const headers = {
      'seckill-ticket': String(body['ticket']),
      'idempotency-key': `honest-${userId}`,
    }
    const bought = await caller.call('POST', '/seckill/purchase', { userId, productId }, headers)
    if (bought.status === 200) this.result.won++
    else if (bought.body['code'] === 'sold_out') this.result.soldOut++
    else {
      this.#refused(bought)
      return bought.status === 429
    }
    return false
  }

  #refused(answer: Answer): void {
    const code = codeOf(answer)
    this.result.refusals.set(code, (this.result.refusals.get(code) ?? 0) + 1)
  }

  /** `task` for each person, `lanes` at a time, each over a connection from his own address. */
  async #each(
    task: (person: Person, caller: Caller) => Promise<void>,
    people: readonly Person[] = this.#people,
  ): Promise<void> {
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < people.length) {
        const person = people[next++] as Person
        const caller = new Caller(this.#plan.target, person.address)
        try {
          await task(person, caller)
        } catch {
          this.#refused({ status: 0, body: { code: 'connection_lost' } })
        } finally {
          caller.close()
        }
      }
    }
    await Promise.all(Array.from({ length: this.#plan.lanes }, lane))
  }
}
