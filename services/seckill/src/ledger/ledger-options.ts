import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import type { Disk } from '@spate/journal/disk'
import type { Campaign } from '../domain/campaign.ts'
import type { SaleLimits } from '../domain/purchase.ts'

/** How to open an embedded ledger. */
export interface LedgerOptions {
  /** Folder of its journal; no other use. */
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
  readonly limits: SaleLimits
  readonly disk?: Disk
  /** Random parts of order ids. Default: the system's cryptographic generator. */
  readonly chance?: Chance
  /** Runs `task` at the end of the present turn. Default `setImmediate`. */
  readonly turn?: (task: () => void) => void
  /** Called at each named crash point. Default: the process's. */
  readonly crash?: (name: string) => void
  /** How often reservations are looked through for those whose time is over, ms. Default 200. */
  readonly expireEveryMs?: number
  /** Reservations that do not end at their deadline: looked at each time. */
  readonly spared?: Pick<ReadonlySet<number>, 'has'>
  /** A snapshot is written when this many events are new and it is quiet, or at four times as many. Default 250,000. */
  readonly snapshotEvents?: number
  /** Bytes that may wait for the disk before purchases are refused with `overloaded`. Default 16 MiB. */
  readonly pendingBytesMax?: number
  /** An idle disk begins to write once a turn holds this many bytes, while the turn goes on. Default 16 KiB. */
  readonly recordBytesEarly?: number
}

/** A count of every campaign at one record of the log. */
export interface LedgerCapture {
  readonly record: number
  readonly sequence: number
  readonly chainHead: string
  readonly campaigns: readonly Pick<
    Campaign,
    'total' | 'adjusted' | 'remaining' | 'reserved' | 'paid' | 'returned' | 'orders'
  >[]
}
