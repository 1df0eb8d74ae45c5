import { Fault } from '@spate/runtime/fault'
import { softened } from '../domain/softening.ts'
import { StoredResponse } from '../store/stored-response.ts'
import { DiskBody, type BodyParts } from './disk-body.ts'
import type { DiskEntry } from './disk-entry.ts'
import { decodeHead } from './head.ts'

/** Bytes of bodies that may be on their way from disk to memory at once; at more, they are streamed. */
export const loadingBytesMax: number = 32 * 1024 * 1024

/** Reads responses back. */
export class DiskReader {
  readonly #promoteBytesMax: number
  readonly #onLost: (entry: DiskEntry, fault: Fault | undefined) => void
  #loadingBytes = 0

  /** Bodies up to `promoteBytesMax` come into memory whole; `onLost` hears of what is damaged. */
  constructor(
    promoteBytesMax: number,
    onLost: (entry: DiskEntry, fault: Fault | undefined) => void,
  ) {
    this.#promoteBytesMax = promoteBytesMax
    this.#onLost = onLost
  }

  /** The response at `entry`; undefined where it is damaged or was purged meanwhile. All who ask at once share one reading. */
  load(entry: DiskEntry): Promise<StoredResponse | undefined> {
    entry.loading ??= this.#load(entry).finally(() => (entry.loading = undefined))
    return entry.loading
  }

  /** The body of `entry`, to be read when it is wanted. */
  bodyOf(entry: DiskEntry, parts: Omit<BodyParts, 'onDamage' | 'onRead'>): DiskBody {
    return new DiskBody({
      ...parts,
      onDamage: () => this.#onLost(entry, undefined),
      onRead: () => {
        entry.visited = true
      },
    })
  }

  async #load(entry: DiskEntry): Promise<StoredResponse | undefined> {
    const { body, head } = entry
    if (!body || !head) return undefined
    try {
      const read = decodeHead(await head.file.read(head.at, head.length), head.crc)
      if (!read || read.key !== entry.key)
        throw new Fault('data_corrupt', 'a stored head is not what was written')
      entry.crcs = read.crcs
      const source = this.bodyOf(entry, { ...body, crcs: read.crcs })
      const whole = await this.#whole(source)
      if (!entry.live) return undefined
      entry.visited = true
      const { key, host, selector, tags } = entry
      const { status, headers } = read
      const timing = entry.softMs > 0 ? softened(read.timing, entry.softMs) : read.timing
      const stored = new StoredResponse({
        key,
        host,
        selector,
        tags,
        status,
        headers,
        timing,
        partial: undefined,
        body: whole ?? nothing,
        source: whole ? undefined : source,
      })
      stored.place = entry
      entry.stored = stored
      return stored
    } catch (caught) {
      this.#onLost(entry, Fault.from(caught))
      return undefined
    }
  }

  /** The body in memory where it is small, and not too many of them come in at once. */
  async #whole(source: DiskBody): Promise<Uint8Array | undefined> {
    const { length } = source
    if (length > this.#promoteBytesMax || this.#loadingBytes + length > loadingBytesMax)
      return undefined
    this.#loadingBytes += length
    try {
      return await source.whole()
    } finally {
      this.#loadingBytes -= length
    }
  }
}

const nothing = new Uint8Array(0)
