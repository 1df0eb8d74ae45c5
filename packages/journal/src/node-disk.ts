import * as fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { errorCode, Fault } from '@spate/runtime/fault'
import { processHost } from '@spate/runtime/host'

import type { Disk, DiskFile, DiskLock, OpenMode } from './disk.ts'

const flagsOf: Readonly<Record<OpenMode, string>> = { create: 'wx+', change: 'r+', read: 'r' }

type Callback = (error: NodeJS.ErrnoException | null) => void

// Callbacks, not fs.promises: a FileHandle costs several times more per call on the hot path.
function called(call: (done: Callback) => void): Promise<void> {
  return new Promise((resolve, reject) =>
    call((error) => {
      if (error) reject(error)
      else resolve()
    }),
  )
}

class NodeFile implements DiskFile {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let done = 0
      const step = (error: NodeJS.ErrnoException | null, written: number): void => {
        if (error) return reject(error)
        done += written
        // A nearly full disk takes a part; the next call then says ENOSPC.
        if (done === bytes.length) return resolve()
        fs.write(this.#fd, bytes, done, bytes.length - done, position + done, step)
      }
      fs.write(this.#fd, bytes, 0, bytes.length, position, step)
    })
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0
    while (done < target.length) {
      const got = await new Promise<number>((resolve, reject) =>
        fs.read(this.#fd, target, done, target.length - done, position + done, (error, count) => {
          if (error) reject(error)
          else resolve(count)
        }),
      )
      if (got === 0) break
      done += got
    }
    return done
  }

  sync(): Promise<void> {
    return called((done) => fs.fdatasync(this.#fd, done))
  }

  truncate(length: number): Promise<void> {
    return called((done) => fs.ftruncate(this.#fd, length, done))
  }

  async size(): Promise<number> {
    return fs.fstatSync(this.#fd).size
  }

  close(): Promise<void> {
    return called((done) => fs.close(this.#fd, done))
  }
}

/** The machine's disk. */
export const nodeDisk: Disk = {
  async makeFolder(path) {
    const made = await fs.promises.mkdir(path, { recursive: true, mode: 0o700 })
    if (made === undefined) return
    // Names of new folders are durable only once the folders they stand in are synced.
    for (let at = resolve(path); at !== dirname(resolve(made)); at = dirname(at))
      await nodeDisk.syncFolder(dirname(at))
  },
  async list(path) {
    try {
      return (await fs.promises.readdir(path)).toSorted()
    } catch (caught) {
      if (errorCode(caught) === 'ENOENT') return []
      throw caught
    }
  },
  open(path, mode) {
    return new Promise((resolve, reject) =>
      fs.open(path, flagsOf[mode], 0o600, (error, fd) => {
        if (error) reject(error)
        else resolve(new NodeFile(fd))
      }),
    )
  },
  rename: (from, to) => fs.promises.rename(from, to),
  remove: (path) => fs.promises.unlink(path),
  async syncFolder(path) {
    const fd = fs.openSync(path, 'r')
    try {
      await called((done) => fs.fsync(fd, done))
    } catch (caught) {
      // Windows has no way to sync a folder; its file system orders names itself.
      if (errorCode(caught) !== 'EPERM' && errorCode(caught) !== 'EISDIR') throw caught
    } finally {
      fs.closeSync(fd)
    }
  },
  lock: lockFolder,
}

/**
 * A pid in a file goes stale at SIGKILL, and in a container each new process has the same pid, so
 * the lock itself is the operating system's, taken through SQLite (Node has no flock): it ends with
 * the process. The pid is written beside it for people.
 */
async function lockFolder(folder: string): Promise<DiskLock> {
  const owner = join(folder, 'lock.pid')
  const database = new DatabaseSync(join(folder, 'lock'), { timeout: 0 })
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (caught) {
    database.close()
    const pid = fs.existsSync(owner) ? fs.readFileSync(owner, 'utf8').trim() : 'unknown'
    throw new Fault('data_locked', `${folder} is in use by process ${pid}; stop it first`, {
      cause: caught,
    })
  }
  try {
    fs.writeFileSync(owner, `${processHost.pid}\n`, { mode: 0o600 })
  } catch {
    // A full disk must not keep us from reading what is there; only the hint is lost.
  }
  return {
    async release() {
      database.close()
    },
  }
}
