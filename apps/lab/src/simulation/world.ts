/**
 * One seeded run: clients that retry, a network that loses, repeats, reorders and cuts, a disk that
 * tears and forgets, a process that dies at named points and comes back. Everything happens on one
 * virtual clock and from one seed, so a run that fails is repeated by its number.
 */
import { SimulatedDisk } from '@spate/journal/simulated-disk'
import { SeededChance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import { VirtualClock } from '@spate/runtime/virtual-clock'

import { checkHistory } from '../checker/checker.ts'
import type { Answer, OnSale, Operation, Violation } from '../checker/history.ts'
import type { Ask, Design, Seller } from './design.ts'

const startMs = 1_700_000_000_000
const tradeMs = 6000
const reservationTtlMs = 1500
const settleMs = 4000
const clients = 10
const triesMax = 6

/** What a run showed. */
export interface RunResult {
  readonly seed: number
  readonly violations: readonly Violation[]
  readonly operations: number
  readonly orders: number
  readonly crashes: number
  /** How often the process died at each named point. */
  readonly crashPoints: ReadonlyMap<string, number>
}

/** How a run differs from the plain one; for mutations of what is around the product. */
export interface RunOptions {
  /** Clients make a new key for each try. */
  readonly newKeyATry?: boolean
}

/** Runs one seed of a design and judges it. */
export async function runSeed(
  design: Design,
  seed: number,
  options: RunOptions = {},
): Promise<RunResult> {
  return new World(design, seed, options).run()
}

interface Life {
  alive: boolean
  seller: Seller | undefined
}

class World {
  readonly #design: Design
  readonly #seed: number
  readonly #options: RunOptions
  readonly #clock: VirtualClock = new VirtualClock(startMs)
  readonly #plan: SeededChance
  readonly #net: SeededChance
  readonly #disk: SimulatedDisk
  readonly #products: OnSale[]
  readonly #operations: Operation[] = []
  readonly #violations: Violation[] = []
  readonly #crashPoints: Map<string, number> = new Map()
  readonly #remote: Map<string, unknown> = new Map()
  readonly #loss: number
  readonly #repeats: number
  #life: Life = { alive: false, seller: undefined }
  #lives = 0
  #crashes = 0
  #pointsLeft = 0
  #skewMs = 0
  #cut = false
  #calm = false
  #keys = 0

  constructor(design: Design, seed: number, options: RunOptions) {
    this.#design = design
    this.#seed = seed
    this.#options = options
    this.#plan = new SeededChance(seed)
    this.#net = new SeededChance(seed ^ 0x5eed)
    const diskChance = new SeededChance(seed ^ 0xd15c)
    this.#disk = new SimulatedDisk({
      chance: diskChance,
      delay: () => this.#clock.sleep(diskChance.float() * 2),
    })
    this.#loss = this.#plan.integer(0, 3) === 0 ? 0 : this.#plan.float() * 0.2
    this.#repeats = this.#plan.float() * 0.2
    this.#products = ['p', 'q'].slice(0, this.#plan.integer(1, 2)).map((productId) => ({
      productId,
      stock: this.#plan.integer(1, 14),
      perUserLimit: this.#plan.integer(1, 3),
      startsAtMs: startMs + 200,
      endsAtMs: startMs + this.#plan.integer(3000, tradeMs),
    }))
  }

  async run(): Promise<RunResult> {
    this.#start()
    this.#trouble()
    for (let client = 0; client < clients; client++) void this.#client(`u${client}`)
    await this.#clock.advanceAsync(tradeMs)
    this.#calm = true
    this.#cut = false
    this.#pointsLeft = 0
    this.#die('end of trade')
    await this.#clock.advanceAsync(settleMs)
    const finished = this.#finish()
    await this.#clock.advanceAsync(500)
    const orders = await Promise.race([finished, Promise.resolve().then(() => undefined)])
    if (!orders && this.#violations.length === 0)
      this.#violations.push({ kind: 'cannot-recover', detail: 'no answer in the end' })
    return {
      seed: this.#seed,
      violations: this.#violations,
      operations: this.#operations.length,
      orders: orders ?? 0,
      crashes: this.#crashes,
      crashPoints: this.#crashPoints,
    }
  }

  /** Begins a life of the process; one that cannot begin is a broken promise. */
  #start(): void {
    const life: Life = { alive: true, seller: undefined }
    this.#life = life
    this.#skewMs = 0
    const lives = this.#lives++
    const skewed = this.#mortalClock(life)
    if (!this.#calm) this.#pointsLeft = this.#plan.integer(5, 120)
    this.#design
      .open({
        clock: skewed,
        disk: this.#disk,
        chance: new SeededChance((this.#seed ^ 0x11fe) + lives),
        products: this.#products,
        reservationTtlMs,
        remote: this.#remote,
        lives,
        crash: (name) => this.#point(life, name),
      })
      .then(
        (seller) => (life.seller = seller),
        (caught: unknown) => {
          if (!life.alive) return
          if (this.#violations.length < 20 && !/EIO|disk/.test(errorText(caught)))
            this.#violations.push({ kind: 'cannot-recover', detail: errorText(caught) })
          this.#die('start failed')
        },
      )
  }

  #point(life: Life, name: string): void {
    if (!life.alive || life !== this.#life || this.#calm) return
    if (--this.#pointsLeft === 0) this.#die(name)
  }

  #die(name: string): void {
    if (!this.#life.alive) return
    this.#life.alive = false
    this.#crashes++
    this.#crashPoints.set(name, (this.#crashPoints.get(name) ?? 0) + 1)
    if (this.#plan.integer(0, 3) === 0) this.#disk.kill()
    else this.#disk.crash()
    this.#clock.after(this.#plan.integer(5, 300), () => this.#start())
  }

  /** The process's clock: the wall may be set back or forth, and after death nothing runs. */
  #mortalClock(life: Life): Clock {
    const clock = this.#clock
    const guarded = (task: () => void) => (): void => {
      if (life.alive) task()
    }
    return {
      now: () => clock.now() + this.#skewMs,
      elapsed: () => clock.elapsed(),
      after: (delayMs, task) => clock.after(delayMs, guarded(task)),
      every: (intervalMs, task) => {
        const timer = clock.every(intervalMs, () => {
          if (life.alive) task()
          else timer.cancel()
        })
        return timer
      },
      sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
    }
  }

  /** Partitions, sudden deaths, failing syncs, a wall clock that jumps. */
  #trouble(): void {
    for (let at = this.#plan.integer(0, 4); at > 0; at--) {
      const when = this.#plan.integer(0, tradeMs)
      this.#clock.after(when, () => (this.#cut = !this.#calm))
      this.#clock.after(when + this.#plan.integer(50, 600), () => (this.#cut = false))
    }
    for (let at = this.#plan.integer(0, 3); at > 0; at--)
      this.#clock.after(this.#plan.integer(0, tradeMs), () => this.#die('any moment'))
    for (let at = this.#plan.integer(0, 2); at > 0; at--)
      this.#clock.after(this.#plan.integer(0, tradeMs), () => {
        this.#disk.failNext('sync', 'EIO')
        // A process whose disk failed refuses everything; whoever runs it starts it again.
        this.#clock.after(400, () => this.#die('after a failed sync'))
      })
    if (this.#plan.integer(0, 1) === 0) {
      const jump = this.#plan.integer(0, 1) === 0 ? 300_000 : -300_000
      const when = this.#plan.integer(0, tradeMs - 1000)
      // A sale that starts while the wall is wrong cannot know; one that runs must not follow it.
      this.#clock.after(when, () => (this.#skewMs = this.#life.seller ? jump : 0))
      this.#clock.after(when + 40, () => (this.#skewMs = 0))
    }
  }

  async #client(userId: string): Promise<void> {
    const chance = new SeededChance((this.#seed ^ 0xc11e) + this.#keys++)
    for (let turn = chance.integer(1, 5); turn > 0 && !this.#calm; turn--) {
      await this.#clock.sleep(chance.integer(0, 1500))
      const { productId } = this.#products[chance.integer(0, this.#products.length - 1)] as OnSale
      const quantity = chance.integer(0, 3) === 0 ? 2 : 1
      const key = `k${this.#keys++}`
      const bought = await this.#intend({ kind: 'purchase', userId, productId, quantity, key })
      if (bought?.kind !== 'reserved') continue
      const fate = chance.integer(0, 9)
      const order = { userId, productId, quantity, key: '', orderId: bought.orderId }
      await this.#clock.sleep(chance.integer(0, 400))
      if (fate < 4) await this.#intend({ kind: 'pay', ...order })
      if (fate === 4 || fate === 5) await this.#intend({ kind: 'cancel', ...order })
      if (fate === 6) await this.#intend({ kind: 'cancel', ...order, userId: 'stranger' })
    }
  }

  /** Sends until there is an answer that settles it, or patience ends: then it stays unknown. */
  async #intend(
    wish: Omit<Ask, 'orderId' | 'paymentId'> & { orderId?: string },
  ): Promise<Answer | undefined> {
    const operation: Operation = {
      orderId: '',
      ...wish,
      invokedMs: this.#clock.now(),
      answers: [],
    }
    this.#operations.push(operation)
    const paymentId = `m${this.#keys++}`
    for (let attempt = 0; attempt < triesMax && !this.#calm; attempt++) {
      const key = this.#options.newKeyATry && wish.key !== '' ? `${wish.key}-${attempt}` : wish.key
      this.#send({ orderId: '', ...wish, key, paymentId }, operation)
      await this.#clock.sleep(60 + attempt * 40)
      const settled = operation.answers.find(({ answer }) => settles(answer))
      if (settled) return settled.answer
    }
    return undefined
  }

  #send(ask: Ask, operation: Operation): void {
    for (let copies = this.#net.float() < this.#repeats ? 2 : 1; copies > 0; copies--) {
      if (this.#cut || this.#net.float() < this.#loss) continue
      this.#clock.after(this.#net.float() * 15, () => void this.#arrive(ask, operation))
    }
  }

  async #arrive(ask: Ask, operation: Operation): Promise<void> {
    const life = this.#life
    if (!life.alive || !life.seller || this.#cut) return
    const answer = await answered(life.seller, ask)
    if (!life.alive || this.#cut || this.#net.float() < this.#loss) return
    this.#clock.after(this.#net.float() * 15, () =>
      operation.answers.push({ atMs: this.#clock.now(), answer }),
    )
  }

  /** Asks every purchase once more under its key, then reads the final orders and judges all. */
  async #finish(): Promise<number> {
    const { seller } = this.#life
    if (!seller) return 0
    const users = Array.from({ length: clients }, (_, at) => `u${at}`)
    const orders = seller.orders(users)
    if (!this.#options.newKeyATry)
      for (const operation of this.#operations) {
        // Only what may have reached the sale: a key that never did would buy now.
        if (operation.kind !== 'purchase' || operation.answers.length === 0) continue
        if (!operation.answers.some(({ answer }) => settles(answer))) continue
        const answer = await answered(seller, { ...operation, paymentId: '' })
        operation.answers.push({ atMs: this.#clock.now(), answer })
      }
    const products = this.#products.map((product) => {
      const counters = seller.counters(product.productId)
      return counters ? { ...product, counters } : product
    })
    this.#violations.push(
      ...checkHistory({
        products,
        operations: this.#operations,
        orders,
        endMs: this.#clock.now(),
        // Late by the longest outage too: a process that is away lapses nothing.
        lapseMs: reservationTtlMs + 3000,
        clockSlackMs: 50,
      }),
    )
    return orders.length
  }
}

async function answered(seller: Seller, ask: Ask): Promise<Answer> {
  try {
    return await seller.handle(ask)
  } catch {
    // What a client would see as a 503: it says nothing about what happened.
    return { kind: 'failed' }
  }
}

function settles(answer: Answer): boolean {
  if (answer.kind === 'refused')
    return /^(sold_out|limit_reached|ended|not_found)$/.test(answer.code)
  return answer.kind !== 'failed'
}
