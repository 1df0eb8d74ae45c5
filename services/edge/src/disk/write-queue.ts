import { Fault } from '@spate/runtime/fault'
import type { StoredResponse } from '../store/stored-response.ts'
import type { DataFile } from './data-file.ts'
import type { DataFiles } from './data-files.ts'
import { chunkBytes, chunkSums } from './disk-body.ts'
import type { DiskEntry } from './disk-entry.ts'
import { encodeHead } from './head.ts'

/** Bytes that may wait for the disk; at more, objects are not written. */
export const queueBytesMax: number = 16 * 1024 * 1024
/** Bodies above this get a file of their own, bytes. */
export const smallBodyBytesMax = 262_144
/** Large bodies written at once. */
const largeLanesMax = 4
/** Bytes written in one go. */
const batchBytes = 262_144
/** Bytes summed in one turn of the event loop. */
const sumBytesATurn = 8 * chunkBytes

/** What the queue needs. */
export interface WriteQueueParts {
  readonly files: DataFiles
  /** False where there is no room for `bytes`. */
  readonly makeRoom: (bytes: number) => Promise<boolean>
  readonly onWritten: (entry: DiskEntry) => void
  readonly onFailed: (entry: DiskEntry, fault: Fault) => void
}

interface Pending {
  readonly entry: DiskEntry
  readonly stored: StoredResponse
  /** True where the body is on disk already. */
  readonly headOnly: boolean
  readonly bytes: number
}

/** Writes responses to disk behind the answers: nobody waits for it. */
export class WriteQueue {
  readonly #parts: WriteQueueParts
  #small: Pending[] = []
  readonly #large: Pending[] = []
  #bytes = 0
  #writes = 0
  /** Lanes that write now: one for small bodies and heads, some for large ones. */
  readonly #lanes = new Set<Promise<void>>()
  #smallRuns = false
  #largeLanes = 0

  constructor(parts: WriteQueueParts) {
    this.#parts = parts
  }

  /** Objects written so far. */
  get writes(): number {
    return this.#writes
  }

  /** True where the disk is too slow for what comes. */
  get full(): boolean {
    return this.#bytes >= queueBytesMax
  }

  push(entry: DiskEntry, stored: StoredResponse): void {
    this.#add({ entry, stored, headOnly: false, bytes: stored.bytes })
  }

  /** Writes the head of `entry` again. */
  pushHead(entry: DiskEntry, stored: StoredResponse): void {
    this.#add({ entry, stored, headOnly: true, bytes: stored.bytes - stored.body.length })
  }

  /** Resolves once nothing waits. */
  async idle(): Promise<void> {
    while (this.#lanes.size > 0) await Promise.all(this.#lanes)
  }

  #add(pending: Pending): void {
    this.#bytes += pending.bytes
    if (!pending.headOnly && pending.stored.length > smallBodyBytesMax) {
      this.#large.push(pending)
      if (this.#largeLanes < largeLanesMax) this.#run(this.#drainLarge())
    } else {
      this.#small.push(pending)
      if (!this.#smallRuns) this.#run(this.#drainSmall())
    }
  }

  /** Owner of `lane`: `idle`; what fails in it is told to `onFailed`. */
  #run(lane: Promise<void>): void {
    const done = lane.finally(() => this.#lanes.delete(done))
    this.#lanes.add(done)
  }

  /** One after the other: of two heads of one response the newer must be written last. */
  async #drainSmall(): Promise<void> {
    this.#smallRuns = true
    // What comes in one turn of the event loop is written together.
    await nextTurn()
    while (this.#small.length > 0) {
      const batch = this.#take()
      await this.#settled(batch, this.#write(batch.filter(({ entry }) => entry.live)))
    }
    this.#smallRuns = false
  }

  /** Side by side: each has a file of its own, and nobody small waits behind it. */
  async #drainLarge(): Promise<void> {
    this.#largeLanes++
    for (let next = this.#large.shift(); next; next = this.#large.shift())
      await this.#settled([next], next.entry.live ? this.#writeLarge(next) : Promise.resolve())
    this.#largeLanes--
  }

  async #settled(batch: readonly Pending[], written: Promise<void>): Promise<void> {
    try {
      await written
    } catch (caught) {
      for (const { entry } of batch) this.#parts.onFailed(entry, Fault.from(caught))
    }
    for (const { bytes } of batch) this.#bytes -= bytes
  }

  #take(): Pending[] {
    let bytes = 0
    let count = 0
    for (const pending of this.#small) {
      if (count > 0 && bytes + pending.bytes > batchBytes) break
      bytes += pending.bytes
      count++
    }
    return this.#small.splice(0, count)
  }

  async #write(batch: readonly Pending[]): Promise<void> {
    if (batch.length === 0) return
    const { files, makeRoom, onWritten } = this.#parts
    const made = batch.map((pending) => encoded(pending))
    const bytes = Buffer.concat(made.flatMap(({ body, head }) => [body, head]))
    if (!(await makeRoom(bytes.length))) throw new Fault('disk_full', 'the disk tier is full')
    const file = files.current(bytes.length)
    const start = files.grow(file, bytes.length)
    await file.write(bytes, start)
    let at = start
    for (const { entry, body, head, crc, crcs, headOnly } of made) {
      const headAt = at + body.length
      const length = head.length
      if (entry.live) {
        if (headOnly) files.leaveHead(entry)
        else entry.body = { file, at, length: body.length }
        entry.crcs = crcs
        entry.head = { file, at: headAt, length, crc }
        if (!headOnly || entry.body?.file !== file) files.settle(entry, file)
        onWritten(entry)
        if (!headOnly) this.#writes++
      }
      at = headAt + length
    }
  }

  async #writeLarge({ entry, stored }: Pending): Promise<void> {
    const { files, makeRoom, onWritten } = this.#parts
    const { body, key, status } = stored
    const crcs: number[] = []
    for (let at = 0; at < body.length; at += sumBytesATurn) {
      crcs.push(...chunkSums(body.subarray(at, at + sumBytesATurn)))
      await nextTurn()
    }
    const { bytes: head, crc } = encodeHead({
      key,
      status,
      headers: stored.headers,
      timing: stored.timing,
      crcs,
    })
    const length = body.length
    if (!(await makeRoom(length + head.length)))
      throw new Fault('disk_full', 'the disk tier is full')
    const file: DataFile = files.create(true)
    files.grow(file, length + head.length)
    try {
      await file.write(body, 0)
      await file.write(head, length)
    } finally {
      file.busy = false
      if (!entry.live) await files.drop(file)
    }
    if (!entry.live) return
    entry.crcs = crcs
    entry.body = { file, at: 0, length }
    entry.head = { file, at: length, length: head.length, crc }
    files.settle(entry, file)
    this.#writes++
    onWritten(entry)
  }
}

interface Encoded {
  readonly entry: DiskEntry
  readonly headOnly: boolean
  readonly body: Uint8Array
  readonly head: Uint8Array
  readonly crc: number
  readonly crcs: readonly number[]
}

function encoded({ entry, stored, headOnly }: Pending): Encoded {
  const crcs = (headOnly && entry.crcs) || chunkSums(stored.body)
  const { key, status, headers, timing } = stored
  const { bytes, crc } = encodeHead({ key, status, headers, timing, crcs })
  return { entry, headOnly, body: headOnly ? nothing : stored.body, head: bytes, crc, crcs }
}

const nothing = new Uint8Array(0)

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
