/**
 * A disk in memory that keeps only the promises a real one keeps.
 *
 * Written bytes can be read at once, but until `sync` each 512-byte sector of them may or may not
 * survive `crash`, in any combination, or be torn in its middle. Names made, changed or removed
 * survive in order up to some point that `syncFolder` moves to the present. After a failed sync the
 * sectors count as clean and are lost: a second sync succeeds without them, as Linux does it.
 * A crash leaves every promise of the old process pending for ever; nobody is there to wait.
 */
import type { Chance } from '@spate/runtime/chance'
import { Fault } from '@spate/runtime/fault'

import type { Disk, DiskFile, DiskLock, OpenMode } from './disk.ts'

const sectorBytes = 512

/** How a simulated disk behaves. */
export interface SimulatedDiskOptions {
  /** Decides what survives a crash. */
  readonly chance: Chance
  /** Bytes it takes before `ENOSPC`; unlimited where absent. */
  readonly capacityBytes?: number
  /** Time an operation takes; none where absent. */
  readonly delay?: () => Promise<void>
}

/** Calls that can be made to fail. */
export type DiskCall = 'write' | 'sync' | 'read' | 'open'

class Inode {
  durable: Uint8Array = new Uint8Array(0)
  durableBytes = 0
  current: Uint8Array = new Uint8Array(0)
  currentBytes = 0
  readonly dirty: Set<number> = new Set()

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length
    if (end > this.current.length) this.current = grown(this.current, end)
    this.current.set(bytes, position)
    this.currentBytes = Math.max(this.currentBytes, end)
    const last = Math.floor((end - 1) / sectorBytes)
    for (let at = Math.floor(position / sectorBytes); at <= last; at++) this.dirty.add(at)
  }

  truncate(length: number): void {
    if (length > this.current.length) this.current = grown(this.current, length)
    this.current.fill(0, length)
    this.currentBytes = length
  }

  sync(): void {
    for (const sector of this.dirty) this.keep(sector, sectorBytes)
    this.dirty.clear()
    this.durableBytes = this.currentBytes
    this.durable.fill(0, this.durableBytes)
  }

  /** Makes the first `length` bytes of a sector durable. */
  keep(sector: number, length: number): void {
    const from = sector * sectorBytes
    const to = Math.min(from + length, this.currentBytes)
    if (to <= from) return
    if (to > this.durable.length) this.durable = grown(this.durable, to)
    this.durable.set(this.current.subarray(from, to), from)
    this.durableBytes = Math.max(this.durableBytes, to)
  }

  crash(chance: Chance): void {
    const keepsAll = chance.integer(0, 3) === 0
    for (const sector of this.dirty) {
      const fate = keepsAll ? 0 : chance.integer(0, 7)
      if (fate < 4) this.keep(sector, sectorBytes)
      else if (fate === 4) this.keep(sector, chance.integer(0, sectorBytes))
    }
    this.dirty.clear()
    this.current = this.durable.slice(0, this.durableBytes)
    this.currentBytes = this.durableBytes
  }
}

interface NameChange {
  readonly folder: string
  apply(names: Map<string, Inode>): void
}

/** A simulated disk. */
export class SimulatedDisk implements Disk {
  readonly #chance: Chance
  readonly #delay: () => Promise<void>
  readonly #locks: Set<string> = new Set()
  readonly #failures: { call: DiskCall; code: string; after: number }[] = []
  #capacityBytes: number
  #durableNames: Map<string, Inode> = new Map()
  #names: Map<string, Inode> = new Map()
  #changes: NameChange[] = []
  #life = 0
  /** Calls made so far. */
  readonly counts: Record<DiskCall, number> = { write: 0, sync: 0, read: 0, open: 0 }

  constructor(options: SimulatedDiskOptions) {
    this.#chance = options.chance
    this.#delay = options.delay ?? (() => Promise.resolve())
    this.#capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY
  }

