import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request, type Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join, normalize } from 'node:path'
import { createInterface } from 'node:readline'
import { processHost } from '@spate/runtime/host'

const program = normalize(join(import.meta.dirname, '../../../spate/bin/spate.mjs'))

/** A program of ours under measurement, in a process of its own. */
export interface ProgramProcess {
  readonly port: number
  readonly token: string
  /** CPU time of the process so far, us, in the kernel's ticks of 10 ms. */
  readonly cpuUs: () => Promise<number>
  /** Drains it and removes its data; resolves when it is gone. */
  readonly stop: () => Promise<void>
}

/** Starts `spate NAME` on a free port and a new data folder. Rejects where it ends before it is ready. */
export async function startProgram(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProgramProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-bench-'))
  const child = startNode([program, ...words, '--port', '0', '--data-dir', folder], env)
  const url = await lineOf(child, /"ready".*"traffic":"([^"]+)"/)
  const token = (await readFile(join(folder, 'admin-token'), 'utf8')).trim()
  return {
    port: Number(new URL(url).port),
    token,
    cpuUs: () => cpuUs(child),
    stop: async () => {
      await endProcess(child)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Starts Node with `words`; what it prints can be read with `lineOf`. */
export function startNode(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn('node', words, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...processHost.env, ...env },
  })
}

/** What `form` caught of the first line of `child`'s output that it fits. */
export async function lineOf(child: ChildProcess, form: RegExp): Promise<string> {
  assertPiped(child)
  for await (const each of createInterface({ input: child.stdout })) {
    const found = form.exec(each)
    if (!found) continue
    child.stdout.resume()
    return found[1] ?? ''
  }
  throw new Error('the program ended before it was ready')
}

/** Drains `child`; resolves when it is gone. */
export async function endProcess(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  if (child.exitCode === null) await once(child, 'exit')
}

/** One request of JSON; resolves when the answer is read, rejects where it is a refusal. */
export function send(
  port: number,
  [method, path, body]: readonly [method: string, path: string, body?: object],
  headers: Readonly<Record<string, string>> = {},
  agent?: Agent,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const options = { port, path, method, headers: { ...type, ...headers } }
  const sending = request(agent ? { ...options, agent } : options, (response) => {
    response.resume()
    response.once('end', () =>
      (response.statusCode ?? 500) < 300
        ? resolve()
        : reject(new Error(`${path} answered ${response.statusCode}`)),
    )
  })
  sending.once('error', reject)
  sending.end(body === undefined ? undefined : JSON.stringify(body))
  return promise
}

async function cpuUs(child: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

function assertPiped(
  child: ChildProcess,
): asserts child is ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  if (!child.stdout) throw new Error('its output is not piped')
}
