import { hash } from 'node:crypto'
import { clientKey } from '@spate/http/client-address'
import { secretBytes } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { riskPoints, RiskTrace, scoreOf, type RiskReason, type RiskScore } from './domain/risk.ts'
import type { Attempt } from './rate-limits.ts'

/** What the rules say to an attempt, or an administrator to a user. */
export type RiskVerdict = 'allow' | 'hold' | 'deny'

/** Settings of the risk score. */
export interface RiskSettings {
  /** `watch` scores and lists, but refuses nobody. */
  readonly risk: 'off' | 'watch' | 'on'
  /** Scores from which on an attempt is held, and denied. */
  readonly riskHoldAt: number
  readonly riskDenyAt: number
  /** Points by reason where they differ from ours: `shared_address:0`. */
  readonly riskPoints: readonly string[]
  /** Users, networks and devices remembered; the longest unseen go first. */
  readonly riskTracesMax: number
  readonly riskReviewsMax: number
}

/** One line of the review list. */
export interface RiskReview {
  readonly userId: string
  /** Keyed hashes, the same for the same network or device until the next start. */
  readonly network: string
  readonly device: string | null
  readonly products: readonly string[]
  readonly score: number
  readonly findings: RiskScore['findings']
  readonly verdict: RiskVerdict
  /** What an administrator decided; null while nobody has. */
  readonly decided: RiskVerdict | null
  readonly attempts: number
  readonly atMs: number
}

/**
 * Scores attempts, holds or denies by rule, and keeps a list of those for people to look at.
 * An administrator's decision on a user goes before every rule. All of it is in memory and bounded.
 */
export class RiskDesk {
  readonly #settings: RiskSettings
  readonly #clock: Clock
  readonly #points: Readonly<Record<RiskReason, number>>
  readonly #traces = new Map<string, RiskTrace>()
  readonly #reviews = new Map<string, RiskReview>()
  readonly #decided = new Map<string, RiskVerdict>()
  readonly #secret = secretBytes(32).toString('hex')

  constructor(settings: RiskSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
    this.#points = pointsOf(settings.riskPoints)
  }

  /** Counts the attempt and says what becomes of it. O(1). */
  judge(attempt: Attempt): RiskVerdict {
    const network = this.#hidden(clientKey(attempt.clientAddress))
    const device = attempt.device === undefined ? undefined : this.#hidden(attempt.device)
    const { score, findings } = this.#score(attempt.userId, network, device)
    const { riskHoldAt, riskDenyAt, risk } = this.#settings
    const decided = this.#decided.get(attempt.userId)
    const ruled = score >= riskDenyAt ? 'deny' : score >= riskHoldAt ? 'hold' : 'allow'
    const verdict = decided ?? ruled
    if (ruled !== 'allow') {
      const before = this.#reviews.get(attempt.userId)
      this.#list({
        userId: attempt.userId,
        network,
        device: device ?? null,
        products: attempt.products,
        score,
        findings,
        verdict,
        decided: decided ?? null,
        attempts: (before?.attempts ?? 0) + 1,
        atMs: this.#clock.now(),
      })
    }
    return risk === 'on' ? verdict : 'allow'
  }

  /** The review list, those who came last first. O(list). */
  reviews(): readonly RiskReview[] {
    return [...this.#reviews.values()].reverse()
  }

  /** Decides on a user until the next start. Throws `overloaded` where too many are decided on. */
  decide(userId: string, verdict: RiskVerdict): RiskReview | undefined {
    if (!this.#decided.has(userId) && this.#decided.size >= this.#settings.riskReviewsMax)
      throw new Fault('overloaded', 'as many users are decided on as riskReviewsMax allows')
    this.#decided.set(userId, verdict)
    const review = this.#reviews.get(userId)
    if (review) this.#reviews.set(userId, { ...review, decided: verdict, verdict })
    return this.#reviews.get(userId)
  }

  #score(userId: string, network: string, device: string | undefined): RiskScore {
    const nowMs = this.#clock.elapsed()
    const ofUser = this.#trace('u', userId)
    const ofNetwork = this.#trace('n', network)
    const ofDevice = device === undefined ? undefined : this.#trace('d', device)
    return scoreOf(
      {
        user_velocity: ofUser.hit(nowMs),
        address_velocity: ofNetwork.hit(nowMs),
        shared_address: ofNetwork.meet(userId),
        shared_device: ofDevice?.meet(userId) ?? 0,
        roaming_user: ofUser.meet(network),
        enumerated_users: ofNetwork.enumerate(userId),
        constant_interval: Math.max(ofUser.beat(nowMs), ofNetwork.beat(nowMs)),
      },
      this.#points,
    )
  }

  #trace(kind: string, key: string): RiskTrace {
    const name = `${kind}${key}`
    const trace = this.#traces.get(name) ?? new RiskTrace()
    // Out and in again: the map's order is the order of last sight.
    if (!this.#traces.delete(name) && this.#traces.size >= this.#settings.riskTracesMax)
      forgetOldest(this.#traces)
    this.#traces.set(name, trace)
    return trace
  }

  #list(review: RiskReview): void {
    const known = this.#reviews.delete(review.userId)
    if (!known && this.#reviews.size >= this.#settings.riskReviewsMax) forgetOldest(this.#reviews)
    this.#reviews.set(review.userId, review)
  }

  /** An address or device id as it is kept: 64 bits under a key that dies with the process. */
  #hidden(text: string): string {
    return hash('sha256', this.#secret + text, 'hex').slice(0, 16)
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}

/** Throws `settings_invalid` where an entry names no reason of ours. */
function pointsOf(entries: readonly string[]): Readonly<Record<RiskReason, number>> {
  const points = { ...riskPoints }
  for (const entry of entries) {
    const [reason = '', value = ''] = entry.split(':')
    if (!Object.hasOwn(points, reason))
      throw new Fault('settings_invalid', `no reason of risk: ${entry}`, {
        fields: [
          {
            field: 'riskPoints',
            value: entry,
            expected: `reason:points, with one of ${Object.keys(points).join(', ')}`,
          },
        ],
      })
    points[reason as RiskReason] = Number(value)
  }
  return points
}
