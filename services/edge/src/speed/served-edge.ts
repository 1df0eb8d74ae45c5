/**
 * An edge as a process of its own, for benchmarks: `node served-edge.ts ORIGIN [OBJECTS [BODY_BYTES]]`.
 * Holds OBJECTS ready made objects `/o/0`, `/o/1` ... tagged `one`; prints its two URLs.
 */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adminToken } from '@spate/http/admin-token'
import { systemChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { exit, onSignals, processHost } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { settingsFor } from '../conformance/subjects.ts'
import { startEdge } from '../main.ts'
import { sampleResponse } from '../store/hit-ratio.ts'
import { benchToken } from './subjects.ts'

const [origin = '', objects = '0', bodyBytes = '1024'] = processHost.argv
const held = Number(objects)
const changes = held > 0 ? { memoryBytesMax: 2 ** 33 } : {}
const running = await startEdge({
  settings: settingsFor(origin, changes),
  clock: systemClock,
  chance: systemChance,
  log: silentLog,
  telemetry: createTelemetry({
    serviceName: 'spate-edge',
    sampling: { strategy: 'fixed', rate: 0.01 },
  }),
  dataDir: mkdtempSync(join(tmpdir(), 'spate-bench-')),
  adminToken: adminToken(benchToken),
})
const { traffic = '', admin = '' } = running.urls
for (let at = 0; at < held; at++)
  running.edge.store.memory.put(
    sampleResponse(`${traffic}/o/${at}`, Number(bodyBytes), 'one', systemClock.now()),
  )
processHost.write(`${traffic} ${admin}\n`)
onSignals(() => exit(0))
