import { SeededChance } from '@spate/runtime/chance'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { Admission, type AdmissionOptions, type Pass, type Priority } from './admission.ts'

/**
 * A flood against a small server, on a virtual clock: the same seed gives the same figures on every
 * machine. The server has `workers`; each request takes one of them for an exponential time. Requests
 * come as a Poisson stream and are worth something only if answered within `deadlineMs`.
 */

/** What to simulate. */
export interface Flood {
  readonly seed: number
  readonly seconds: number
  /** Requests a second at a moment. */
  readonly rate: (atMs: number) => number
  /** Mean time of service, ms, at a moment. */
  readonly serviceMs: (atMs: number) => number
  readonly workers: number
  readonly deadlineMs: number
  /** Absent: no limit, the control. */
  readonly admission?: Omit<AdmissionOptions, 'clock'>
  readonly priorityOf?: (chance: number) => Priority
}

/** What came of it. */
export interface FloodResult {
  readonly offered: number
  /** Answered within the deadline, in all and by class. */
  readonly good: number
  readonly goodBy: Readonly<Record<Priority, number>>
  readonly offeredBy: Readonly<Record<Priority, number>>
  /** Answered too late. */
  readonly late: number
  readonly refused: number
  /** Most requests inside at once, and the limit at the end of each second. */
  readonly inflightMost: number
  readonly limits: readonly number[]
  /** Good answers in each second. */
  readonly goodEachSecond: readonly number[]
}

/** Runs `flood`. O(requests). */
export function simulateFlood(flood: Flood): FloodResult {
  const clock = new VirtualClock(0)
  const chance = new SeededChance(flood.seed)
  const admission = flood.admission && new Admission({ ...flood.admission, clock })
  const none = (): Record<Priority, number> => ({ critical: 0, normal: 0, background: 0 })
  const [goodBy, offeredBy] = [none(), none()]
  const goodEachSecond = Array.from({ length: flood.seconds }, () => 0)
  const limits: number[] = []
  const jobs: (() => void)[] = []
  let [late, refused, idle, inside, inflightMost] = [0, 0, flood.workers, 0, 0]
  const exponential = (mean: number): number => -mean * Math.log(1 - chance.float())

  const work = (done: () => void): void => {
    inside++
    inflightMost = Math.max(inflightMost, inside)
    const run = (): void => {
      idle--
      clock.after(exponential(flood.serviceMs(clock.now())), () => {
        idle++
        inside--
        // First come, first served: who waits inside goes before those let in by this answer.
        jobs.shift()?.()
        done()
      })
    }
    if (idle > 0) run()
    else jobs.push(run)
  }
  const arrive = (): void => {
    const atMs = clock.elapsed()
    const priority = flood.priorityOf?.(chance.float()) ?? 'normal'
    offeredBy[priority]++
    const begin = (pass: Pass | undefined): void =>
      work(() => {
        pass?.release('ok')
        if (clock.elapsed() - atMs > flood.deadlineMs) return void late++
        goodBy[priority]++
        const second = Math.min(flood.seconds - 1, Math.floor(clock.elapsed() / 1000))
        goodEachSecond[second] = (goodEachSecond[second] ?? 0) + 1
      })
    if (!admission) return begin(undefined)
    admission.ask(priority, { admit: begin, refuse: () => void refused++ })
  }
  const next = (): void => {
    arrive()
    clock.after(exponential(1000 / flood.rate(clock.now())), next)
  }
  clock.after(0, next)
  for (let second = 0; second < flood.seconds; second++) {
    clock.advance(1000)
    limits.push(admission?.limit ?? Number.POSITIVE_INFINITY)
  }
  const total = (by: Record<Priority, number>): number => by.critical + by.normal + by.background
  return {
    offered: total(offeredBy),
    good: total(goodBy),
    goodBy,
    offeredBy,
    late,
    refused,
    inflightMost,
    limits,
    goodEachSecond,
  }
}
