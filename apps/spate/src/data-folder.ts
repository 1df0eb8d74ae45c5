import { mkdir, open, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode, Fault } from '@spate/runtime/fault'

/**
 * Makes the data folder where it is missing and proves that files can be kept in it. Throws
 * `settings_invalid` where the path cannot be such a folder, `disk_full` where nothing fits in.
 *
 * Folder by folder, and not by `mkdir` with `recursive`: that never returns where the system says
 * that a folder does not exist in one that does, as under `/proc`.
 */
export async function openDataFolder(path: string): Promise<void> {
  try {
    await made(path)
    const probe = join(path, '.probe')
    const file = await open(probe, 'w', 0o600)
    try {
      await file.write('x')
      await file.datasync()
    } finally {
      await file.close()
      await rm(probe, { force: true })
    }
  } catch (caught) {
    throw refused(path, caught)
  }
}

/** Makes `path` and the folders above it that are missing. */
async function made(path: string): Promise<void> {
  const missing: string[] = []
  for (let at = path; !(await isFolder(at)); at = dirname(at)) missing.unshift(at)
  for (const folder of missing) {
    try {
      await mkdir(folder, { mode: 0o700 })
    } catch (caught) {
      // Another program that starts now may have been quicker.
      if (errorCode(caught) !== 'EEXIST') throw caught
    }
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true
  } catch (caught) {
    if (errorCode(caught) === 'ENOENT') return false
    throw caught
  }
  throw Object.assign(new Error(`${path} is not a folder`), { code: 'ENOTDIR' })
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  ENOENT: 'the system lets nobody make folders there',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links go round in a circle',
}

function refused(path: string, caught: unknown): Fault {
  const code = errorCode(caught)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new Fault('disk_full', `there is no room in the data folder ${path}`, { cause: caught })
  const why = (code !== undefined && reasons[code]) || Fault.from(caught).message
  return new Fault(
    'settings_invalid',
    `the data folder ${path} cannot be used: ${why} (${code ?? 'unknown'}); name another with --data-dir`,
    { cause: caught },
  )
}
