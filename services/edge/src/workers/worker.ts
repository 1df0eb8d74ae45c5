import type { AdminToken } from '@spate/http/admin-token'
import { createClient } from '@spate/http/client'
import { metricsRoute } from '@spate/http/metrics-route'
import type { Route } from '@spate/http/router'
import type { Clock } from '@spate/runtime/clock'

/** A worker's place in its crew. */
export interface WorkerPlace {
  /** Admin URL of the process that started it. */
  readonly crewUrl: string
}

/** What a worker tells the process that started it once it answers. */
export interface WorkerReady {
  readonly traffic: string
  readonly admin: string
}

/** `GET /metrics` on a worker's traffic port: those of the whole crew, whichever worker is asked. */
export function crewMetricsRoute(
  { crewUrl }: WorkerPlace,
  { clock, adminToken }: { readonly clock: Clock; readonly adminToken: AdminToken },
): Route {
  const client = createClient({ clock, limits: { connectionsPerOrigin: 2 } })
  const headers = ['authorization', `Bearer ${adminToken.value}`]
  const exposition = async (): Promise<string> =>
    (await client.fetch(`${crewUrl}/metrics`, { headers, timeoutMs: 5000 })).text()
  return metricsRoute({ exposition })
}
