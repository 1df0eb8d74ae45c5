/**
 * How much an attempt looks like a machine, in points of 100, with a reason for each point.
 * Everything is counted by hashed keys; nothing here knows an address.
 */

/** Why an attempt got points. */
export type RiskReason =
  | 'user_velocity'
  | 'address_velocity'
  | 'shared_address'
  | 'shared_device'
  | 'roaming_user'
  | 'enumerated_users'
  | 'constant_interval'

/** Points a reason gives where it is fully met. Settings may change them. */
export const riskPoints: Readonly<Record<RiskReason, number>> = {
  user_velocity: 40,
  address_velocity: 30,
  shared_address: 30,
  shared_device: 50,
  roaming_user: 40,
  enumerated_users: 60,
  constant_interval: 40,
}

/** From which count on a reason begins, and at which it is fully met. */
export const riskScales: Readonly<Record<RiskReason, readonly [from: number, full: number]>> = {
  /** Attempts of one user within the window. */
  user_velocity: [10, 30],
  /** Attempts from one client network within the window. */
  address_velocity: [60, 300],
  /** Users seen from one client network. */
  shared_address: [4, 12],
  /** Users seen with one device. */
  shared_device: [2, 5],
  /** Client networks seen with one user. */
  roaming_user: [3, 8],
  /** User ids that differ in a counting number, one after the other from one network. */
  enumerated_users: [3, 6],
  /** Attempts in a row at the same distance in time. */
  constant_interval: [6, 12],
}

/** Time over which attempts are counted, ms. */
export const riskWindowMs = 10_000

/** A reason that was met, with what was counted and the points it gave. */
export interface RiskFinding {
  readonly reason: RiskReason
  readonly count: number
  readonly points: number
}

/** The sum of all findings, at most 100. */
export interface RiskScore {
  readonly score: number
  readonly findings: readonly RiskFinding[]
}

/** What was counted, as a score. */
export function scoreOf(
  counts: Readonly<Record<RiskReason, number>>,
  points: Readonly<Record<RiskReason, number>> = riskPoints,
): RiskScore {
  const findings: RiskFinding[] = []
  let sum = 0
  for (const reason of Object.keys(riskScales) as RiskReason[]) {
    const [from, full] = riskScales[reason]
    const count = counts[reason]
    if (count < from) continue
    const share = Math.min(1, (count - from + 1) / (full - from + 1))
    const given = Math.ceil(points[reason] * share)
    if (given === 0) continue
    findings.push({ reason, count, points: given })
    sum += given
  }
  return { score: Math.min(100, sum), findings }
}

/** Different keys kept apart by one trace, at most; more count as this many. */
const distinctMax = 16

/** What is remembered of one user, network or device. About 200 B. */
export class RiskTrace {
  #windowMs = 0
  #count = 0
  #lastMs = Number.NEGATIVE_INFINITY
  #gapMs = Number.NaN
  #evenGaps = 0
  readonly #distinct: string[] = []
  #prefix = ''
  #number = Number.NaN
  #run = 0

  /** Attempts in the present window, this one among them. */
  hit(nowMs: number): number {
    if (nowMs - this.#windowMs >= riskWindowMs) {
      this.#windowMs = nowMs
      this.#count = 0
    }
    return ++this.#count
  }

  /** Attempts in a row whose distance in time is that of the one before, within 3 % (and 2 ms). */
  beat(nowMs: number): number {
    const gapMs = nowMs - this.#lastMs
    this.#lastMs = nowMs
    const even = Math.abs(gapMs - this.#gapMs) <= Math.max(2, 0.03 * this.#gapMs)
    // Attempts of one burst have no distance to speak of: that is velocity, not rhythm.
    this.#evenGaps = even && gapMs >= 20 ? this.#evenGaps + 1 : 0
    this.#gapMs = gapMs
    return this.#evenGaps
  }

  /** How many different keys were seen here, at most 16. O(16). */
  meet(key: string): number {
    if (this.#distinct.length < distinctMax && !this.#distinct.includes(key))
      this.#distinct.push(key)
    return this.#distinct.length
  }

  /** Ids that count up or down by at most 3, with the same text before the number, in a row. */
  enumerate(userId: string): number {
    const match = /^(.*?)(\d{1,15})$/.exec(userId)
    const [prefix = '', digits = ''] = match ? [match[1], match[2]] : [userId]
    const number = digits === '' ? Number.NaN : Number(digits)
    const step = Math.abs(number - this.#number)
    if (prefix === this.#prefix && step === 0) return this.#run
    this.#run = prefix === this.#prefix && step <= 3 ? this.#run + 1 : 0
    this.#prefix = prefix
    this.#number = number
    return this.#run
  }
}
