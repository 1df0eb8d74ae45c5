import type { Disk } from '@spate/journal/disk'
import { nodeDisk } from '@spate/journal/node-disk'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { ResponseIndex } from '../store/response-index.ts'
import { DataFiles, removeDataFiles } from './data-files.ts'
import { DiskEntry } from './disk-entry.ts'
import { DiskIndex, type IndexRecord, type PutRecord } from './disk-index.ts'
import { DiskTier, type DiskLimits } from './disk-tier.ts'

/** Smallest disk tier, bytes. */
export const diskBytesMin: number = 1024 * 1024

/** How to open a disk tier. */
export interface OpenDiskTierOptions {
  /** Folder of its own; made where it does not exist. */
  readonly folder: string
  readonly limits: DiskLimits
  /** Whose responses these are: what another origin said must never be served. */
  readonly identity: string
  readonly log: Log
  readonly disk?: Disk
}

/**
 * Opens the tier in `folder` with all that survived; what belongs to another identity, or cannot be
 * trusted, is thrown away. Throws `data_locked` where another process has it. O(objects).
 */
export async function openDiskTier(options: OpenDiskTierOptions): Promise<DiskTier> {
  const { folder, log, disk = nodeDisk } = options
  try {
    const tier = await openOnce(options, disk)
    if (tier) return tier
    log.info('the disk tier holds responses of another origin; it begins empty', { folder })
  } catch (caught) {
    const fault = Fault.from(caught)
    if (fault.code !== 'data_corrupt') throw fault
    // What was purged might come back from a damaged index; a cache may forget instead.
    log.error('the disk tier cannot be trusted; it begins empty', { folder, why: fault.message })
  }
  await removeIndex(disk, `${folder}/index`)
  await removeDataFiles(disk, `${folder}/data`)
  const tier = await openOnce(options, disk)
  if (!tier) throw new Fault('internal', 'an empty disk tier has an identity')
  return tier
}

/** Undefined where what is there is of another identity. */
async function openOnce(options: OpenDiskTierOptions, disk: Disk): Promise<DiskTier | undefined> {
  const { folder, limits, identity, log } = options
  const found = new Found()
  const place = { disk, folder: `${folder}/index`, log }
  const index = await DiskIndex.open(place, limits.bytesMax / 16, (record) => found.see(record))
  try {
    if (found.identity !== undefined && found.identity !== identity) {
      await index.close()
      return undefined
    }
    const files = new DataFiles(disk, `${folder}/data`, Math.ceil(limits.bytesMax / 64))
    await files.open(found.nextFile)
    found.settle(files)
    await files.sweep()
    const wipe = async (): Promise<void> => {
      await index.close().catch(() => {
        // It has failed already: that is why it is wiped.
      })
      await removeIndex(disk, place.folder)
    }
    if (found.identity === undefined) {
      index.append({ kind: 'start', identity, nextFile: files.next })
      await index.durable()
    }
    const { entries, byName, nextId } = found
    const parts = { limits, index, files, entries, byName, nextId, identity, log, wipe }
    return new DiskTier(parts)
  } catch (caught) {
    await index.close()
    throw caught
  }
}

/** What the index says is there. */
class Found {
  readonly entries = new Map<number, DiskEntry>()
  readonly byName = new ResponseIndex<DiskEntry>()
  identity: string | undefined
  nextFile = 1
  nextId = 1
  readonly #puts = new Map<number, PutRecord>()
  /** One string for each name, however often it was written down. */
  readonly #names = new Map<string, string>()

  see(record: IndexRecord): void {
    switch (record.kind) {
      case 'start':
        this.identity = record.identity
        this.nextFile = Math.max(this.nextFile, record.nextFile)
        return
      case 'put':
        return this.#put(record.put)
      case 'gone':
        for (const id of record.ids) this.#remove(this.entries.get(id))
        return
      case 'purge': {
        const { order, atMs } = record
        for (const entry of this.byName.named(order))
          if (order.soft) entry.softMs = atMs
          else this.#remove(entry)
      }
    }
  }

  /** Finds the files of all entries; those whose bytes are not there are dropped. */
  settle(files: DataFiles): void {
    for (const [id, put] of this.#puts) {
      const entry = this.entries.get(id) as DiskEntry
      const [bodyFile, bodyAt, length] = put.body
      const [headFile, headAt, headLength, crc] = put.head
      const body = files.get(bodyFile)
      const head = files.get(headFile)
      if (body && head && bodyAt + length <= body.bytes && headAt + headLength <= head.bytes) {
        entry.body = { file: body, at: bodyAt, length }
        entry.head = { file: head, at: headAt, length: headLength, crc }
        files.settle(entry)
      } else this.#remove(entry)
    }
  }

  #put(put: PutRecord): void {
    this.#remove(this.entries.get(put.id))
    const { names, values, language } = put.selector
    const entry = new DiskEntry(put.id, {
      key: put.key,
      host: this.#name(put.host),
      tags: put.tags.map((tag) => this.#name(tag)),
      // JSON has no undefined: an absent field came back as null.
      selector: { names, values: values.map((value) => value ?? undefined), language },
      length: put.body[2],
    })
    entry.softMs = put.softMs
    this.entries.set(put.id, entry)
    this.#puts.set(put.id, put)
    this.byName.add(entry)
    this.nextId = Math.max(this.nextId, put.id + 1)
    this.nextFile = Math.max(this.nextFile, put.body[0] + 1, put.head[0] + 1)
  }

  #remove(entry: DiskEntry | undefined): void {
    if (!entry) return
    entry.live = false
    this.entries.delete(entry.id)
    this.#puts.delete(entry.id)
    this.byName.delete(entry)
  }

  #name(name: string): string {
    const known = this.#names.get(name)
    if (known !== undefined) return known
    this.#names.set(name, name)
    return name
  }
}

/**
 * Removes the index, oldest file first: what is left at any moment is either the same index or one
 * that cannot be opened, never an older one.
 */
async function removeIndex(disk: Disk, folder: string): Promise<void> {
  const names = await disk.list(folder)
  const journals = names.filter((name) => name.endsWith('.journal'))
  const snapshots = names.filter((name) => name.endsWith('.snapshot'))
  for (const name of [...journals, ...snapshots]) await disk.remove(`${folder}/${name}`)
  if (names.length > 0) await disk.syncFolder(folder)
}
