/**
 * The disk as a port: the machine's (`node-disk.ts`) and a simulated one (`simulated-disk.ts`) that
 * tears writes, loses what was not synced, fills up and fails. Both run `disk-conformance.ts`.
 * Paths are plain strings joined with `/`.
 */

/** How to open a file: `create` refuses one that exists, `change` and `read` one that does not. */
export type OpenMode = 'create' | 'change' | 'read'

/** An open file. Positions and lengths are in bytes. */
export interface DiskFile {
  /** Writes all of `bytes` at `position`. Nothing of it is safe until `sync` resolves. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Fills `target` from `position`; resolves to the bytes read, less than asked only at the end. */
  read(target: Uint8Array, position: number): Promise<number>
  /** Resolves once all earlier writes survive a power cut (fdatasync). Never retry a rejection. */
  sync(): Promise<void>
  /** Cuts the file to `length`. */
  truncate(length: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** Exclusive ownership of a folder; gone with the process, however it ends. */
export interface DiskLock {
  release(): Promise<void>
}

/** What the journal needs of a disk. Rejections carry a system code: `ENOENT`, `ENOSPC`, `EIO` ... */
export interface Disk {
  /** Makes `path` and its parents; no change where it exists. */
  makeFolder(path: string): Promise<void>
  /** Names in `path`, sorted; empty where there is no such folder. */
  list(path: string): Promise<string[]>
  open(path: string, mode: OpenMode): Promise<DiskFile>
  /** Puts `from` in the place of `to`, atomically; safe after `syncFolder`. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Resolves once names made, changed or removed in `path` survive a power cut. */
  syncFolder(path: string): Promise<void>
  /** Owns `folder`; rejects with `data_locked` where another owner lives. */
  lock(folder: string): Promise<DiskLock>
}
