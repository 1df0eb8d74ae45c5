import type { Chance } from '@spate/runtime/chance'
import type { Clock, Timer } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import type { OriginMember } from './origin-member.ts'
import type { OriginExchange } from './origin.ts'

/** How an origin's health is checked. */
export interface HealthRules {
  /** Path that answers below 400 while all is well. */
  readonly path: string
  readonly everyMs: number
  readonly timeoutMs: number
  /** Good answers in a row that bring an origin back. */
  readonly healthyAfter: number
  /** Bad ones in a row that take it out. */
  readonly unhealthyAfter: number
}

/**
 * Asks one origin for its health path again and again. The two thresholds are hysteresis: an origin
 * that flaps does not come and go with every answer. Until the first verdict it counts as healthy.
 */
export class HealthCheck {
  readonly #member: OriginMember
  readonly #rules: HealthRules
  readonly #clock: Clock
  readonly #log: Log
  #timer: Timer
  #late: Timer | undefined
  #exchange: OriginExchange | undefined
  /** Answers in a row that contradict what `member.healthy` says. */
  #against = 0

  constructor(
    member: OriginMember,
    rules: HealthRules,
    on: { readonly clock: Clock; readonly chance: Chance; readonly log: Log },
  ) {
    this.#member = member
    this.#rules = rules
    this.#clock = on.clock
    this.#log = on.log
    // A fleet of nodes that started together must not ask together.
    this.#timer = on.clock.after(on.chance.float() * Math.min(1000, rules.everyMs), () => {
      this.#timer = on.clock.every(rules.everyMs, () => this.#ask())
      this.#ask()
    })
  }

  stop(): void {
    this.#timer.cancel()
    this.#settle()
  }

  #ask(): void {
    this.#settle()
    const { path, timeoutMs } = this.#rules
    const heard = (good: boolean): void => {
      this.#late?.cancel()
      this.#judge(good)
    }
    this.#late = this.#clock.after(Math.min(timeoutMs, this.#rules.everyMs), () => {
      this.#settle()
      this.#judge(false)
    })
    this.#exchange = this.#member.probe(
      {
        method: 'GET',
        target: path,
        host: this.#member.name,
        headers: ['user-agent', 'spate-health-check', 'accept', '*/*'],
        retry: true,
      },
      {
        interim: () => {},
        head: (status) => heard(status < 400),
        data: () => {},
        end: () => (this.#exchange = undefined),
        fail: () => {
          this.#exchange = undefined
          heard(false)
        },
      },
    )
  }

  #settle(): void {
    this.#late?.cancel()
    this.#late = undefined
    this.#exchange?.abort()
    this.#exchange = undefined
  }

  #judge(good: boolean): void {
    const { name } = this.#member
    if (good === this.#member.healthy) {
      this.#against = 0
      return
    }
    this.#against++
    const { healthyAfter, unhealthyAfter } = this.#rules
    if (this.#against < (good ? healthyAfter : unhealthyAfter)) return
    this.#against = 0
    this.#member.healthy = good
    if (good) this.#member.breaker.recovered()
    if (good) this.#log.info('an origin is healthy again', { origin: name })
    else this.#log.warn('an origin is unhealthy', { origin: name, path: this.#rules.path })
  }
}
