import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import { jsonResponse } from './problem.ts'
import type { Route } from './router.ts'

/** What a dependency says of itself. */
export interface Health {
  readonly ready: boolean
  /** One line for the operator: `replaying, 40 % done`. Shown to anyone who asks: no secrets. */
  readonly detail?: string
  /** True where the program does its work without it, if less well: it is named, and never makes the program not ready. */
  readonly optional?: boolean
}

/** Dependencies by name; each is asked anew for every readiness call. */
export type HealthChecks = Readonly<Record<string, () => Health | Promise<Health>>>

/** How to answer health calls. */
export interface HealthOptions {
  readonly clock: Clock
  /** Time one check may take, ms; later it counts as not ready. Default 1,000. */
  readonly checkMsMax?: number
  /** True once the program drains: not ready, still alive. */
  readonly draining?: () => boolean
}

/**
 * `GET /health/live`: 200 while the event loop turns. `GET /health/ready`: 200 where every check
 * is ready, else 503; both as JSON that names each dependency. A function of checks is asked anew
 * for each call: dependencies may come and go.
 */
export function healthRoutes(
  checks: HealthChecks | (() => HealthChecks),
  options: HealthOptions,
): Route[] {
  const headers = ['cache-control', 'no-store']
  return [
    {
      method: 'GET',
      path: '/health/live',
      name: 'healthLive',
      summary: 'Says whether the process is alive',
      handler: () => jsonResponse(200, { status: 'live' }, headers),
    },
    {
      method: 'GET',
      path: '/health/ready',
      name: 'healthReady',
      summary: 'Says whether the program can do its work, dependency by dependency',
      refusals: [503],
      handler: async () => {
        const now = typeof checks === 'function' ? checks() : checks
        const { ready, dependencies } = await readiness(now, options)
        const status = options.draining?.() ? 'draining' : ready ? 'ready' : 'not_ready'
        return jsonResponse(status === 'ready' ? 200 : 503, { status, dependencies }, headers)
      },
    },
  ]
}

/** Asks every check at once. */
export async function readiness(
  checks: HealthChecks,
  options: Pick<HealthOptions, 'clock' | 'checkMsMax'>,
): Promise<{
  readonly ready: boolean
  readonly dependencies: Readonly<Record<string, Health>>
}> {
  const answers = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await ask(check, options)] as const),
  )
  return {
    ready: answers.every(([, { ready, optional }]) => ready || optional === true),
    dependencies: Object.fromEntries(answers),
  }
}

async function ask(
  check: () => Health | Promise<Health>,
  { clock, checkMsMax = 1000 }: Pick<HealthOptions, 'clock' | 'checkMsMax'>,
): Promise<Health> {
  let stop = (): void => {}
  const late = new Promise<Health>((resolve) => {
    const timer = clock.after(checkMsMax, () =>
      resolve({ ready: false, detail: `no answer within ${checkMsMax} ms` }),
    )
    stop = () => timer.cancel()
  })
  try {
    return await Promise.race([Promise.resolve().then(check), late])
  } catch (caught) {
    return { ready: false, detail: errorText(caught) }
  } finally {
    stop()
  }
}
