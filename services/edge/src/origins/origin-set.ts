/**
 * Several origins of one site behind one face. Each has a circuit breaker:
 *
 *   closed -> open       after `failuresMax` failures in a row
 *   open -> half-open    after `openMs`: one request goes through as a probe
 *   half-open -> closed  the probe is answered; -> open again where it fails
 *
 * A key belongs to the origin with the highest rendezvous weight (Thaler and Ravishankar, 1998), so
 * that when one leaves only its own keys move. A GET or HEAD without a body that got no answer is
 * tried at the next origin; anything else may have been done already and is not (RFC 9110 9.2.2).
 */
import { createHash } from 'node:crypto'
import type { Fault } from '@spate/runtime/fault'
import type { Origin, OriginExchange, OriginRequest, OriginSink } from './origin.ts'

/** One of several origins. */
export interface OriginMember {
  readonly name: string
  readonly origin: Origin
}

/** When an origin counts as dead, and for how long. */
export interface BreakerRules {
  readonly failuresMax: number
  readonly openMs: number
}

type BreakerState = 'closed' | 'open' | 'half-open'

interface Member extends OriginMember {
  failures: number
  state: BreakerState
  openUntilMs: number
}

/** Origins that stand in for each other. */
export class OriginSet implements Origin {
  readonly #members: readonly Member[]
  readonly #rules: BreakerRules
  readonly #now: () => number

  constructor(members: readonly OriginMember[], rules: BreakerRules, now: () => number) {
    this.#members = members.map((member) => ({
      ...member,
      failures: 0,
      state: 'closed',
      openUntilMs: 0,
    }))
    this.#rules = rules
    this.#now = now
  }

  /** State of each breaker by the origin's name. */
  get states(): Readonly<Record<string, BreakerState>> {
    return Object.fromEntries(this.#members.map(({ name, state }) => [name, state]))
  }

  /** Origins for `key`, best first; where all are open, all of them: asking is better than refusing. O(origins). */
  ranked(key: string): readonly OriginMember[] {
    const byWeight = this.#members
      .map((member) => ({ member, weight: weightOf(member.name, key) }))
      .sort((one, other) => other.weight - one.weight)
      .map(({ member }) => member)
    const usable = byWeight.filter((member) => this.#usable(member))
    return usable.length > 0 ? usable : byWeight
  }

  send(request: OriginRequest, sink: OriginSink): OriginExchange {
    const order = this.ranked(`${request.host}${request.target}`) as readonly Member[]
    const again = request.body === undefined && /^(?:GET|HEAD)$/.test(request.method)
    let exchange: OriginExchange | undefined
    let gone = false
    const attempt = (at: number): void => {
      const member = order[at] as Member
      if (member.state === 'open') member.state = 'half-open'
      const last = at + 1 >= order.length
      exchange = member.origin.send(
        // Where another origin can stand in, a failed one is not asked twice.
        last ? request : { ...request, retry: false },
        this.#watch(member, sink, (fault) => {
          if (again && !gone && !last) attempt(at + 1)
          else sink.fail(fault)
        }),
      )
    }
    attempt(0)
    return {
      pause: () => exchange?.pause(),
      resume: () => exchange?.resume(),
      abort: () => {
        gone = true
        exchange?.abort()
      },
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ origin }) => origin.close()))
  }

  #watch(member: Member, sink: OriginSink, failed: (fault: Fault) => void): OriginSink {
    let headed = false
    return {
      interim: (status, headers) => sink.interim(status, headers),
      head: (status, headers) => {
        headed = true
        member.failures = 0
        member.state = 'closed'
        sink.head(status, headers)
      },
      data: (chunk) => sink.data(chunk),
      end: () => sink.end(),
      fail: (fault) => {
        this.#failed(member)
        if (headed) sink.fail(fault)
        else failed(fault)
      },
    }
  }

  #failed(member: Member): void {
    member.failures++
    if (member.state !== 'half-open' && member.failures < this.#rules.failuresMax) return
    member.state = 'open'
    member.openUntilMs = this.#now() + this.#rules.openMs
  }

  /** Closed, or open for long enough to be probed; a probe under way is enough. */
  #usable(member: Member): boolean {
    if (member.state === 'closed') return true
    return member.state === 'open' && this.#now() >= member.openUntilMs
  }
}

function weightOf(name: string, key: string): number {
  return createHash('md5').update(`${name}\n${key}`).digest().readUInt32BE(0)
}
