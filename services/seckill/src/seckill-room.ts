import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adminToken } from '@spate/http/admin-token'
import type { EventLog } from '@spate/eventlog/event-log'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock, type Clock } from '@spate/runtime/clock'
import type { Running } from '@spate/runtime/lifecycle'
import { silentLog } from '@spate/runtime/log'
import type { SettingsOf } from '@spate/runtime/settings'
import { noTelemetry, type Telemetry } from '@spate/telemetry/telemetry'
import { startSeckill } from './main.ts'
import { seckillSettings, type SeckillSettings } from './settings.ts'

/** The administrator's token of every room. */
export const roomToken = 'rehearsal-token-0123456789'

/** A whole engine on a free port, for tests that speak HTTP to it. */
export interface SeckillRoom {
  readonly url: string
  /** `host:port` of gRPC. */
  readonly grpc: string
  readonly folder: string
  /** Calls it; `body` is sent as JSON where it is not a text already. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Reply>
  /** The same as administrator. */
  admin(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Reply>
  /** Stops the engine and starts another on the same folder. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** What came back. */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  // A test reads whatever it expects; a wrong guess fails there.
  readonly body: Record<string, unknown>
}

/** Starts an engine in a new folder. */
export async function openRoom(
  over: Partial<SeckillSettings> = {},
  eventLog?: EventLog,
  clock: Clock = systemClock,
  telemetry: Telemetry = noTelemetry,
): Promise<SeckillRoom> {
  const folder = await mkdtemp(join(tmpdir(), 'seckill-'))
  const defaults = Object.fromEntries(
    Object.entries(seckillSettings).map(([name, row]) => [name, row.default]),
  ) as SettingsOf<typeof seckillSettings>
  const settings = { ...defaults, port: 0, grpcPort: 0, ...over }
  const start = (): Promise<Running> =>
    startSeckill({
      settings,
      clock,
      chance: new SeededChance(1),
      log: silentLog,
      telemetry,
      dataDir: folder,
      adminToken: adminToken(roomToken),
      ...(eventLog ? { eventLog } : {}),
    })
  let running = await start()
  const room: SeckillRoom = {
    get url() {
      return running.urls['traffic'] ?? ''
    },
    get grpc() {
      return (running.urls['grpc'] ?? '').replace('http://', '')
    },
    folder,
    async call(method, path, body, headers = {}) {
      const response = await fetch(`${room.url}${path}`, {
        method,
        headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      const parsed = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text }
      return { status: response.status, headers: response.headers, body: parsed }
    },
    admin: (method, path, body, headers = {}) =>
      room.call(method, path, body, { authorization: `Bearer ${roomToken}`, ...headers }),
    async restart() {
      await running.stop()
      running = await start()
    },
    async close() {
      await running.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return room
}
