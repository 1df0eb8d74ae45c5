import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, normalize } from 'node:path'

const root = normalize(join(import.meta.dirname, '..', '..'))

/** What `spate up --json` prints when it is ready. */
export interface Ready {
  /** By purpose: `edge`, `edgeAdmin`, `seckill`, `recommend`, `shop`, `console`. */
  readonly urls: Readonly<Record<string, string>>
  /** Of the start that made it; absent later. */
  readonly adminToken?: string
  readonly dataDir: string
  readonly readyMs: number
}

/** A platform in a process of its own, on free ports and a temporary data folder. */
export interface Platform extends Ready {
  readonly process: ChildProcess
  readonly adminToken: string
  /** Everything it has printed, for the message of a failed test. */
  output(): string
  /** SIGTERM; resolves to the exit code when it has drained. */
  stop(): Promise<number | null>
  /** SIGKILL; resolves when it is gone. The data folder stays. */
  kill(): Promise<void>
}

/** How to start a platform. */
export interface PlatformOptions {
  readonly dataDir?: string
  readonly env?: Readonly<Record<string, string>>
  readonly flags?: readonly string[]
}

/** A temporary folder that is removed by `remove`. */
export function temporaryFolder(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `spate-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Starts `spate up` as a user would and resolves when it says it is ready. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const dataDir = options.dataDir ?? temporaryFolder('up').path
  const flags = ['up', '--free-ports', '--json', '--data-dir', dataDir, ...(options.flags ?? [])]
  const child = spawn(process.execPath, [join(root, 'apps/spate/bin/spate.mjs'), ...flags], {
    cwd: dataDir,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stderr.on('data', (piece: Buffer) => (err = `${err}${piece.toString()}`.slice(-100_000)))
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const ready = await new Promise<Ready>((resolve, reject) => {
    child.stdout.on('data', (piece: Buffer) => {
      out += piece
      const end = out.indexOf('\n')
      if (end >= 0) resolve(JSON.parse(out.slice(0, end)) as Ready)
    })
    child.once('exit', (code) => reject(new Error(`spate up ended with ${code}\n${out}\n${err}`)))
  })
  return {
    ...ready,
    // Shown by the start that makes it, kept in the data folder from then on.
    adminToken: ready.adminToken ?? readFileSync(join(dataDir, 'admin-token'), 'utf8').trim(),
    process: child,
    output: () => `${out}\n${err}`,
    stop: () => {
      child.kill('SIGTERM')
      return gone
    },
    kill: async () => {
      child.kill('SIGKILL')
      await gone
    },
  }
}
