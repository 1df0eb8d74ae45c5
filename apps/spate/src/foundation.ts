import { resolve } from 'node:path'
import { loadAdminToken, type AdminToken } from '@spate/http/admin-token'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Log, LogSink } from '@spate/runtime/log'
import { text, type TableOf } from '@spate/runtime/settings'
import { telemetrySettings, type TelemetrySettings } from '@spate/telemetry/settings'
import { openDataFolder } from './data-folder.ts'
import { observe, type Observation } from './observation.ts'

/** What every program needs, alone or with the others. */
export interface FoundationSettings extends TelemetrySettings {
  readonly dataDir: string
}

/** Rows of `FoundationSettings`. */
export const foundationSettings: TableOf<FoundationSettings> = {
  dataDir: text('.spate', 'Folder for everything that must survive a restart.'),
  ...telemetrySettings,
}

/** What programs stand on: the data folder, the admin token, telemetry and its stores. */
export interface Foundation extends Observation {
  /** Absolute. */
  readonly dataDir: string
  readonly adminToken: AdminToken
  /** Addresses of clients may be shown whole. */
  readonly wholeAddresses: boolean
}

/** How to lay a foundation. */
export interface FoundationOptions {
  readonly settings: FoundationSettings & { readonly adminToken?: string | undefined }
  readonly folder: string
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  addLogSink(sink: LogSink): void
  /** True where one program runs in this process. */
  readonly alone?: boolean
  /** True where this process may begin before the one whose place it takes has ended. */
  readonly successor?: boolean
}

/** Makes the data folder, reads or makes the admin token, and opens telemetry and its stores. */
export async function layFoundation(options: FoundationOptions): Promise<Foundation> {
  const { settings } = options
  const dataDir = resolve(options.folder, settings.dataDir)
  await openDataFolder(dataDir)
  const adminToken = await loadAdminToken({ configured: settings.adminToken, dataDir })
  const observation = await observe({ ...options, dataDir, adminToken: adminToken.value })
  const wholeAddresses = settings.telemetryClientAddress
  return { dataDir, adminToken, wholeAddresses, ...observation }
}
