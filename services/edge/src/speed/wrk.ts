import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { cpuUs } from './processes.ts'
import type { Measured } from './subjects.ts'

/** What a closed load found. */
export interface WrkFigures {
  /** Answers a second. */
  readonly rate: number
  readonly p99Ms: number
  /** CPU time of the measured program a request, us. */
  readonly cpuUs: number
}

/** One second of `wrk` with one thread and 32 kept connections. Throws where an answer is not 2xx. */
export async function wrk(
  { url, pid }: Measured,
  path: string,
  more: readonly string[] = [],
): Promise<WrkFigures> {
  const before = await cpuUs(pid)
  const args = ['-t1', '-c32', '-d1s', '--latency', ...more, `${url}${path}`]
  const { stdout } = await promisify(execFile)('wrk', args)
  const used = (await cpuUs(pid)) - before
  if (stdout.includes('Non-2xx')) throw new Error(`not all answers were 200: ${url}${path}`)
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0),
    p99Ms: milliseconds(/99%\s+(\S+)/.exec(stdout)?.[1] ?? ''),
    cpuUs: used / Number(/(\d+) requests in/.exec(stdout)?.[1] ?? Number.NaN),
  }
}

function milliseconds(text: string): number {
  const [, figure, unit = ''] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? []
  return Number(figure) * ({ us: 0.001, ms: 1, s: 1000 }[unit] ?? Number.NaN)
}
