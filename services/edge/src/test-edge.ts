import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { after } from 'node:test'
import { request as send } from 'undici'
import type { EventLog } from '@spate/eventlog/event-log'
import { adminToken } from '@spate/http/admin-token'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { noTelemetry, type Telemetry } from '@spate/telemetry/telemetry'
import type { Edge } from './edge.ts'
import { settingsFor } from './conformance/subjects.ts'
import { startEdge } from './main.ts'
import type { EdgeSettings } from './settings.ts'

/** How the test's origin answers one request. */
export type OriginAnswer = (request: IncomingMessage, response: ServerResponse) => void

/** An origin that counts what reaches it. */
export interface TestOrigin {
  readonly url: string
  readonly requests: IncomingMessage[]
  answer: OriginAnswer
  stop(): Promise<void>
}

/** Starts an origin that answers with `answer`. */
export async function startOrigin(answer: OriginAnswer): Promise<TestOrigin> {
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    origin.requests.push(request)
    origin.answer(request, response)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const origin = {
    url: `http://127.0.0.1:${port}`,
    requests: [] as IncomingMessage[],
    answer,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
  stops.add(() => origin.stop())
  return origin
}

/** What a client of the edge saw. */
export interface Seen {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** An edge in front of a counting origin, on a clock that the test moves. */
export interface TestEdge {
  readonly origin: TestOrigin
  readonly clock: VirtualClock
  readonly edge: Edge
  readonly url: string
  readonly adminUrl: string
  readonly adminHeaders: Readonly<Record<string, string>>
  /** What the settings say when they are read again; throws what a bad file would. */
  reread: () => Partial<EdgeSettings>
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Seen>
  purge(order: object): Promise<number>
  stop(): Promise<void>
  /** Stops the edge and leaves the origin. */
  stopEdge(): Promise<void>
}

/** Token of admin calls. */
export const testToken = 'a-token-for-tests-only'

/** Starts an origin and an edge before it. */
export async function startTestEdge(
  answer: OriginAnswer,
  changes: Partial<EdgeSettings> = {},
  telemetry: Telemetry = noTelemetry,
  dataDir: string = tmpdir(),
): Promise<TestEdge> {
  return startTestEdgeBefore(await startOrigin(answer), changes, { telemetry, dataDir })
}

/** Starts an edge before `origin`; its files lie in `dataDir`. */
export async function startTestEdgeBefore(
  origin: TestOrigin,
  changes: Partial<EdgeSettings> = {},
  parts: {
    telemetry?: Telemetry
    dataDir?: string
    eventLog?: EventLog
    wholeAddresses?: boolean
  } = {},
): Promise<TestEdge> {
  const { telemetry = noTelemetry, dataDir = tmpdir(), eventLog, wholeAddresses = false } = parts
  const clock = new VirtualClock(systemClock.now())
  const settings = (more: Partial<EdgeSettings> = {}): EdgeSettings =>
    // Moving the clock must not close the client's idle connections.
    settingsFor(origin.url, { idleMs: 86_400_000, ...changes, ...more })
  const running = await startEdge({
    settings: settings(),
    reread: () => settings(it.reread()),
    clock,
    chance: new SeededChance(7),
    log: silentLog,
    telemetry,
    dataDir,
    adminToken: adminToken(testToken),
    eventLog,
    wholeAddresses,
  })
  stops.add(() => running.stop().then(() => origin.stop()))
  const url = running.urls['traffic'] as string
  const adminUrl = running.urls['admin'] as string
  const adminHeaders = { authorization: `Bearer ${testToken}` }
  const it: TestEdge = {
    origin,
    clock,
    edge: running.edge,
    url,
    adminUrl,
    adminHeaders,
    reread: () => ({}),
    get: (path, headers = {}, method = 'GET') => fetchSeen(`${url}${path}`, headers, method),
    purge: async (order) => {
      const { body } = await send(`${adminUrl}/purge`, {
        method: 'POST',
        headers: { ...adminHeaders, 'content-type': 'application/json' },
        body: JSON.stringify(order),
      })
      return ((await body.json()) as { purged: number }).purged
    },
    stopEdge: () => running.stop(),
    stop: async () => {
      await running.stop()
      await origin.stop()
    },
  }
  return it
}

/** What failed tests left running; a file of tests must end by itself. */
const stops = new Set<() => Promise<void>>()
after(() => Promise.all([...stops].map((stop) => stop())))

/** One request; header lines of one name are joined. */
export async function fetchSeen(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Seen> {
  const answer = await send(url, { method: method as 'GET', headers })
  const body = await answer.body.text()
  const joined = Object.entries(answer.headers).map(([name, value]) => [name, String(value)])
  return { status: answer.statusCode, headers: Object.fromEntries(joined) as Seen['headers'], body }
}

/** An answer with `headers` and `body`; its Date is that of `clock` where one is given. */
export function plain(
  body: string,
  headers: Record<string, string> = {},
  status = 200,
): OriginAnswer {
  return (_, response) => {
    response.sendDate = false
    response.writeHead(status, headers)
    response.end(body)
  }
}
