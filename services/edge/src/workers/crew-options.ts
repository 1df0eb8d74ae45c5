import type { EventLog } from '@spate/eventlog/event-log'
import type { AdminToken } from '@spate/http/admin-token'
import type { Child } from '@spate/runtime/children'
import type { Clock } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { EdgeSettings } from '../settings.ts'

/** What a crew is started with. */
export interface StartCrewOptions {
  readonly settings: EdgeSettings
  /** The settings as they are now. Throws `settings_invalid`. */
  readonly reread: () => EdgeSettings
  readonly clock: Clock
  readonly log: Log
  readonly telemetry: Telemetry
  readonly dataDir: string
  readonly adminToken: AdminToken
  /** Where the flash sale tells what is sold out; absent: nobody tells this node. */
  readonly eventLog?: EventLog | undefined
  /** Starts this program once more as a worker, with further flags and variables, and sockets to inherit. */
  readonly fork: (
    flags: readonly string[],
    env: Readonly<Record<string, string>>,
    sockets: readonly number[],
  ) => Child
}