  /** Ends the process that uses the disk: open files and locks are gone, un-synced bytes by chance. */
  crash(): void {
    this.#life++
    this.#locks.clear()
    this.#failures.length = 0
    const survive = this.#chance.integer(0, this.#changes.length)
    for (const change of this.#changes.slice(0, survive)) change.apply(this.#durableNames)
    this.#changes = []
    this.#names = new Map(this.#durableNames)
    for (const inode of new Set(this.#names.values())) inode.crash(this.#chance)
  }

  /** Ends the process but not the machine (SIGKILL): everything written stays. */
  kill(): void {
    this.#life++
    this.#locks.clear()
    this.#failures.length = 0
  }

  /** Lets the call fail with `code` after `after` more calls of its kind have succeeded. */
  failNext(call: DiskCall, code: 'EIO' | 'ENOSPC', after = 0): void {
    this.#failures.push({ call, code, after })
  }

  /** Bytes it takes from now on. */
  set capacityBytes(bytes: number) {
    this.#capacityBytes = bytes
  }

  /** Bytes all files hold. O(files). */
  get usedBytes(): number {
    let used = 0
    for (const inode of this.#names.values()) used += inode.currentBytes
    return used
  }

  /** Flips bits of one durable byte: rot, not a crash. */
  damage(path: string, position: number, bits = 0xff): void {
    const inode = this.#inode(path)
    for (const bytes of [inode.durable, inode.current])
      if (position < bytes.length) bytes[position] = (bytes[position] as number) ^ bits
  }

  async makeFolder(): Promise<void> {
    await this.#begin()
  }

  async list(path: string): Promise<string[]> {
    await this.#begin()
    const names: string[] = []
    for (const name of this.#names.keys())
      if (folderOf(name) === path) names.push(name.slice(path.length + 1))
    return names.toSorted()
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.#begin('open')
    const present = this.#names.get(path)
    if (mode === 'create') {
      if (present) throw systemError('EEXIST', path)
      const made = new Inode()
      this.#change(path, (names) => void names.set(path, made))
      return this.#handle(made)
    }
    return this.#handle(present ?? this.#inode(path))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#begin()
    const inode = this.#inode(from)
    this.#change(to, (names) => {
      names.delete(from)
      names.set(to, inode)
    })
  }

  async remove(path: string): Promise<void> {
    await this.#begin()
    this.#inode(path)
    this.#change(path, (names) => void names.delete(path))
  }

  async syncFolder(path: string): Promise<void> {
    await this.#begin('sync')
    this.#changes = this.#changes.filter((change) => {
      if (change.folder !== path) return true
      change.apply(this.#durableNames)
      return false
    })
  }

  async lock(folder: string): Promise<DiskLock> {
    await this.#begin()
    if (this.#locks.has(folder)) throw new Fault('data_locked', `${folder} is in use`)
    this.#locks.add(folder)
    const life = this.#life
    return {
      release: async () => {
        if (life === this.#life) this.#locks.delete(folder)
      },
    }
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path)
    if (!inode) throw systemError('ENOENT', path)
    return inode
  }

  #change(path: string, apply: (names: Map<string, Inode>) => void): void {
    apply(this.#names)
    this.#changes.push({ folder: folderOf(path), apply })
  }

  /** Takes its time, then fails where told to; never returns to a process that has died. */
  async #begin(call?: DiskCall): Promise<void> {
    const life = this.#life
    await this.#delay()
    if (life !== this.#life) await new Promise<never>(() => {})
    if (!call) return
    this.counts[call]++
    const at = this.#failures.findIndex((failure) => failure.call === call)
    const failure = this.#failures[at]
    if (failure && failure.after-- <= 0) {
      this.#failures.splice(at, 1)
      throw systemError(failure.code, call)
    }
  }

  #handle(inode: Inode): DiskFile {
    const life = this.#life
    const begin = async (call?: DiskCall): Promise<void> => {
      if (life !== this.#life) await new Promise<never>(() => {})
      await this.#begin(call)
    }
    return {
      write: async (bytes, position) => {
        await begin('write')
        const grows = Math.max(0, position + bytes.length - inode.currentBytes)
        const room = Math.max(0, this.#capacityBytes - this.usedBytes)
        if (grows > room) {
          const fits = bytes.length - grows + room
          if (fits > 0) inode.write(bytes.subarray(0, fits), position)
          throw systemError('ENOSPC', 'write')
        }
        inode.write(bytes, position)
      },
      read: async (target, position) => {
        await begin('read')
        const from = inode.current.subarray(position, inode.currentBytes)
        target.set(from.subarray(0, target.length))
        return Math.min(from.length, target.length)
      },
      sync: async () => {
        try {
          await begin('sync')
        } catch (caught) {
          inode.dirty.clear()
          throw caught
        }
        inode.sync()
      },
      truncate: async (length) => {
        await begin()
        inode.truncate(length)
      },
      size: async () => {
        await begin()
        return inode.currentBytes
      },
      close: () => begin(),
    }
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  const next = new Uint8Array(Math.max(length, bytes.length * 2))
  next.set(bytes)
  return next
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
