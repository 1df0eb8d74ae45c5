/** An edge in a process of its own, so that a test can end it without warning: `origin folder [settings as JSON]`. */
import { flushCompileCache } from 'node:module'
import { adminToken } from '@spate/http/admin-token'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { processHost } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { settingsFor } from '../conformance/subjects.ts'
import { startEdge } from '../main.ts'
import type { EdgeSettings } from '../settings.ts'

/** Token of the admin calls of an edge under test. */
export const processToken = 'a-token-for-killed-edges'

const MiB = 1024 ** 2
const [origin = '', folder = '', changes = '{}'] = processHost.argv
if (origin !== '') {
  const running = await startEdge({
    settings: settingsFor(origin, {
      diskBytes: 1024 * MiB,
      memoryBytesMax: 16 * MiB,
      objectBytesMax: MiB,
      ...(JSON.parse(changes) as Partial<EdgeSettings>),
    }),
    clock: systemClock,
    chance: new SeededChance(1),
    log: silentLog,
    telemetry: noTelemetry,
    dataDir: folder,
    adminToken: adminToken(processToken),
  })
  const { traffic, admin } = running.urls
  // Who is killed writes no cache at its end; with one, the next start takes half the time.
  flushCompileCache()
  processHost.write(`${traffic} ${admin}\n`)
}
