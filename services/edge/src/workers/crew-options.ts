import type { AdminToken } from '@spate/http/admin-token'
import type { Child } from '@spate/runtime/children'
import type { Clock } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { EdgeSettings } from '../settings.ts'

/** What a crew is started with. */
export interface StartCrewOptions {
  readonly settings: EdgeSettings
  readonly clock: Clock
  readonly log: Log
  readonly telemetry: Telemetry
  readonly dataDir: string
  readonly adminToken: AdminToken
  /** Starts this program once more as a worker, with further flags and variables. */
  readonly fork: (flags: readonly string[], env: Readonly<Record<string, string>>) => Child
}
