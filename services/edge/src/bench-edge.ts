/** An edge as a process of its own, for benchmarks: `node bench-edge.ts ORIGIN`; prints its URL, ends with its stdin. */
import { tmpdir } from 'node:os'
import { adminToken } from '@spate/http/admin-token'
import { systemChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { exit, onSignals, processHost } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { settingsFor } from './conformance/subjects.ts'
import { startEdge } from './main.ts'

const running = await startEdge({
  settings: settingsFor(processHost.argv[0] ?? ''),
  clock: systemClock,
  chance: systemChance,
  log: silentLog,
  telemetry: createTelemetry({
    serviceName: 'spate-edge',
    sampling: { strategy: 'fixed', rate: 0.01 },
  }),
  dataDir: tmpdir(),
  adminToken: adminToken('benchmark-token-only'),
})
processHost.write(`${running.urls['traffic']}\n`)
onSignals(() => exit(0))
