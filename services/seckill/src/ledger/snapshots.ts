import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Journal } from '@spate/journal/journal'
import type { Chain } from '../domain/chain.ts'
import type { Sale } from '../domain/sale.ts'
import { snapshotOf } from './recovery.ts'

/** What snapshots are made of, and when. */
export interface SnapshotsOptions {
  readonly journal: Journal
  readonly sale: Sale
  readonly chain: Chain
  readonly log: Log
  /** Number of the last event in the newest snapshot. */
  readonly snapshotSequence: number
  /** New events after which one is written where it is quiet; at four times as many in any case. */
  readonly everyEvents: number
  readonly crash: (name: string) => void
  /** Appends what the turn has gathered, so that the log ends where the state does. */
  readonly flush: () => void
}

/**
 * Writes the ledger's snapshots. The state is copied in one go (about 70 ms for 10^6 orders), so
 * it is done in a quiet moment where there is one.
 */
export class Snapshots {
  readonly #options: SnapshotsOptions
  #sequence: number
  #quietSequence = 0
  #running: Promise<void> | undefined

  constructor(options: SnapshotsOptions) {
    this.#options = options
    this.#sequence = options.snapshotSequence
  }

  /** Writes one in the background where it is time. */
  consider(): void {
    const { sale, everyEvents } = this.#options
    const fresh = sale.sequence - this.#sequence
    const quiet = sale.sequence === this.#quietSequence
    this.#quietSequence = sale.sequence
    if (this.#running || fresh < (quiet ? everyEvents : 4 * everyEvents)) return
    this.#running = this.#saveLogged().finally(() => (this.#running = undefined))
  }

  /** Saves the state as of now; does nothing where the newest snapshot has it already. */
  async save(): Promise<void> {
    const { journal, sale, chain, crash, flush } = this.#options
    flush()
    const record = journal.lastSequence
    const { sequence } = sale
    if (record === 0 || sequence === this.#sequence) return
    const body = snapshotOf(sale, chain)
    await journal.durable()
    crash('ledger.before-snapshot')
    await journal.writeSnapshot(record, body)
    this.#sequence = sequence
    crash('ledger.after-snapshot')
  }

  /** Finishes the one that is being written, then saves the last state. */
  async close(): Promise<void> {
    await this.#running
    await this.#saveLogged()
  }

  async #saveLogged(): Promise<void> {
    try {
      await this.save()
    } catch (caught) {
      this.#options.log.warn('no snapshot was written', { error: errorText(caught) })
    }
  }
}
