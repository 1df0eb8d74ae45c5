import type { Clock, Timer } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Campaign } from '../domain/campaign.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { LedgerCapture } from '../ledger/ledger-options.ts'
import { readRecord } from '../ledger/record.ts'
import type { OrderStore, StoredSum } from '../orders/order-store.ts'
import type { Projection } from '../orders/projection.ts'
import { LogSums, noUnits, type Units } from './log-sums.ts'

/** One order on which two books do not agree. */
export interface Discrepancy {
  readonly campaign: number
  /** The book that differs from the log. */
  readonly book: 'orders' | 'ledger'
  readonly productId: string
  readonly what: string
  readonly log: number | string
  readonly found: number | string
  /** The order, and the number of the last event that changed it, where one order is to blame. */
  readonly orderId?: string
  readonly sequence?: number
}

/** What the three books say of one campaign. */
export interface AuditJson {
  readonly productId: string
  readonly epoch: number
  readonly total: number
  readonly adjusted: number
  readonly remaining: number
  readonly reserved: number
  readonly paid: number
  readonly returned: number
  readonly orders: number
  readonly consistent: boolean
  /** SHA-256 of the chain after event `sequence`. */
  readonly chainHead: string
  readonly sequence: number
  readonly books: Readonly<Record<'ledger' | 'orders' | 'log', Pick<Units, 'reserved' | 'paid'>>>
  readonly discrepancies: readonly Discrepancy[]
}

/** What an auditor works with. */
export interface AuditorOptions {
  readonly ledger: EmbeddedLedger
  readonly store: OrderStore
  readonly projection: Projection
  readonly clock: Clock
  readonly log: Log
  /** How often all books are compared, ms. */
  readonly everyMs: number
}

const pageOrders = 5000
const discrepanciesMax = 20
const sliceBytes = 256 * 1024

interface Cut {
  readonly counts: LedgerCapture
  readonly found: readonly Discrepancy[]
  readonly stored: readonly StoredSum[]
}

/**
 * Compares the ledger's state, the order store and the log, all the time, also under load. The log
 * is the measure: it is added up by other code than the core's, to exactly the record at which the
 * ledger was counted, then to exactly the record at which the order store was.
 */
export class Auditor {
  readonly #options: AuditorOptions
  readonly #sums = new LogSums()
  #record = 0
  #timer: Timer | undefined
  #running: Promise<Cut> | undefined
  #stopped = false
  #runs = 0
  #found: readonly Discrepancy[] = []

  constructor(options: AuditorOptions) {
    this.#options = options
  }

  /** Complete comparisons so far. */
  get runs(): number {
    return this.#runs
  }

  /** What the last comparison found. */
  get discrepancies(): readonly Discrepancy[] {
    return this.#found
  }

  start(): void {
    this.#timer = this.#options.clock.every(this.#options.everyMs, () => this.#again())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#running?.catch(() => {})
  }

  /** The three books on one campaign. */
  async audit(campaign: Readonly<Campaign>): Promise<AuditJson> {
    await this.#running?.catch(() => {})
    const { counts, found, stored } = await this.#compare()
    const units = counts.campaigns[campaign.index] ?? { ...noUnits(), remaining: 0 }
    const sold = storedUnits(stored, campaign.index)
    const logged = this.#sums.campaigns[campaign.index] ?? noUnits()
    const discrepancies = found.filter((one) => one.campaign === campaign.index)
    return {
      productId: campaign.productId,
      epoch: campaign.epoch,
      ...units,
      consistent: discrepancies.length === 0,
      chainHead: counts.chainHead,
      sequence: counts.sequence,
      books: {
        ledger: { reserved: units.reserved, paid: units.paid },
        orders: { reserved: sold.reserved, paid: sold.paid },
        log: { reserved: logged.reserved, paid: logged.paid },
      },
      discrepancies,
    }
  }

