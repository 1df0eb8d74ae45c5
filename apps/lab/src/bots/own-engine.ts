import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adminToken } from '@spate/http/admin-token'
import { secretBytes, type Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import type { SettingsOf } from '@spate/runtime/settings'
import { startSeckill } from '@spate/seckill/main'
import { seckillSettings, type SeckillSettings } from '@spate/seckill/settings'
import { noTelemetry } from '@spate/telemetry/telemetry'

/** An engine of our own, on a free port and in a folder that goes with it. */
export interface OwnEngine {
  readonly host: string
  readonly port: number
  readonly token: string
  close(): Promise<void>
}

/** Addresses count, headers do not; a person needs far less than these rates. */
export const botsEngine: Partial<SeckillSettings> = {
  trustedProxies: [],
  rateLimit: '20/s',
  rateBurst: 40,
  userRateLimit: '5/s',
  userRateBurst: 10,
  risk: 'on',
}

/** Starts one; `over` replaces settings. */
export async function startOwnEngine(
  over: Partial<SeckillSettings>,
  { clock, chance }: { readonly clock: Clock; readonly chance: Chance },
): Promise<OwnEngine> {
  const dataDir = await mkdtemp(join(tmpdir(), 'spate-bots-'))
  const defaults = Object.fromEntries(
    Object.entries(seckillSettings).map(([name, row]) => [name, row.default]),
  ) as SettingsOf<typeof seckillSettings>
  const token = secretBytes(24).toString('base64url')
  const running = await startSeckill({
    settings: { ...defaults, port: 0, grpcPort: 0, ...over },
    clock,
    chance,
    log: silentLog,
    telemetry: noTelemetry,
    dataDir,
    adminToken: adminToken(token),
  })
  const { hostname, port } = new URL(running.urls['traffic'] ?? '')
  return {
    host: hostname,
    port: Number(port),
    token,
    close: async () => {
      await running.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
