/**
 * The origins of one site behind one face.
 *
 * A key belongs to the origin with the highest rendezvous weight (Thaler and Ravishankar, 1998), so
 * that when one leaves only its own keys move. Origins whose health check fails come last, those
 * whose breaker is open not at all; where none may be asked the request fails at once, and what is
 * stale may stand in. A request that may be repeated (RFC 9110 section 9.2.2), has no body and of
 * which nothing was answered goes to the next origin; retries and hedges are a share of ordinary
 * requests, never more.
 */
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { OriginMember } from './origin-member.ts'
import type { Origin, OriginExchange, OriginRequest, OriginSink } from './origin.ts'
import { rendezvousWeight } from './rendezvous.ts'
import { Sending, type OriginSetRules, type StandIns } from './sending.ts'
import { ShareBudget } from './share-budget.ts'

/** Origins that stand in for each other; one is a set too. */
export class OriginSet implements Origin, StandIns {
  readonly members: readonly OriginMember[]
  readonly rules: OriginSetRules
  readonly clock: Clock
  readonly retries: ShareBudget
  readonly hedges: ShareBudget
  retried = 0
  hedged = 0

  constructor(members: readonly OriginMember[], rules: OriginSetRules, clock: Clock) {
    this.members = members
    this.rules = rules
    this.clock = clock
    this.retries = new ShareBudget(rules.retryShare)
    this.hedges = new ShareBudget(rules.hedgeShare)
  }

  /**
   * Origins for `key` that may be asked, best first; empty where all breakers are open.
   * `repeatable` requests may probe an origin that is half-open. O(origins).
   */
  ranked(key: string, repeatable = true): readonly OriginMember[] {
    const permitted = this.members.filter(({ breaker }) => breaker.permits())
    if (permitted.length < 2) return permitted
    const weighed = permitted.map((member) => ({
      member,
      later: rank(member, repeatable),
      weight: rendezvousWeight(member.name, key),
    }))
    weighed.sort((one, other) => one.later - other.later || other.weight - one.weight)
    return weighed.map(({ member }) => member)
  }

  /** True where at least one origin is healthy and may be asked. */
  get usable(): boolean {
    return this.members.some(({ breaker, healthy }) => healthy && breaker.state !== 'open')
  }

  choices(key: string): readonly string[] {
    return this.ranked(key).map(({ name }) => name)
  }

  /** True while requests are under way or wait. */
  get busy(): boolean {
    return this.members.some(({ figures }) => figures.active + figures.queued > 0)
  }

  send(request: OriginRequest, sink: OriginSink): OriginExchange {
    const repeatable = request.body === undefined && repeatableMethods.has(request.method)
    const order = this.ranked(`${request.host}${request.target}`, repeatable)
    this.retries.earn()
    this.hedges.earn()
    if (order.length === 0) return this.#refuse(sink)
    return new Sending(this, { request, sink, order, repeatable })
  }

  /** Puts an outlier out while others can take its place; never more than half of the set. */
  judge(member: OriginMember): void {
    if (!member.breaker.outlier || member.breaker.state !== 'closed') return
    const out = this.members.filter(({ breaker }) => breaker.state !== 'closed').length
    if ((out + 1) * 2 <= this.members.length) member.breaker.eject()
  }

  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()))
  }

  #refuse(sink: OriginSink): OriginExchange {
    const waitMs = Math.min(...this.members.map(({ breaker }) => breaker.waitMs))
    let gone = false
    queueMicrotask(() => {
      if (gone) return
      const fault = new Fault('bad_gateway', 'the origin failed and is left alone for a while', {
        retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
      })
      sink.fail(fault)
    })
    return { pause() {}, resume() {}, abort: () => void (gone = true) }
  }
}

const repeatableMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** 0 for good ones; later for those that fail their health check or that only a probe may try. */
function rank({ healthy, breaker }: OriginMember, repeatable: boolean): number {
  return (healthy ? 0 : 2) + (breaker.state !== 'closed' && !repeatable ? 1 : 0)
}
