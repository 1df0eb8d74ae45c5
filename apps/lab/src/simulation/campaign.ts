import type { Violation } from '../checker/history.ts'
import { checkThenActDesign, fourStepDesign } from './controls.ts'
import type { Design } from './design.ts'
import type { MutationName } from './mutations.ts'
import { spateDesign } from './spate-design.ts'
import { runSeed, type RunResult } from './world.ts'

/** Designs that must fail. */
export const controlDesigns: Readonly<Record<string, Design>> = {
  'four-step': fourStepDesign,
  'check-then-act': checkThenActDesign,
}

/** What many seeds showed. */
export interface CampaignResult {
  readonly subject: string
  readonly seeds: number
  readonly operations: number
  readonly orders: number
  readonly crashes: number
  readonly crashPoints: Readonly<Record<string, number>>
  /** The first seed that broke a promise, and how; undefined where none did. */
  readonly failed: { readonly seed: number; readonly violations: readonly Violation[] } | undefined
}

/** Which seeds to run, of what. */
export interface CampaignOptions {
  readonly fromSeed: number
  readonly seeds: number
  readonly mutation?: MutationName
  readonly control?: Design
  readonly signal?: AbortSignal
  /** Called after each seed. */
  readonly progress?: (done: number) => void
}

/** Runs seeds one after the other and stops at the first that breaks a promise. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { mutation } = options
  const around = mutation === 'new-key-a-try'
  const design = options.control ?? spateDesign(around ? undefined : mutation)
  const crashPoints = new Map<string, number>()
  let operations = 0
  let orders = 0
  let crashes = 0
  let seeds = 0
  let failed: CampaignResult['failed']
  while (seeds < options.seeds && !failed && !options.signal?.aborted) {
    const seed = options.fromSeed + seeds++
    const result: RunResult = await runSeed(design, seed, around ? { newKeyATry: true } : {})
    operations += result.operations
    orders += result.orders
    crashes += result.crashes
    for (const [name, count] of result.crashPoints)
      crashPoints.set(name, (crashPoints.get(name) ?? 0) + count)
    if (result.violations.length > 0) failed = { seed, violations: result.violations }
    options.progress?.(seeds)
  }
  return {
    subject: around ? `${design.name} without: ${mutation}` : design.name,
    seeds,
    operations,
    orders,
    crashes,
    crashPoints: Object.fromEntries([...crashPoints].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    failed,
  }
}
