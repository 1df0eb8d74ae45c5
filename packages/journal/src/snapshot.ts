/**
 * Snapshots: the owner's whole state as of a sequence, so that recovery reads only what came later.
 *
 * A snapshot is written under a temporary name, synced, renamed, and the folder synced; only then
 * does it count. Layout, little-endian: magic u64, version u32, zero u32, sequence u64, body,
 * body length u64, CRC-32C of all before it u32. The two newest are kept: should the newest be
 * damaged, the one before it and a longer replay give the same state.
 */
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'

import { crc32c } from './crc32c.ts'
import type { Disk, DiskFile } from './disk.ts'
import { quarantine } from './recovery.ts'
import { formatVersion } from './segment.ts'

const magic = 0x50414e53_54415053n // "SPATSNAP" as a little-endian u64
const headBytes = 24
const tailBytes = 12
const chunkBytes = 1 << 20

/** Snapshots kept beside the newest one. */
export const snapshotsSpare = 1

/** A state as of a sequence. */
export interface Snapshot {
  /** Everything up to this sequence is in `bytes`, nothing after it. */
  readonly sequence: number
  readonly bytes: Uint8Array
}

/** The body of a snapshot: at once, or in pieces, so that a large state need not be held twice. */
export type SnapshotBody = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** File name of the snapshot at `sequence`. */
export function snapshotName(sequence: number): string {
  return `${String(sequence).padStart(16, '0')}.snapshot`
}

/** Sequence of a snapshot's name; undefined where the name is not one. */
export function snapshotSequence(name: string): number | undefined {
  const found = /^(\d{16})\.snapshot$/.exec(name)
  return found ? Number(found[1]) : undefined
}

/** Writes a snapshot; resolves once it is durable under its name. O(body). */
export async function saveSnapshot(
  place: { readonly disk: Disk; readonly folder: string; readonly crash: (at: string) => void },
  sequence: number,
  body: SnapshotBody,
): Promise<void> {
  const { disk, folder, crash } = place
  const name = snapshotName(sequence)
  const names = await disk.list(folder)
  if (names.includes(name)) return
  if (names.includes(`${name}.part`)) await disk.remove(`${folder}/${name}.part`)
  const file = await disk.open(`${folder}/${name}.part`, 'create')
  try {
    await writeBody(file, sequence, body)
    crash('journal.snapshot-before-sync')
    await file.sync()
  } finally {
    await file.close()
  }
  crash('journal.snapshot-before-rename')
  await disk.rename(`${folder}/${name}.part`, `${folder}/${name}`)
  crash('journal.snapshot-after-rename')
  await disk.syncFolder(folder)
  const old = names.filter((other) => snapshotSequence(other) !== undefined)
  for (const other of old.slice(0, Math.max(0, old.length - snapshotsSpare)))
    await disk.remove(`${folder}/${other}`)
}

async function writeBody(file: DiskFile, sequence: number, body: SnapshotBody): Promise<void> {
  const head = new Uint8Array(headBytes)
  const headView = new DataView(head.buffer)
  headView.setBigUint64(0, magic, true)
  headView.setUint32(8, formatVersion, true)
  headView.setBigUint64(16, BigInt(sequence), true)
  let crc = crc32c(head, 0, headBytes)
  await file.write(head, 0)
  let position = headBytes
  for await (const piece of body instanceof Uint8Array ? [body] : body) {
    for (let at = 0; at < piece.length; at += chunkBytes) {
      const chunk = piece.subarray(at, at + chunkBytes)
      crc = crc32c(chunk, 0, chunk.length, crc)
      await file.write(chunk, position)
      position += chunk.length
    }
  }
  const tail = new Uint8Array(tailBytes)
  const tailView = new DataView(tail.buffer)
  tailView.setBigUint64(0, BigInt(position - headBytes), true)
  tailView.setUint32(8, crc32c(tail, 0, 8, crc), true)
  await file.write(tail, position)
}

/** Reads a snapshot; undefined where its bytes are not what was written. O(body). */
export async function loadSnapshot(file: DiskFile): Promise<Snapshot | undefined> {
  const size = await file.size()
  if (size < headBytes + tailBytes) return undefined
  const bytes = new Uint8Array(size)
  await file.read(bytes, 0)
  const view = new DataView(bytes.buffer)
  if (view.getBigUint64(0, true) !== magic) return undefined
  let crc = 0
  for (let at = 0; at < size - 4; at += chunkBytes)
    crc = crc32c(bytes, at, Math.min(size - 4, at + chunkBytes), crc)
  if (crc !== view.getUint32(size - 4, true)) return undefined
  if (Number(view.getBigUint64(size - tailBytes, true)) !== size - headBytes - tailBytes)
    return undefined
  const version = view.getUint32(8, true)
  if (version > formatVersion)
    throw new Fault(
      'data_corrupt',
      `a snapshot has format version ${version}; this program reads up to ${formatVersion}`,
    )
  return {
    sequence: Number(view.getBigUint64(16, true)),
    bytes: bytes.subarray(headBytes, size - tailBytes),
  }
}

/**
 * The newest sound snapshot that the log from `firstSequence` on can take further; a damaged one is
 * copied to quarantine and the one before it is tried. Undefined where none is needed.
 */
export async function newestSnapshot(
  place: { readonly disk: Disk; readonly folder: string },
  firstSequence: number,
  log: Log,
): Promise<Snapshot | undefined> {
  const { disk, folder } = place
  const names = (await disk.list(folder)).filter((name) => snapshotSequence(name) !== undefined)
  for (const name of names.toReversed()) {
    const path = `${folder}/${name}`
    const file = await disk.open(path, 'read')
    try {
      const snapshot = await loadSnapshot(file)
      if (snapshot && snapshot.sequence + 1 >= firstSequence) return snapshot
      const copy = await quarantine(place, path, file, 0)
      log.error('a snapshot is damaged; the one before it is tried', { path, copy })
    } finally {
      await file.close()
    }
  }
  if (firstSequence > 1)
    throw new Fault(
      'data_corrupt',
      `${folder}: the log begins at ${firstSequence} and no sound snapshot reaches that far`,
    )
  return undefined
}
