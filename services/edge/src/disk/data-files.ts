import type { Disk } from '@spate/journal/disk'
import { errorCode } from '@spate/runtime/fault'
import { DataFile, fileName, parseFileName } from './data-file.ts'
import type { DiskEntry } from './disk-entry.ts'

/** Who lies in a file. A list, not a set: a purge of many only counts down. */
interface Tenants {
  readonly ever: DiskEntry[]
  live: number
}

/** All data files of the tier, oldest first, and what lies in which. */
export class DataFiles {
  readonly #disk: Disk
  readonly #folder: string
  readonly #smallBytesMax: number
  /** In order of age; a file that was spared stands behind newer ones. */
  readonly #byNumber = new Map<number, DataFile>()
  readonly #tenants = new Map<DataFile, Tenants>()
  #current: DataFile | undefined
  #next = 1
  #bytes = 0

  /** A file of small bodies is full at `smallBytesMax`. */
  constructor(disk: Disk, folder: string, smallBytesMax: number) {
    this.#disk = disk
    this.#folder = folder
    this.#smallBytesMax = smallBytesMax
  }

  /** Bytes of all files, those about to be written included. */
  get bytes(): number {
    return this.#bytes
  }

  /** Number of the next file: none that was ever used is used again. */
  get next(): number {
    return this.#next
  }

  /** Takes in the files that are there. */
  async open(): Promise<void> {
    await this.#disk.makeFolder(this.#folder)
    for (const name of await this.#disk.list(this.#folder)) {
      const named = parseFileName(name)
      if (!named) continue
      const file = new DataFile(this.#disk, this.#folder, named.number, named.dedicated)
      const opened = await this.#disk.open(`${this.#folder}/${name}`, 'read')
      file.bytes = await opened.size()
      await opened.close()
      this.#keep(file)
    }
  }

  get(number: number): DataFile | undefined {
    return this.#byNumber.get(number)
  }

  /** The next file has at least this number: one that was used must never be used again. */
  beginAt(number: number): void {
    this.#next = Math.max(this.#next, number)
  }

  /** Entries with their body or head in `file`. O(entries that ever lay there). */
  entriesOf(file: DataFile): readonly DiskEntry[] {
    const ever = this.#tenants.get(file)?.ever ?? []
    const here = ever.filter(
      ({ live, body, head }) => live && (body?.file === file || head?.file === file),
    )
    return [...new Set(here)]
  }

  /** Notes that `entry` lies in `file` too. */
  settle(entry: DiskEntry, file: DataFile): void {
    const tenants = this.#tenants.get(file)
    if (!tenants) return
    tenants.ever.push(entry)
    tenants.live++
  }

  /** Forgets `entry`; tells `emptied` of files in which nothing is left. */
  leave(entry: DiskEntry, emptied: (file: DataFile) => void): void {
    const { body, head } = entry
    if (body) this.#leave(body.file, emptied)
    if (head && head.file !== body?.file) this.#leave(head.file, emptied)
  }

  /** Forgets where the head of `entry` lies: another is about to take its place. */
  leaveHead(entry: DiskEntry): void {
    const { body, head } = entry
    const tenants = head && head.file !== body?.file && this.#tenants.get(head.file)
    if (tenants) tenants.live--
  }

  /** The file small bodies go to now, with room for `bytes` more. */
  current(bytes: number): DataFile {
    if (this.#current && this.#current.bytes + bytes <= this.#smallBytesMax) return this.#current
    this.#current = this.create(false)
    return this.#current
  }

  /** A new file; what is done with it waits until it is there. */
  create(dedicated: boolean): DataFile {
    const file = new DataFile(this.#disk, this.#folder, this.#next++, dedicated)
    file.busy = dedicated
    file.create()
    this.#keep(file)
    return file
  }

  /** Counts `bytes` more in `file`; returns where they begin. */
  grow(file: DataFile, bytes: number): number {
    const at = file.bytes
    file.bytes += bytes
    this.#bytes += bytes
    return at
  }

  /** The file to make room with; undefined where there is none. */
  oldest(): DataFile | undefined {
    for (const file of this.#byNumber.values())
      if (!file.busy && file !== this.#current) return file
    return undefined
  }

  /** Gives `file` another turn. */
  spare(file: DataFile): void {
    this.#byNumber.delete(file.number)
    this.#byNumber.set(file.number, file)
  }

  /** Removes `file`; what lay in it must be gone from every index. */
  async drop(file: DataFile): Promise<void> {
    if (this.#byNumber.get(file.number) !== file) return
    this.#byNumber.delete(file.number)
    this.#tenants.delete(file)
    this.#bytes -= file.bytes
    if (this.#current === file) this.#current = undefined
    await file.drop()
  }

  /** Removes files in which nothing lies. */
  async sweep(): Promise<void> {
    for (const file of this.#byNumber.values())
      if ((this.#tenants.get(file)?.live ?? 0) === 0) await this.drop(file)
  }

  /** Removes all files. */
  async clear(): Promise<void> {
    for (const file of this.#byNumber.values()) await this.drop(file)
  }

  async close(): Promise<void> {
    for (const file of this.#byNumber.values()) await file.close()
  }

  #leave(file: DataFile, emptied: (file: DataFile) => void): void {
    const tenants = this.#tenants.get(file)
    if (!tenants || --tenants.live > 0) return
    if (file !== this.#current && !file.busy) emptied(file)
  }

  #keep(file: DataFile): void {
    this.#byNumber.set(file.number, file)
    this.#tenants.set(file, { ever: [], live: 0 })
    this.#bytes += file.bytes
    this.#next = Math.max(this.#next, file.number + 1)
  }
}

/** Removes all files of `folder` that are data files; nothing where there is none. */
export async function removeDataFiles(disk: Disk, folder: string): Promise<void> {
  for (const name of await disk.list(folder)) {
    const named = parseFileName(name)
    if (!named) continue
    try {
      await disk.remove(`${folder}/${fileName(named.number, named.dedicated)}`)
    } catch (caught) {
      if (errorCode(caught) !== 'ENOENT') throw caught
    }
  }
}
