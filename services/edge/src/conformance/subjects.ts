import { spawn, type ChildProcess } from 'node:child_process'
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, connect, type AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { adminToken } from '@spate/http/admin-token'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { startEdge } from '../main.ts'
import { edgeSettings, type EdgeSettings } from '../settings.ts'

/** A cache in front of an origin, under test or for comparison. */
export interface Subject {
  readonly name: string
  readonly url: string
  /** Its process; absent where it runs in ours. */
  readonly pid?: number | undefined
  stop(): Promise<void>
}

/** Default settings of an edge with `changes`; all ports free ones, nothing on disk. */
export function settingsFor(origin: string, changes: Partial<EdgeSettings> = {}): EdgeSettings {
  const values = Object.fromEntries(
    Object.entries(edgeSettings).map(([name, setting]) => [name, setting.default]),
  ) as unknown as EdgeSettings
  return { ...values, origin, port: 0, adminPort: 0, diskBytes: 0, ...changes }
}

/** Our edge in this process. */
export async function spateSubject(
  origin: string,
  changes: Partial<EdgeSettings> = {},
): Promise<Subject> {
  const running = await startEdge({
    settings: settingsFor(origin, changes),
    clock: systemClock,
    chance: new SeededChance(1),
    log: silentLog,
    telemetry: noTelemetry,
    dataDir: tmpdir(),
    adminToken: adminToken('conformance-run-only'),
  })
  return { name: 'spate', url: running.urls['traffic'] as string, stop: () => running.stop() }
}

/** nginx with `proxy_cache`; undefined where it is not installed. `extra` goes into the location. */
export async function nginxSubject(origin: string, extra = ''): Promise<Subject | undefined> {
  const binary = await installed('nginx')
  if (!binary) return undefined
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'spate-nginx-'))
  // Started by root, nginx would drop to a user who cannot reach the folder.
  const asRoot = userInfo().uid === 0
  const config = join(folder, 'nginx.conf')
  await mkdir(join(folder, 'logs'))
  await writeFile(
    config,
    `${asRoot ? 'user root; ' : ''}worker_processes 1; daemon off; pid ${folder}/pid; error_log ${folder}/err warn;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/t;
  fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  keepalive_requests 10000000;
  proxy_cache_path ${folder}/c levels=1:2 keys_zone=z:32m max_size=2000m inactive=600m;
  upstream o { server ${new URL(origin).host}; keepalive 64; }
  server { listen 127.0.0.1:${port} backlog=4096; location / { proxy_pass http://o; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_cache z; proxy_cache_revalidate on; ${extra} } } }\n`,
  )
  return run('nginx', { binary, args: ['-c', config, '-p', folder], port, folder })
}

/** Varnish with the suite's own settings; undefined where it is not installed. */
export async function varnishSubject(origin: string, ttl = 0): Promise<Subject | undefined> {
  const binary = await installed('varnishd')
  if (!binary) return undefined
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'spate-varnish-'))
  const { hostname, port: originPort } = new URL(origin)
  const vcl = join(folder, 'default.vcl')
  await writeFile(
    vcl,
    `vcl 4.1;\nbackend default { .host = "${hostname}"; .port = "${originPort}"; }\n`,
  )
  const args = ['-F', '-j', 'none', '-n', join(folder, 'v'), '-a', `127.0.0.1:${port}`, '-f', vcl]
  const tuning = ['-p', `default_ttl=${ttl}`, '-p', 'default_grace=0', '-p', 'default_keep=3600']
  return run('varnish', { binary, args: [...args, ...tuning, '-s', 'malloc,512M'], port, folder })
}

interface Program {
  readonly binary: string
  readonly args: readonly string[]
  readonly port: number
  readonly folder: string
}

async function run(name: string, program: Program): Promise<Subject> {
  const child = spawn(program.binary, program.args, { stdio: 'ignore' })
  await opened(program.port)
  return {
    name,
    url: `http://127.0.0.1:${program.port}`,
    pid: child.pid,
    stop: async () => {
      await ended(child)
      await rm(program.folder, { recursive: true, force: true })
    },
  }
}

/** Stops `child` and waits until it is gone. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  child.once('exit', () => resolve())
  child.kill('SIGTERM')
  const last = systemClock.after(3000, () => child.kill('SIGKILL'))
  return promise.finally(() => last.cancel())
}

/** A port nobody listens on at this moment. */
export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = createServer()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resolve(port))
  })
  return promise
}

/** Waits, at most ten seconds, until something listens on `port`. */
export async function opened(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.once('error', () => resolve(false))
    const open = await promise
    socket.destroy()
    if (open) return
    await systemClock.sleep(50)
  }
  throw new Error(`nothing listens on port ${port}`)
}

async function installed(name: string): Promise<string | undefined> {
  for (const folder of ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin']) {
    try {
      await access(join(folder, name))
      return join(folder, name)
    } catch {
      // Not here: the next folder may have it.
    }
  }
  return undefined
}
