import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { processHost, processors } from '@spate/runtime/host'
import { ended } from '../conformance/subjects.ts'

/** A program of ours that runs beside the benchmark. */
export interface Beside {
  readonly pid: number
  /** Words of the first line it printed. */
  readonly words: readonly string[]
  readonly child: ChildProcess
  stop(this: void): Promise<void>
}

/** Starts `file` as a process of its own; resolves once it printed its first line. */
export async function startBeside(file: URL, args: readonly string[]): Promise<Beside> {
  const child = spawn('node', [file.pathname, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    pid: child.pid as number,
    words: line.toString().trim().split(' '),
    child,
    stop: () => ended(child),
  }
}

/** `pid` and all it started, as far as they run. */
async function familyOf(pid: number): Promise<readonly number[]> {
  const path = `/proc/${pid}/task/${pid}/children`
  const children = await readFile(path, 'utf8').catch(() => '')
  const families = await Promise.all(
    children
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => familyOf(Number(word))),
  )
  return [pid, ...families.flat()]
}

/** CPU time of `pid` and all it started so far, us. Linux counts it in ticks of 10 ms; 0 elsewhere. */
export async function cpuUs(pid: number): Promise<number> {
  const used = (await familyOf(pid)).map(async (each) => {
    const stat = await readFile(`/proc/${each}/stat`, 'utf8').catch(() => '')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10_000
  })
  return (await Promise.all(used)).reduce((sum, each) => sum + each, 0)
}

/** Processors of the benchmark: one for what is measured, another for the load and the origin. */
export const cores = { measured: '0', load: '1' } as const

/** Keeps `pid` and all it started on `core`; does nothing where there is one core, or no `taskset`. */
export async function pin(pid: number, core: string): Promise<void> {
  if (processors < 2) return
  for (const each of await familyOf(pid))
    await promisify(execFile)('taskset', ['-a', '-c', '-p', core, String(each)]).catch(() => {})
}

/** Keeps the benchmark itself, and what it starts from now on, off the core of what is measured. */
export const stepAside = (): Promise<void> => pin(processHost.pid, cores.load)
