/**
 * Each mutation takes one remedy away, in the wiring of the simulation and never in the product.
 * A checker that does not notice is worth nothing, so each must be caught.
 */
import type { Disk, DiskFile } from '@spate/journal/disk'
import type { Clock } from '@spate/runtime/clock'
import { errorCode } from '@spate/runtime/fault'

/** Every mutation and the remedy it takes away. */
export const mutations = {
  'no-sync': 'answers do not wait for the disk',
  'no-folder-sync': 'names of new files are not made durable',
  'retry-sync': 'a failed sync is tried again and believed',
  'cut-tail-blindly': 'recovery cuts a piece off the end of the log',
  'ignore-lock': 'a second process writes to the same folder',
  'forget-key': 'the idempotency key is not kept with the order',
  'new-key-a-try': 'the client makes a new key for each try',
  'no-limit': 'the limit a user is not checked with the stock',
  'refill-on-restart': 'a restart sets the stock back from the catalogue',
  'no-expiry': 'reservations that were not paid do not lapse',
  'trust-wall-clock': 'the window is judged by a clock that can jump',
  'sticky-sold-out': 'the sold-out flag is never cleared',
  'ignore-owner': 'anybody may cancel anybody’s order',
} as const

/** Name of a mutation. */
export type MutationName = keyof typeof mutations

/** True where `text` names a mutation. */
export function isMutation(text: string): text is MutationName {
  return Object.hasOwn(mutations, text)
}

/** The disk as a mutation makes it. */
export function mutatedDisk(disk: Disk, mutation: MutationName | undefined): Disk {
  const open = (change: (file: DiskFile) => DiskFile): Disk => ({
    ...forwarded(disk),
    open: async (path, mode) => change(await disk.open(path, mode)),
  })
  if (mutation === 'no-sync')
    return open((file) => ({ ...forwardedFile(file), sync: async () => {} }))
  if (mutation === 'retry-sync')
    return open((file) => ({ ...forwardedFile(file), sync: () => syncTwice(file) }))
  if (mutation === 'no-folder-sync') return { ...forwarded(disk), syncFolder: async () => {} }
  if (mutation === 'ignore-lock')
    return { ...forwarded(disk), lock: async () => ({ release: async () => {} }) }
  if (mutation !== 'cut-tail-blindly') return disk
  return {
    ...forwarded(disk),
    open: async (path, mode) => {
      const file = await disk.open(path, mode)
      if (mode === 'change') await file.truncate(Math.max(32, (await file.size()) - 40))
      return file
    },
  }
}

async function syncTwice(file: DiskFile): Promise<void> {
  try {
    await file.sync()
  } catch (caught) {
    if (errorCode(caught) !== 'EIO') throw caught
    await file.sync()
  }
}

function forwarded(disk: Disk): Disk {
  return {
    makeFolder: (path) => disk.makeFolder(path),
    list: (path) => disk.list(path),
    open: (path, mode) => disk.open(path, mode),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncFolder: (path) => disk.syncFolder(path),
    lock: (folder) => disk.lock(folder),
  }
}

function forwardedFile(file: DiskFile): DiskFile {
  return {
    write: (bytes, position) => file.write(bytes, position),
    read: (target, position) => file.read(target, position),
    sync: () => file.sync(),
    truncate: (length) => file.truncate(length),
    size: () => file.size(),
    close: () => file.close(),
  }
}

/** A clock whose monotonic part jumps with the wall: what a sale sees that trusts the wall clock. */
export function mutatedClock(clock: Clock, mutation: MutationName | undefined): Clock {
  if (mutation !== 'trust-wall-clock') return clock
  return { ...clock, elapsed: () => clock.now() }
}