  #compare(): Promise<Cut> {
    this.#running ??= this.#cut().finally(() => (this.#running = undefined))
    return this.#running
  }

  async #cut(): Promise<Cut> {
    const { ledger, store, projection, log } = this.#options
    const found: Discrepancy[] = []
    const counts = ledger.capture()
    await this.#advance(counts.record)
    for (const [campaign, units] of counts.campaigns.entries()) {
      const logged = this.#sums.campaigns[campaign] ?? noUnits()
      const held = units.remaining + units.reserved + units.paid
      if (units.total + units.adjusted !== held || units.remaining < 0)
        found.push(
          this.#differs(campaign, 'ledger', 'remaining + reserved + paid', [
            logged.total + logged.adjusted,
            held,
          ]),
        )
      for (const what of ['total', 'adjusted', 'reserved', 'paid', 'returned', 'orders'] as const)
        if (units[what] !== logged[what])
          found.push(this.#differs(campaign, 'ledger', what, [logged[what], units[what]]))
    }
    await projection.caughtUp()
    const { sums: stored, record } = await store.sums()
    await this.#advance(record)
    for (const [campaign, logged] of this.#sums.campaigns.entries()) {
      const units = storedUnits(stored, campaign)
      let differs = false
      for (const what of ['reserved', 'paid', 'orders'] as const) {
        if (units[what] === logged[what]) continue
        differs = true
        found.push(this.#differs(campaign, 'orders', what, [logged[what], units[what]]))
      }
      if (differs) found.push(...(await this.#blame(campaign)))
      if (found.length > discrepanciesMax) break
    }
    this.#runs++
    this.#found = found
    for (const { campaign: _, ...one } of found) log.error('the books do not agree', { ...one })
    return { counts, found, stored }
  }

  #differs(
    campaign: number,
    book: Discrepancy['book'],
    what: string,
    [log, found]: readonly [number | string, number | string],
  ): Discrepancy {
    const productId = this.#options.ledger.campaigns()[campaign]?.productId ?? ''
    return { campaign, book, productId, what, log, found }
  }

  /** Adds the log up to `record`, in slices, so that purchases get their turn in between. */
  async #advance(record: number): Promise<void> {
    const { feed } = this.#options.ledger
    await this.#options.ledger.settled()
    while (this.#record < record && !this.#stopped) {
      for (const { record: number, payload } of await feed.read(this.#record + 1, sliceBytes)) {
        if (number > record) return
        readRecord(payload, (event, sequence) => this.#sums.add(event, sequence))
        this.#record = number
      }
      await new Promise((resolve) => void setImmediate(resolve))
    }
  }

  /** Orders of the store that differ from the ledger's, with the event that changed them last. */
  async #blame(campaign: number): Promise<Discrepancy[]> {
    const { ledger, store, projection } = this.#options
    const found: Discrepancy[] = []
    const missing = new Set(ledger.slotsOf(campaign))
    let after = -1
    for (;;) {
      const rows = await store.rowsOf(campaign, after, pageOrders)
      for (const row of rows) {
        after = row.slot
        missing.delete(row.slot)
        if (this.#same(row)) continue
        // The order may have changed a moment ago: only a row that stays wrong is to blame.
        await projection.caughtUp()
        const [again] = await store.rowsOf(campaign, row.slot - 1, 1)
        if (!again || this.#same(again)) continue
        const { orderId, quantity, status } = ledger.view(row.slot)
        const says = `${quantity} ${status}`
        const base = this.#differs(campaign, 'orders', 'order', [
          says,
          `${again.quantity} ${again.status}`,
        ])
        found.push({ ...base, orderId, sequence: again.sequence })
        if (found.length === discrepanciesMax) return found
      }
      if (rows.length < pageOrders) break
    }
    for (const slot of missing) {
      if (found.length === discrepanciesMax) break
      const { orderId, quantity, status } = ledger.view(slot)
      const base = this.#differs(campaign, 'orders', 'order', [`${quantity} ${status}`, 'no row'])
      found.push({ ...base, orderId })
    }
    return found
  }

  #same(row: { slot: number; status: string; quantity: number }): boolean {
    const { status, quantity } = this.#options.ledger.view(row.slot)
    return row.status === status && row.quantity === quantity
  }

  #again(): void {
    if (this.#running || this.#stopped) return
    this.#compare().catch((caught: unknown) =>
      this.#options.log.warn('the books could not be compared', { error: errorText(caught) }),
    )
  }
}

function storedUnits(sums: readonly StoredSum[], campaign: number): Units {
  const units = noUnits()
  for (const sum of sums) {
    if (sum.campaign !== campaign) continue
    units.orders += sum.orders
    if (sum.status === 'reserved') units.reserved += sum.units
    if (sum.status === 'paid') units.paid += sum.units
  }
  return units
}
