import { keptPerCallMax } from '@spate/telemetry/keep-relay'
import type { Telemetry } from '@spate/telemetry/telemetry'
import Type from 'typebox'
import type { AdminToken } from './admin-token.ts'
import { jsonReader } from './json.ts'
import { metricsRoute } from './metrics-route.ts'
import { jsonResponse } from './problem.ts'
import type { Route } from './router.ts'

const keep = jsonReader(
  Type.Object({
    traces: Type.Array(
      Type.Object({
        traceId: Type.String({ pattern: '^(?!0{32})[0-9a-f]{32}$' }),
        threshold: Type.Optional(Type.String({ pattern: '^[0-9a-f]{1,14}$' })),
      }),
      { maxItems: keptPerCallMax },
    ),
  }),
  { bytesMax: 128 * keptPerCallMax },
)

/** What every program answers about its telemetry: `GET /metrics` and `POST /telemetry/keep`. */
export function telemetryRoutes(telemetry: Telemetry, adminToken: AdminToken): readonly Route[] {
  return [metricsRoute(telemetry), keepRoute(telemetry, adminToken)]
}

/**
 * `POST /telemetry/keep`: a peer kept these traces, so spans of them that are held here are sent on
 * too. Needs the admin token. Nothing is told on, so peers that know each other make no circle.
 */
function keepRoute(telemetry: Telemetry, adminToken: AdminToken): Route {
  return {
    method: 'POST',
    path: '/telemetry/keep',
    name: 'keepTraces',
    summary: 'Keeps what is held of traces that a peer kept',
    body: keep.schema,
    status: 202,
    refusals: [401],
    handler: async (request) => {
      adminToken.require(request)
      const { traces } = await keep.read(request)
      telemetry.hushTrace(request.span.spanContext().traceId)
      for (const { traceId, threshold } of traces) telemetry.keepTrace(traceId, threshold)
      return jsonResponse(202, { taken: traces.length })
    },
  }
}
