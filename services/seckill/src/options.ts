import type { AdminToken } from '@spate/http/admin-token'
import type { EventLog } from '@spate/eventlog/event-log'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { SeckillSettings } from './settings.ts'

/** What the flash-sale engine runs on. */
export interface SeckillOptions {
  readonly settings: SeckillSettings
  readonly clock: Clock
  /** Seeded in tests; order ids take cryptographic randomness whatever it is. */
  readonly chance: Chance
  readonly log: Log
  readonly telemetry: Telemetry
  readonly dataDir: string
  readonly adminToken: AdminToken
  /** Where the payment provider answers, where the settings do not say; undefined while not known. */
  readonly paymentUrl?: () => string | undefined
  /** Absent: order events are kept in the ledger only, and published once there is one. */
  readonly eventLog?: EventLog
}
