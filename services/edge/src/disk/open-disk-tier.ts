import type { Disk } from '@spate/journal/disk'
import { nodeDisk } from '@spate/journal/node-disk'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Selector } from '../domain/vary.ts'
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
  const files = new DataFiles(disk, `${folder}/data`, Math.ceil(limits.bytesMax / 64))
  await files.open()
  const found = new Found(files)
  const place = { disk, folder: `${folder}/index`, log }
  const index = await DiskIndex.open(place, limits.bytesMax / 16, (record) => found.see(record))
  try {
    if (found.identity !== undefined && found.identity !== identity) {
      await index.close()
      return undefined
    }
    found.settle()
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
  nextId = 1
  readonly #files: DataFiles
  /** One object for each name, list of tags and selector, however often it was written down. */
  readonly #names = new Map<string, string>()
  readonly #tags = new Map<string, readonly string[]>()
  readonly #selectors = new Map<string, Selector>()

  constructor(files: DataFiles) {
    this.#files = files
  }

  see(record: IndexRecord): void {
    switch (record.kind) {
      case 'start':
        this.identity = record.identity
        this.#files.beginAt(record.nextFile)
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

  /** Notes where all entries lie; those whose bytes are not there are dropped. */
  settle(): void {
    for (const entry of this.entries.values()) {
      const { body, head } = entry
      if (body && head) {
        this.#files.settle(entry, body.file)
        if (head.file !== body.file) this.#files.settle(entry, head.file)
      } else this.#remove(entry)
    }
  }

  #put([id, key, host, tags, selector, softMs, body, head]: PutRecord): void {
    this.#remove(this.entries.get(id))
    const entry = new DiskEntry(id, {
      key,
      host: this.#name(host),
      tags: this.#tagsOf(tags),
      selector: selector ? this.#selectorOf(selector) : anyone,
      length: body[2],
    })
    entry.softMs = softMs
    this.#place(entry, body, head)
    this.entries.set(id, entry)
    this.byName.add(entry)
    this.nextId = Math.max(this.nextId, id + 1)
    this.#files.beginAt(Math.max(body[0], head[0]) + 1)
  }

  #place(entry: DiskEntry, body: PutRecord[6], head: PutRecord[7]): void {
    const [bodyFile, bodyAt, length] = body
    const [headFile, headAt, headLength, crc] = head
    const inFile = this.#files.get(bodyFile)
    const headIn = this.#files.get(headFile)
    if (!inFile || !headIn) return
    if (bodyAt + length > inFile.bytes || headAt + headLength > headIn.bytes) return
    entry.body = { file: inFile, at: bodyAt, length }
    entry.head = { file: headIn, at: headAt, length: headLength, crc }
  }

  #remove(entry: DiskEntry | undefined): void {
    if (!entry) return
    entry.live = false
    this.entries.delete(entry.id)
    this.byName.delete(entry)
  }

  #name(name: string): string {
    const known = this.#names.get(name)
    if (known !== undefined) return known
    this.#names.set(name, name)
    return name
  }

  #tagsOf(tags: readonly string[]): readonly string[] {
    if (tags.length === 0) return noTags
    const text = tags.join('\n')
    const known = this.#tags.get(text)
    if (known) return known
    const own = tags.map((tag) => this.#name(tag))
    this.#tags.set(text, own)
    return own
  }

  #selectorOf({ names, values, language }: Selector): Selector {
    const text = JSON.stringify([names, values, language])
    const known = this.#selectors.get(text)
    if (known) return known
    // JSON has no undefined: an absent field came back as null.
    const own = { names, values: values.map((value) => value ?? undefined), language }
    this.#selectors.set(text, own)
    return own
  }
}

const noTags: readonly string[] = []
const anyone: Selector = { names: [], values: [], language: undefined }

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
