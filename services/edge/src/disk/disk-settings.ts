import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { bytes, integer, type TableOf } from '@spate/runtime/settings'
import type { DiskTier } from './disk-tier.ts'
import { diskBytesMin, openDiskTier } from './open-disk-tier.ts'

/** Settings of the disk tier. */
export interface DiskSettings {
  readonly diskBytes: number
  readonly diskObjectBytesMax: number
  readonly diskObjectsMax: number
  readonly diskPromoteBytesMax: number
}

const GiB = 1024 ** 3

/** The table of `DiskSettings`. */
export const diskSettings: TableOf<DiskSettings> = {
  diskBytes: bytes(
    GiB,
    0,
    2 ** 46,
    'Disk for stored responses, in the data folder; found again after a restart; 0 keeps nothing',
  ),
  diskObjectBytesMax: bytes(
    GiB,
    1024,
    2 ** 40,
    'Largest body kept on disk; an eighth of the disk tier at most',
  ),
  diskObjectsMax: integer(
    1_000_000,
    1000,
    100_000_000,
    'Responses on disk; each costs about 600 bytes of memory',
    { unit: 'responses' },
  ),
  diskPromoteBytesMax: bytes(
    1024 ** 2,
    0,
    2 ** 32,
    'Largest body that a hit on disk brings into memory; larger ones are read from disk each time',
  ),
}

/** The disk tier that `settings` ask for; undefined where they ask for none, or another process has it. */
export async function diskTierOf(
  settings: DiskSettings & { readonly origin: string | undefined },
  { dataDir, log }: { readonly dataDir: string; readonly log: Log },
): Promise<DiskTier | undefined> {
  const { diskBytes, diskObjectBytesMax, diskObjectsMax, diskPromoteBytesMax, origin } = settings
  if (diskBytes === 0) return undefined
  if (diskBytes < diskBytesMin)
    throw new Fault('settings_invalid', `disk-bytes: 0, or at least ${diskBytesMin}`)
  const folder = `${dataDir}/cache`
  try {
    return await openDiskTier({
      folder,
      limits: {
        bytesMax: diskBytes,
        objectsMax: diskObjectsMax,
        objectBytesMax: diskObjectBytesMax,
        promoteBytesMax: diskPromoteBytesMax,
      },
      identity: origin ?? '',
      log,
    })
  } catch (caught) {
    if (!(caught instanceof Fault) || caught.code !== 'data_locked') throw caught
    log.warn('another process has the disk tier; this one keeps responses in memory only', {
      folder,
    })
    return undefined
  }
}
