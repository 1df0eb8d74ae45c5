import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'

const spate = join(normalize(join(import.meta.dirname, '..', '..')), 'apps/spate/bin/spate.mjs')

/** `spate edge` in a process of its own. */
export interface EdgeCommand {
  readonly traffic: string
  readonly admin: string
  readonly pid: number
  /** What it has printed so far. */
  output(): string
  /** Resolves once `sign` has been printed. */
  printed(sign: RegExp): Promise<void>
  /** Processes it has started and that still run. */
  children(): readonly number[]
  /** Key to admin calls, from its data folder. */
  token(): string
  /** Calls an admin route with that key. */
  call(path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }>
  /** SIGTERM; resolves to the exit code when it has drained. */
  stop(): Promise<number | null>
}

/** Starts `spate edge` in `folder`, with its data in `folder/data`; resolves when all of it is ready. */
export async function startEdgeCommand(
  flags: readonly string[],
  folder: string,
): Promise<EdgeCommand> {
  const common = '--log-format text --port 0 --admin-port 0 --data-dir data'.split(' ')
  const child = spawn(process.execPath, [spate, 'edge', ...common, ...flags], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const pid = child.pid as number
  let out = ''
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const watchers = new Set<() => void>()
  const hear = (piece: Buffer): void => {
    out += piece.toString()
    for (const watcher of watchers) watcher()
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const printed = (sign: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const watcher = (): void => {
        if (!sign.test(out)) return
        watchers.delete(watcher)
        resolve()
      }
      watchers.add(watcher)
      watcher()
      child.once('exit', (code) => reject(new Error(`edge ended with ${code}\n${out}`)))
    })
  // The admin port of workers is another one each; that of the command is the first that listens.
  await printed(/listening for=admin url=\S+/)
  const admin = /listening for=admin url=(\S+)/.exec(out)?.[1] as string
  await printed(new RegExp(`ready program=edge .*admin=${admin} `))
  const traffic = /listening for=traffic url=(\S+)/.exec(out)?.[1] as string
  const token = (): string => readFileSync(join(folder, 'data/admin-token'), 'utf8').trim()
  return {
    traffic,
    admin,
    pid,
    printed,
    output: () => out,
    token,
    children: () =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
        .split(' ')
        .flatMap((each) => Number(each) || []),
    call: async (path, body) => {
      const answer = await fetch(`${admin}${path}`, {
        method: path.startsWith('/stats') ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${token()}`, 'content-type': 'application/json' },
        ...(body ? { body: JSON.stringify(body) } : {}),
      })
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    },
    stop: () => {
      child.kill('SIGTERM')
      return gone
    },
  }
}
