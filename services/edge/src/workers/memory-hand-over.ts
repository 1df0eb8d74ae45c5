/**
 * What only memory has, from a worker that leaves to its successor: all of it where nothing goes to
 * disk, parts (206) where most does. One file, written when the folder changes hands, read at once
 * and removed; a start that is no hand-over removes it unread, for what was purged since is in it.
 *
 * A record: length of a text u32, length of a body u32, CRC-32C of both u32, then both; little-endian.
 * The first text is whose responses these are.
 */
import { crc32c } from '@spate/journal/crc32c'
import type { Disk, DiskFile } from '@spate/journal/disk'
import { errorCode } from '@spate/runtime/fault'
import type { MemoryStore } from '../store/memory-store.ts'
import { emptyOrder } from '../store/response-index.ts'
import { StoredResponse, type StoredParts } from '../store/stored-response.ts'

/** Bytes handed over at most, what was hit since first. */
export const handOverBytesMax: number = 512 * 1024 ** 2
const prefixBytes = 12
const batchBytes = 1024 ** 2

/** Where the file is, and whose responses it may hold. */
export interface HandOverPlace {
  readonly disk: Disk
  readonly folder: string
  readonly identity: string
}

type Told = Omit<StoredParts, 'body' | 'source'>

/** Writes down what of `memory` is not on disk; resolves to how many responses. */
export async function leaveBehind(
  memory: MemoryStore,
  place: HandOverPlace,
  bytesMax: number = handOverBytesMax,
): Promise<number> {
  await discard(place)
  const chosen = chosenOf(memory, bytesMax)
  if (chosen.length === 0) return 0
  await place.disk.makeFolder(place.folder)
  const file = await place.disk.open(nameIn(place), 'create')
  try {
    let at = 0
    let batch: Uint8Array[] = record(place.identity, nothing)
    let bytes = 0
    let count = 0
    for (const stored of chosen) {
      // Purged while the others were written.
      if (!memory.holds(stored)) continue
      const { key, host, status, headers, selector, timing, tags, partial, body } = stored
      const told: Told = { key, host, status, headers, selector, timing, tags, partial }
      batch.push(...record(JSON.stringify(told), body))
      count++
      bytes += stored.bytes
      if (bytes < batchBytes) continue
      at = await append(file, batch, at)
      batch = []
      bytes = 0
    }
    await append(file, batch, at)
    return count
  } finally {
    await file.close()
  }
}

/** Puts what was left behind into `memory` and removes it; resolves to how many responses. */
export async function takeUp(memory: MemoryStore, place: HandOverPlace): Promise<number> {
  const file = await opened(place)
  if (!file) return 0
  let count = 0
  try {
    const records = readRecords(file)
    const first = await records.next()
    if (first.done || first.value.text !== place.identity) return 0
    for await (const { text, body } of records) {
      const told = JSON.parse(text) as Told
      const { names, values, language } = told.selector
      // JSON has no undefined: an absent field came back as null.
      const selector = { names, values: values.map((value) => value ?? undefined), language }
      const stored = new StoredResponse({ ...told, selector, partial: told.partial, body })
      if (memory.put(stored)) count++
    }
    return count
  } finally {
    await file.close()
    await discard(place)
  }
}

/** Removes what was left behind, where anything was. */
export async function discard(place: HandOverPlace): Promise<void> {
  try {
    await place.disk.remove(nameIn(place))
  } catch (caught) {
    if (errorCode(caught) !== 'ENOENT') throw caught
  }
}

function nameIn({ folder }: HandOverPlace): string {
  return `${folder}/hand-over`
}

async function opened(place: HandOverPlace): Promise<DiskFile | undefined> {
  try {
    return await place.disk.open(nameIn(place), 'read')
  } catch (caught) {
    if (errorCode(caught) === 'ENOENT') return undefined
    throw caught
  }
}

/** What was hit is chosen first and written last: who comes last is evicted last. */
function chosenOf(memory: MemoryStore, bytesMax: number): readonly StoredResponse[] {
  const all = [...memory.named({ ...emptyOrder, all: true })].filter(
    ({ place, source }) => !source && place?.live !== true,
  )
  const hits = all.filter(({ visited }) => visited)
  const rest = all.filter(({ visited }) => !visited)
  let left = bytesMax
  const fits = ({ bytes }: StoredResponse): boolean => (left -= bytes) >= 0
  const chosen = hits.filter(fits)
  return [...rest.filter(fits), ...chosen]
}

function record(text: string, body: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(text)
  const prefix = Buffer.allocUnsafe(prefixBytes)
  prefix.writeUInt32LE(bytes.length, 0)
  prefix.writeUInt32LE(body.length, 4)
  const crc = crc32c(body, 0, body.length, crc32c(bytes, 0, bytes.length))
  prefix.writeUInt32LE(crc, 8)
  return [prefix, bytes, body]
}

async function append(file: DiskFile, batch: readonly Uint8Array[], at: number): Promise<number> {
  const bytes = Buffer.concat(batch)
  if (bytes.length > 0) await file.write(bytes, at)
  return at + bytes.length
}

/** Records up to the first that is not whole. */
async function* readRecords(
  file: DiskFile,
): AsyncGenerator<{ readonly text: string; readonly body: Uint8Array }, void, undefined> {
  const size = await file.size()
  let window: Buffer = Buffer.alloc(0)
  let next = 0
  const need = async (bytes: number): Promise<boolean> => {
    if (window.length >= bytes) return true
    const more = Buffer.allocUnsafe(
      Math.min(Math.max(bytes - window.length, batchBytes), size - next),
    )
    next += await file.read(more, next)
    window = Buffer.concat([window, more])
    return window.length >= bytes
  }
  while (await need(prefixBytes)) {
    const textBytes = window.readUInt32LE(0)
    const bodyBytes = window.readUInt32LE(4)
    const crc = window.readUInt32LE(8)
    const end = prefixBytes + textBytes + bodyBytes
    if (end > size || !(await need(end)) || crc32c(window, prefixBytes, end) !== crc) return
    const bodyFrom = prefixBytes + textBytes
    // A copy: one body must not keep the bytes of others alive.
    const body = new Uint8Array(window.subarray(bodyFrom, end))
    yield { text: window.toString('utf8', prefixBytes, bodyFrom), body }
    window = window.subarray(end)
  }
}

const nothing = new Uint8Array(0)
