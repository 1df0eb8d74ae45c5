import { constants } from 'node:fs'
import { access, open, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '@spate/runtime/clock'
import { errorCode, errorText } from '@spate/runtime/fault'
import { writeBytes } from '@spate/runtime/settings'
import { atLeast, poor, well, type Bounds, type Finding } from './finding.ts'

/** Free bytes on the disk of the data folder. */
export const diskBytes: Bounds = { least: 64 * 1024 ** 2, good: 1024 ** 3 }
/** A sync that takes longer than this is felt by every buyer, ms. */
export const syncMsGood = 10
/** Syncs measured. */
const syncs = 15

/** Whether data can be kept in `folder`, at what cost, and whether there is room. */
export async function dataFindings(folder: string, clock: Clock): Promise<readonly Finding[]> {
  const check = 'data folder'
  try {
    const at = await nearest(folder)
    await access(at, constants.W_OK | constants.X_OK)
    const will = at === folder ? '' : ', will be made'
    const { bavail, bsize } = await statfs(at)
    return [
      well(check, `${folder} can be written${will}`),
      judgedSync(await syncMs(at, clock)),
      judgedDisk(bavail * bsize),
    ]
  } catch (caught) {
    const why = errorCode(caught) ?? errorText(caught)
    return [poor(check, 'fail', `${folder}: ${why}`, 'name another with --data-dir')]
  }
}

/** The folder itself, or the nearest above it that exists. Throws ENOTDIR where that is a file. */
async function nearest(folder: string): Promise<string> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      if ((await stat(at)).isDirectory()) return at
      throw Object.assign(new Error(`${at} is a file`), { code: 'ENOTDIR' })
    } catch (caught) {
      if (errorCode(caught) !== 'ENOENT') throw caught
    }
  }
}

/** What a durable write of 4 KiB costs in `folder`: the median of several, ms. */
async function syncMs(folder: string, clock: Clock): Promise<number> {
  const path = join(folder, `.doctor-${clock.now()}`)
  const file = await open(path, 'wx', 0o600)
  const page = Buffer.alloc(4096, 1)
  const took: number[] = []
  try {
    for (let turn = 0; turn < syncs; turn++) {
      const begun = clock.elapsed()
      await file.write(page)
      await file.datasync()
      took.push(clock.elapsed() - begun)
    }
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
  return took.sort((a, b) => a - b)[syncs >> 1] ?? 0
}

/** `ms` is what one sync costs. */
export function judgedSync(ms: number): Finding {
  const detail = `a durable write takes ${ms.toFixed(2)} ms (median of ${syncs})`
  if (ms <= syncMsGood) return well('disk sync', detail)
  return poor(
    'disk sync',
    'warn',
    detail,
    'keep --data-dir on a local SSD: no answer leaves before',
  )
}

/** `bytes` are free for us. */
export function judgedDisk(bytes: number): Finding {
  return atLeast(bytes, diskBytes, {
    check: 'disk space',
    detail: `${Math.round(bytes / 1024 ** 2)} MiB free`,
    next: `free up to ${writeBytes(diskBytes.good)}: a full disk stops every purchase`,
  })
}

/** Whether others on this machine can read the admin token in `folder`. */
export async function tokenFinding(folder: string, configured?: string): Promise<Finding> {
  const check = 'admin token'
  if (configured !== undefined && configured !== '') return well(check, 'from the settings')
  const path = join(folder, 'admin-token')
  try {
    const mode = (await stat(path)).mode & 0o777
    const octal = mode.toString(8).padStart(3, '0')
    if ((mode & 0o077) !== 0)
      return poor(check, 'warn', `${path} has mode ${octal}`, `chmod 600 ${path}`)
    await access(path, constants.R_OK)
    return well(check, `${path}, mode ${octal}`)
  } catch (caught) {
    if (errorCode(caught) === 'ENOENT' || errorCode(caught) === 'ENOTDIR')
      return well(check, 'none yet: the first start makes one and shows it')
    return poor(
      check,
      'fail',
      `${path}: ${errorCode(caught) ?? errorText(caught)}`,
      'let this user read it',
    )
  }
}
