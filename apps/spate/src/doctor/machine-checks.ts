import { readFile } from 'node:fs/promises'
import { freemem } from 'node:os'
import type { Clock } from '@spate/runtime/clock'
import { writeBytes } from '@spate/runtime/settings'
import { atLeast, poor, well, type Bounds, type Finding } from './finding.ts'

/** Major versions of Node: the oldest that runs Spate, and the one it is tested with. */
export const nodeMajors: Bounds = { least: 24, good: 26 }
/** Bytes of memory to spare: all programs together idle on 250 MB and grow with what they hold. */
export const memoryBytes: Bounds = { least: 256 * 1024 ** 2, good: 1024 ** 3 }
/** Open files a process may have: each connection is one, and each listener many. */
export const openFiles: Bounds = { least: 1024, good: 8192 }
/** How far the two clocks may part within `clockWatchMs`, ms. */
export const clockSlipMs = 50
const clockWatchMs = 200
/** A wall clock before this is not set: 2025-01-01. */
const clockLeastMs = Date.UTC(2025, 0, 1)

/** `version` as `process.versions.node` has it. */
export function nodeFinding(version: string): Finding {
  return atLeast(Number(version.split('.')[0]), nodeMajors, {
    check: 'node',
    detail: version,
    next: `run it through npm (npm start, npx spate ...): npm ci brings Node ${nodeMajors.good}`,
  })
}

/** Memory that is free or can be freed, within the limit of the container. */
export async function memoryFinding(): Promise<Finding> {
  const limit = Number(await textOf('/sys/fs/cgroup/memory.max'))
  const used = Number(await textOf('/sys/fs/cgroup/memory.current'))
  const inside = Number.isFinite(limit - used) && limit > 0 ? limit - used : Infinity
  return judgedMemory(Math.min(freemem(), inside))
}

/** `bytes` are those to spare. */
export function judgedMemory(bytes: number): Finding {
  return atLeast(bytes, memoryBytes, {
    check: 'memory',
    detail: `${Math.round(bytes / 1024 ** 2)} MiB to spare`,
    next: `give it ${writeBytes(memoryBytes.good)}, or run fewer programs (spate edge, spate seckill ...) on this machine`,
  })
}

/** How many files this process may have open. */
export async function filesFinding(): Promise<Finding> {
  const [, soft] = /^Max open files\s+(\S+)/m.exec(await textOf('/proc/self/limits')) ?? []
  if (soft === undefined) return well('open files', 'the limit is not known on this system')
  return judgedFiles(soft === 'unlimited' ? Infinity : Number(soft))
}

/** `limit` is the number of files this process may have open. */
export function judgedFiles(limit: number): Finding {
  return atLeast(limit, openFiles, {
    check: 'open files',
    detail: `up to ${limit} at once`,
    next: `raise it before you start: ulimit -n 65536 (LimitNOFILE= in a systemd unit)`,
  })
}

/** Whether the wall clock is set, and goes as fast as the one that cannot jump. */
export async function clockFinding(clock: Clock): Promise<Finding> {
  const [wall, steady] = [clock.now(), clock.elapsed()]
  await clock.sleep(clockWatchMs)
  return judgedClock(wall, clock.now() - wall - (clock.elapsed() - steady))
}

/** `slipMs`: how much further than the steady clock the wall clock went. */
export function judgedClock(wallMs: number, slipMs: number): Finding {
  const time = new Date(wallMs).toISOString()
  if (wallMs < clockLeastMs)
    return poor('clock', 'fail', `it says ${time}`, 'set it: sales start and end by it')
  if (Math.abs(slipMs) > clockSlipMs)
    return poor(
      'clock',
      'warn',
      `it jumped by ${Math.round(slipMs)} ms while we looked`,
      'let chrony or systemd-timesyncd turn it gently instead of setting it',
    )
  return well('clock', `${time}, steady`)
}

async function textOf(path: string): Promise<string> {
  // A system without this file does not tell; the caller says so.
  return await readFile(path, 'utf8').catch(() => '')
}
