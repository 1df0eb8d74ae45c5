import { createClient } from '@spate/http/client'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { relayKeeps } from '@spate/telemetry/keep-relay'
import type { Telemetry } from '@spate/telemetry/telemetry'

/** How peers are reached. */
export interface TelemetryPeers {
  /** Base URLs of their admin channels. */
  readonly peers: readonly string[]
  readonly adminToken: string
  readonly clock: Clock
  readonly log: Log
}

/** Time one call to a peer may take, ms. */
const callMsMax = 2000

/** Tells `peers` of every trace kept here, by `POST /telemetry/keep`; returns a function that stops it. */
export function tellPeers(telemetry: Telemetry, options: TelemetryPeers): () => Promise<void> {
  const { peers, adminToken, clock, log } = options
  // Without telemetry: a span of the telling would be one more trace to tell of.
  const client = createClient({ clock })
  const stop = relayKeeps(telemetry, {
    clock,
    peers,
    metrics: telemetry.metrics,
    log,
    post: async (peer, traces) => {
      const answer = await client.fetch(new URL('/telemetry/keep', peer), {
        method: 'POST',
        timeoutMs: callMsMax,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${adminToken}` },
        body: JSON.stringify({ traces }),
      })
      const text = await answer.text()
      if (!answer.ok) throw new Fault('bad_gateway', `it answered ${answer.status}: ${text}`)
    },
  })
  return async () => {
    await stop()
    await client.close()
  }
}
