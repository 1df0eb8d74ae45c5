import { connect, createServer } from 'node:net'
import { errorCode } from '@spate/runtime/fault'
import { poor, well, type Finding } from './finding.ts'

/** How long a service may take to answer a connection, ms. */
const reachMs = 1500

/** Whether `port` can be listened on at `host`. `setting` names it: `seckillPort`. */
export async function portFinding(setting: string, host: string, port: number): Promise<Finding> {
  const check = `port ${port}`
  if (port === 0) return well(setting, 'any free port')
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(errorCode(error) ?? error.message))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
  if (code === undefined) return well(check, `free, for ${setting}`)
  if (code === 'EADDRINUSE')
    return poor(
      check,
      'fail',
      (await isSpate(host, port)) ? 'a running Spate has it' : `another program has it`,
      `stop that, set ${setting} to another, or start with --free-ports`,
    )
  const next =
    code === 'EACCES' ? `set ${setting} to 1024 or more` : `set host to an address of this machine`
  return poor(check, 'fail', `cannot be listened on at ${host} (${code})`, next)
}

async function isSpate(host: string, port: number): Promise<boolean> {
  try {
    const address = host.includes(':') ? `[${host}]` : host
    const answer = await fetch(`http://${address}:${port}/health/live`, {
      signal: AbortSignal.timeout(reachMs),
    })
    return ((await answer.json()) as { status?: unknown }).status !== undefined
  } catch {
    // Whatever else it speaks, it is not ours.
    return false
  }
}

/** A service that the settings name. */
export interface NamedService {
  /** Name of the setting: `otlp`. */
  readonly setting: string
  readonly host: string
  readonly port: number
}

/** The service at `value`, a URL or `host:port`; undefined where it names none. */
export function serviceOf(setting: string, value: string): NamedService | undefined {
  const url = URL.parse(value.includes('://') ? value : `tcp://${value}`)
  if (!url || url.hostname === '') return undefined
  const host = url.hostname.replaceAll(/^\[|\]$/g, '')
  const port = Number(url.port) || usualPorts[url.protocol]
  return port === undefined ? undefined : { setting, host, port }
}

const usualPorts: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'redis:': 6379,
  'rediss:': 6379,
  'mysql:': 3306,
  'mariadb:': 3306,
}

/** Whether a connection to the service comes about. */
export async function serviceFinding({ setting, host, port }: NamedService): Promise<Finding> {
  const place = `${host}:${port}`
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host, port, timeout: reachMs })
    const over = (why: string | undefined): void => {
      socket.destroy()
      resolve(why)
    }
    socket.once('connect', () => over(undefined))
    socket.once('timeout', () => over('no answer'))
    socket.once('error', (error) => over(errorCode(error) ?? error.message))
  })
  if (code === undefined) return well(setting, `${place} can be reached`)
  // Telemetry waits on disk for its collector; nothing else is lost by starting in any order.
  return poor(
    setting,
    'warn',
    `${place} cannot be reached (${code})`,
    `start what runs there, or correct ${setting}`,
  )
}
