import { constants, availableParallelism } from 'node:os'

/** What a program may know and use of the process it runs in. A port: tests pass their own. */
export interface Host {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly pid: number
  /** True where stdout is a terminal that shows colours (honours NO_COLOR and FORCE_COLOR). */
  readonly colours: boolean
  readonly interactive: boolean
  write(text: string): void
  writeError(text: string): void
}

/** The process we run in. */
export const processHost: Host = {
  argv: process.argv.slice(2),
  env: process.env,
  get cwd() {
    return process.cwd()
  },
  pid: process.pid,
  colours: coloursWanted(process.env, process.stdout.isTTY),
  interactive: process.stdout.isTTY,
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
}

// Who read our output may go away, as `head` does: a program goes on without a reader.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })

function coloursWanted(env: NodeJS.ProcessEnv, terminal: boolean): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true
  return terminal && env['TERM'] !== 'dumb'
}

/** Bytes of memory this process holds: resident, used heap, external buffers. */
export function memoryBytes(): {
  readonly resident: number
  readonly heapUsed: number
  readonly external: number
} {
  const usage = process.memoryUsage()
  return {
    resident: usage.rss,
    heapUsed: usage.heapUsed,
    external: usage.external + usage.arrayBuffers,
  }
}

/** CPU time used by this process so far, in ms, user and system together. */
export function cpuMs(): number {
  const usage = process.cpuUsage()
  return (usage.user + usage.system) / 1000
}

/** Processors this process may use at once (>= 1). */
export const processors: number = availableParallelism()

/** Calls `task` for SIGINT and SIGTERM (and SIGHUP where named); returns a function that stops listening. */
export function onSignals(
  task: (signal: NodeJS.Signals) => void,
  signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM'],
): () => void {
  for (const signal of signals) process.on(signal, task)
  return () => {
    for (const signal of signals) process.off(signal, task)
  }
}

/** Ends the process now, with `code`. */
export function exit(code: number): never {
  process.exit(code)
}

/** Sets the code the process ends with when nothing keeps it alive any more. */
export function setExitCode(code: number): void {
  process.exitCode = code
}

/** The exit code a shell expects of a process that a signal ended: 128 + its number. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + (constants.signals[signal] ?? 0)
}

/**
 * Ends the process at a named point, as a power cut would: no handlers, no flush. Only where
 * `SPATE_CRASH_AT` names the point; crash tests set it, nothing else does.
 */
export function crashPoint(name: string): void {
  if (armedCrashPoint === name) process.kill(process.pid, 'SIGKILL')
}

const armedCrashPoint = process.env['SPATE_CRASH_AT']
