import { Fault } from '@spate/runtime/fault'
import type { Clock } from '@spate/runtime/clock'
import type { Journal } from '@spate/journal/journal'
import { Chain, linkBytes } from '../domain/chain.ts'
import { Sale } from '../domain/sale.ts'
import { secretBytes } from '@spate/runtime/chance'
import { readSnapshot, writeSnapshot } from '../domain/snapshot.ts'
import { follows, readRecord, recordVersion } from './record.ts'

/** What opening a ledger found. */
export interface LedgerRecovery {
  readonly sale: Sale
  readonly chain: Chain
  /** Number of the last event in the snapshot; 0 where there was none. */
  readonly snapshotSequence: number
  /** Events read from the log behind the snapshot. */
  readonly replayed: number
  readonly durationMs: number
}

/** The state as a snapshot's body: the chain's link, then the state. */
export function snapshotOf(sale: Sale, chain: Chain): Uint8Array[] {
  return [chain.head(), writeSnapshot(sale)]
}

/**
 * The state of the journal: newest snapshot, then every event after it. The chain is computed
 * again and compared with the link each record ends with. Throws `data_corrupt` where it differs.
 */
export async function recoverSale(journal: Journal, clock: Clock): Promise<LedgerRecovery> {
  const begun = clock.elapsed()
  const seed = secretBytes(4).readUInt32LE(0)
  const snapshot = await journal.latestSnapshot()
  const chain = new Chain()
  let sale = new Sale(seed)
  if (snapshot) {
    chain.restore(snapshot.bytes)
    sale = readSnapshot(snapshot.bytes.subarray(linkBytes), seed)
  }
  const snapshotSequence = sale.sequence
  await journal.replay((snapshot?.sequence ?? 0) + 1, (record, payload) => {
    if (payload[0] !== recordVersion)
      throw new Fault(
        'data_corrupt',
        `the ledger has records of version ${payload[0]}, this program reads ${recordVersion}: use another data folder`,
      )
    if (!follows(payload, chain)) throw broken(record, 'the chain of hashes does not fit')
    readRecord(payload, (event, sequence) => {
      if (sequence !== sale.sequence + 1) throw broken(record, `event ${sequence} is out of order`)
      sale.apply(event)
    })
  })
  return {
    sale,
    chain,
    snapshotSequence,
    replayed: sale.sequence - snapshotSequence,
    durationMs: clock.elapsed() - begun,
  }
}

function broken(record: number, why: string): Fault {
  return new Fault('data_corrupt', `the ledger's record ${record} is damaged: ${why}`)
}
