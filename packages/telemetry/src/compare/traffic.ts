import { SeededChance } from '@spate/runtime/chance'

/**
 * Requests that never were, the same for the same seed: routes by Zipf's law, latencies lognormal
 * by route, a share of failures. Each is one call of a front that calls a leaf.
 */

/** What the traffic is like. */
export interface TrafficPlan {
  readonly requests: number
  readonly routes: number
  /** Share of requests whose leaf fails, 0 to 1. */
  readonly errorShare: number
  /** Requests a second of simulated time. */
  readonly rate: number
  readonly seed: number
}

/** One request of it. Reused from call to call: read it, do not keep it. */
export interface PlannedRequest {
  route: string
  path: string
  method: string
  /** True where a step within the leaf fails. */
  failed: boolean
  /** Status of both; half of the failures are hidden behind a 200: a fallback answered. */
  status: number
  /** Time spent in the leaf, and in the front besides, ms. */
  leafMs: number
  frontMs: number
}

/** Gives out the requests of a plan, one after another. */
export class Traffic {
  readonly #plan: TrafficPlan
  readonly #chance: SeededChance
  readonly #shares: Float64Array
  readonly #request: PlannedRequest = {
    route: '',
    path: '',
    method: 'GET',
    failed: false,
    status: 200,
    leafMs: 0,
    frontMs: 0,
  }

  constructor(plan: TrafficPlan) {
    this.#plan = plan
    this.#chance = new SeededChance(plan.seed)
    this.#shares = new Float64Array(plan.routes)
    let sum = 0
    for (let at = 0; at < plan.routes; at++) this.#shares[at] = sum += 1 / (at + 1)
    for (let at = 0; at < plan.routes; at++) this.#shares[at] = (this.#shares[at] as number) / sum
  }

  /** The next request. O(log routes). */
  next(): PlannedRequest {
    const chance = this.#chance
    const request = this.#request
    const route = this.#routeAt(chance.float())
    request.route = `/shop/section-${route}/{id}`
    request.path = `/shop/section-${route}/${chance.integer(1, 9999)}`
    request.method = chance.float() < 0.9 ? 'GET' : 'POST'
    request.failed = chance.float() < this.#plan.errorShare
    const odds = chance.float()
    request.status = request.failed && odds < 0.5 ? 500 : odds > 0.98 ? 404 : 200
    // Box-Muller: latencies of services are close to lognormal.
    const normal =
      Math.sqrt(-2 * Math.log(1 - chance.float())) * Math.cos(2 * Math.PI * chance.float())
    request.leafMs = (2 + (route % 17)) * Math.exp(0.5 * normal)
    request.frontMs = 0.5 + chance.float()
    return request
  }

  #routeAt(share: number): number {
    let low = 0
    let high = this.#shares.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#shares[middle] as number) < share) low = middle + 1
      else high = middle
    }
    return low
  }
}
