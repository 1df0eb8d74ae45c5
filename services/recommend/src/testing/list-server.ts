import { join } from 'node:path'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import { adminToken } from '@spate/http/admin-token'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { onSignals, processHost } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import { loadSettings } from '@spate/runtime/settings-load'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { startRecommend } from '../main.ts'
import { recommendSettings } from '../settings.ts'
import { framesOf, Snapshots } from '../snapshots.ts'
import { benchShop } from './bench-shop.ts'

/**
 * The whole program over the shop of the benchmark, its ranker let in, in a process of its own:
 * `node list-server.ts FOLDER ranked|plain`. Everything is on that is on as shipped: telemetry, the
 * feature cache, the log of served lists. Writes its port as one line.
 */
const [folder = '', kind] = processHost.argv
const shop = benchShop({ users: 20_000, items: 5000, events: 200_000 }, kind === 'ranked')
const snapshots = await Snapshots.open(join(folder, 'recommend'), silentLog)
const saved = { state: shop.state.view(), feedback: shop.feedback.view(), offsets: {} }
await snapshots.save(await framesOf(saved))
await snapshots.close()
const { values: settings } = loadSettings(recommendSettings, {
  program: 'recommend',
  flags: ['--port', '0', '--grpc-port', '0', '--train-after-events', '1000000000'],
  env: {},
})
const eventLog = await openEmbeddedEventLog({ folder: join(folder, 'log'), clock: systemClock })
const telemetry = createTelemetry({
  serviceName: 'spate-recommend',
  chance: new SeededChance(7),
  sinks: [() => {}],
})
const running = await startRecommend({
  settings,
  clock: systemClock,
  chance: new SeededChance(1),
  log: silentLog,
  telemetry,
  dataDir: folder,
  adminToken: adminToken('a-token-for-tests-only'),
  eventLog,
})
await running.engine.trainer.stop()
running.engine.served.swap(shop.served.now())
processHost.write(`${new URL(running.urls['traffic'] ?? '').port}\n`)
const stopListening = onSignals(() => {
  stopListening()
  void running.stop().then(() => eventLog.close())
})
