import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { LogBook } from '@spate/console/log-book'
import { loadAdminToken, type AdminToken } from '@spate/http/admin-token'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Log, LogSink } from '@spate/runtime/log'
import { text, type TableOf } from '@spate/runtime/settings'
import { createOtlpExporter } from '@spate/telemetry/exporter'
import { samplingOf, telemetrySettings, type TelemetrySettings } from '@spate/telemetry/settings'
import { createTelemetry, type Telemetry } from '@spate/telemetry/telemetry'
import { TraceStore } from '@spate/telemetry/trace-store'
import { version } from './help.ts'
import { tellPeers } from './telemetry-peers.ts'

/** What every program needs, alone or with the others. */
export interface FoundationSettings extends TelemetrySettings {
  readonly dataDir: string
}

/** Rows of `FoundationSettings`. */
export const foundationSettings: TableOf<FoundationSettings> = {
  dataDir: text('.spate', 'Folder for everything that must survive a restart.'),
  ...telemetrySettings,
}

/** What programs stand on: the data folder, the admin token, telemetry and its trace store. */
export interface Foundation {
  /** Absolute. */
  readonly dataDir: string
  readonly adminToken: AdminToken
  readonly traces: TraceStore
  /** Telemetry of the programs that were started so far. */
  readonly telemetries: readonly Telemetry[]
  readonly logs: LogBook
  /** Telemetry of the program `name` (`service.name` is `spate-<name>`); call it once a name. */
  telemetryOf(name: string): Telemetry
  /** Sends or spills what waits, within the deadline of `signal`. */
  close(signal?: AbortSignal): Promise<void>
}

/** How to lay a foundation. */
export interface FoundationOptions {
  readonly settings: FoundationSettings & { readonly adminToken?: string | undefined }
  readonly folder: string
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  addLogSink(sink: LogSink): void
}

/** Makes the data folder, reads or makes the admin token, and opens the trace store. */
export async function layFoundation(options: FoundationOptions): Promise<Foundation> {
  const { settings, clock, chance, log } = options
  const dataDir = resolve(options.folder, settings.dataDir)
  await mkdir(dataDir, { recursive: true })
  const adminToken = await loadAdminToken({ configured: settings.adminToken, dataDir })
  const traces = new TraceStore({ bytes: settings.traceStoreBytes })
  const made: Telemetry[] = []
  const logs = new LogBook()
  options.addLogSink(logs.sink)
  const exporter =
    settings.otlp === undefined
      ? undefined
      : await createOtlpExporter({
          url: settings.otlp,
          protocol: settings.otlpProtocol,
          clock,
          chance,
          log: log.child('otlp'),
          metricsEveryMs: settings.telemetryFlush,
          queueBytes: settings.telemetryQueueBytes,
          spillFolder: join(dataDir, 'telemetry'),
          spillBytes: settings.telemetrySpillBytes,
        })
  let stopTelling: (() => Promise<void>) | undefined
  return {
    dataDir,
    adminToken,
    traces,
    telemetries: made,
    logs,
    telemetryOf(name) {
      const telemetry = createTelemetry({
        serviceName: `spate-${name}`,
        serviceVersion: version,
        clock,
        chance,
        log: log.child('telemetry'),
        sampling: samplingOf(settings),
        sinks: [traces.sink],
        ...(exporter === undefined ? {} : { exporters: [exporter] }),
        // The event loop and memory belong to the process, so one of its programs reports them.
        runtimeMetrics: made.length === 0,
      })
      made.push(telemetry)
      // One board of kept traces serves all programs of a process, so one of them tells for all.
      if (settings.telemetryPeers.length > 0)
        stopTelling ??= tellPeers(telemetry, {
          peers: settings.telemetryPeers,
          adminToken: adminToken.value,
          clock,
          log: log.child('telemetry'),
        })
      return telemetry
    },
    async close(signal) {
      await stopTelling?.()
      await Promise.all(made.map((telemetry) => telemetry.shutdown(signal)))
    },
  }
}
