import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import { adminToken } from '@spate/http/admin-token'
import { systemChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { onSignals, processHost } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import type { SettingsOf } from '@spate/runtime/settings'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { startRecommend } from '../main.ts'
import { recommendSettings } from '../settings.ts'

/**
 * A whole engine with its event log in a process of its own, for tests that kill it:
 * `node engine-process.ts FOLDER [PARTITION]`. Writes its URL as one line; SIGTERM stops it in order, which
 * writes a snapshot.
 */
const [folder = '', partition = '0/1'] = processHost.argv
const defaults = Object.fromEntries(
  Object.entries(recommendSettings).map(([name, row]) => [name, row.default]),
) as SettingsOf<typeof recommendSettings>
const eventLog = await openEmbeddedEventLog({ folder: `${folder}/events`, clock: systemClock })
const running = await startRecommend({
  settings: { ...defaults, partition, port: 0, grpcPort: 0, trainAfterEvents: 1_000_000 },
  clock: systemClock,
  chance: systemChance,
  log: silentLog,
  telemetry: noTelemetry,
  dataDir: folder,
  adminToken: adminToken('a-token-for-tests-only'),
  eventLog,
})
processHost.write(`${running.urls['traffic'] ?? ''}\n`)
const stop = async (): Promise<void> => {
  await running.stop()
  await eventLog.close()
}
const stopListening = onSignals(() => {
  stopListening()
  void stop()
})
