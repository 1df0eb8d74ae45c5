import { decimal, duration, integer, list, text, type TableOf } from '@spate/runtime/settings'

/** Settings of the way to the origins. */
export interface OriginSettings {
  readonly originNetworks: readonly string[]
  readonly originConnectionsMax: number
  readonly originQueueMax: number
  readonly originQueueMs: number
  readonly originConnectMs: number
  readonly originHeadMs: number
  readonly originBodyMs: number
  readonly originTotalMs: number
  readonly originRetryShare: number
  readonly originHedgeMs: number | undefined
  readonly originHedgeShare: number
  readonly originErrorShareMax: number
  readonly breakerFailuresMax: number
  readonly breakerOpenMs: number
  readonly healthPath: string | undefined
  readonly healthEveryMs: number
  readonly healthTimeoutMs: number
  readonly healthyAfter: number
  readonly unhealthyAfter: number
}

/** What an origin's URL must look like. */
export const originPattern: RegExp = /^https?:\/\/[^/?#@\s]+\/?$/

/** The table of `OriginSettings`. */
export const originSettings: TableOf<OriginSettings> = {
  originNetworks: list(
    [],
    'Closed networks that names of origins may lead to; an address written out, and localhost, need no permission',
    {
      pattern: /^(?:loopback|private|linklocal|[\da-fA-F:.]+(?:\/\d{1,3})?)$/,
      expected: 'addresses, CIDRs, or loopback, private, linklocal',
    },
  ),
  originConnectionsMax: integer(256, 1, 65_535, 'Connections to one origin', {
    unit: 'connections',
  }),
  originQueueMax: integer(1024, 0, 1_000_000, 'Requests that may wait for a connection', {
    unit: 'requests',
  }),
  originQueueMs: duration(5000, 1, 300_000, 'Longest wait for a connection'),
  originConnectMs: duration(3000, 10, 300_000, 'Time a connection to the origin may take'),
  originHeadMs: duration(30_000, 10, 3_600_000, 'Time the origin may take to begin its answer'),
  originBodyMs: duration(30_000, 10, 3_600_000, 'Longest pause inside a body of the origin'),
  originTotalMs: duration(
    60_000,
    10,
    3_600_000,
    'Time until an answer begins, with waiting for a connection and all retries',
  ),
  originRetryShare: decimal(
    0.2,
    0,
    1,
    'Retries at another origin as a share of requests; 0 is none',
  ),
  originHedgeMs: duration(
    undefined,
    1,
    60_000,
    'Wait before a second origin is asked for the same GET beside a slow first one; off where unset',
  ),
  originHedgeShare: decimal(0.05, 0, 1, 'Such second requests as a share of requests'),
  originErrorShareMax: decimal(
    0.5,
    0,
    1,
    'Share of errors among the recent answers of one of several origins above which it is put out',
  ),
  breakerFailuresMax: integer(
    5,
    1,
    1000,
    'Failures in a row after which an origin is left alone; ten times as many where it is the only one',
    {
      unit: 'failures',
    },
  ),
  breakerOpenMs: duration(2000, 100, 600_000, 'Time until a failed origin is probed again'),
  healthPath: text(undefined, 'Path that each origin is asked for to see whether it is well', {
    pattern: /^\/[!-~]*$/,
    expected: 'a path: /health/ready',
  }),
  healthEveryMs: duration(5000, 100, 3_600_000, 'Time between two health checks of an origin'),
  healthTimeoutMs: duration(2000, 10, 300_000, 'Time a health check may take'),
  healthyAfter: integer(2, 1, 100, 'Good checks in a row that bring an origin back'),
  unhealthyAfter: integer(3, 1, 100, 'Bad checks in a row that take an origin out'),
}
