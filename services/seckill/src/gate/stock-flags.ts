import type { EventLog } from '@spate/eventlog/event-log'
import type { Request, Response } from '@spate/http/exchange'
import { SseHub, type SseEvent } from '@spate/http/sse'
import type { Clock, Timer } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Campaign } from '../domain/campaign.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { StockFlagJson } from './contract.ts'

/** Topic of stock flags, keyed by product. */
export const stockTopic = 'stock'

/** How often changes are told, ms. */
const tellEveryMs = 50

/** What the flags are made of, and who hears of them. */
export interface StockFlagsOptions {
  readonly ledger: Pick<EmbeddedLedger, 'campaigns' | 'campaign' | 'feed' | 'settled' | 'now'>
  readonly clock: Clock
  readonly log: Log
  /** Absent: only those who listen by HTTP hear of a change. */
  readonly eventLog?: EventLog
}

/**
 * Tells when a product is sold out and when it can be had again: to the topic `stock` and to whoever
 * listens by HTTP, within a tenth of a second, and only what is durable. Flags are told by version:
 * of two with the same epoch the greater version is newer. Of changes that come faster than they
 * are told, the last one is; after a start all are told anew.
 */
export class StockFlags {
  readonly #options: StockFlagsOptions
  readonly #hub: SseHub
  readonly #told = new Map<string, string>()
  readonly #timer: Timer
  readonly #unfollow: () => void
  #changed = true
  #telling: Promise<void> | undefined

  constructor(options: StockFlagsOptions) {
    this.#options = options
    this.#hub = new SseHub({ clock: options.clock })
    this.#unfollow = options.ledger.feed.onDurable(() => (this.#changed = true))
    this.#timer = options.clock.every(tellEveryMs, () => this.#tick())
  }

  /** The flag of every product that has a campaign. O(products). */
  all(): StockFlagJson[] {
    const { ledger } = this.#options
    return this.#newest().map((campaign) => flagOf(campaign, ledger.now()))
  }

  /** Every flag, then each change, as long as the client listens. */
  stream(request: Request): Response {
    return this.#hub.subscribe(request, this.all().map(eventOf))
  }

  async close(): Promise<void> {
    this.#timer.cancel()
    this.#unfollow()
    this.#hub.close()
    await this.#telling
  }

  #newest(): Readonly<Campaign>[] {
    const { ledger } = this.#options
    return ledger.campaigns().filter((one) => ledger.campaign(one.productId) === one)
  }

  #tick(): void {
    if (!this.#changed || this.#telling) return
    this.#changed = false
    this.#telling = this.#tell().finally(() => (this.#telling = undefined))
  }

  async #tell(): Promise<void> {
    const { ledger, eventLog, log } = this.#options
    const fresh = this.#newest().filter((one) => this.#told.get(one.productId) !== nameOf(one))
    if (fresh.length === 0) return
    const names = fresh.map(nameOf)
    const flags = fresh.map((campaign) => flagOf(campaign, ledger.now()))
    try {
      // What is told must not be taken back by a crash: the version would be given out twice.
      await ledger.settled()
      await eventLog?.publish(
        stockTopic,
        flags.map((flag) => ({ key: flag.productId, value: Buffer.from(JSON.stringify(flag)) })),
      )
    } catch (caught) {
      this.#changed = true
      return log.warn('stock flags could not be told', {
        flags: flags.length,
        error: errorText(caught),
      })
    }
    for (const flag of flags) this.#hub.publish(eventOf(flag))
    for (const [at, { productId }] of flags.entries()) this.#told.set(productId, names[at] ?? '')
  }
}

const nameOf = ({ epoch, flagVersion }: Readonly<Campaign>): string => `${epoch}/${flagVersion}`

function flagOf(campaign: Readonly<Campaign>, atMs: number): StockFlagJson {
  const { productId, epoch, flagVersion: version, remaining } = campaign
  const type = remaining === 0 ? 'stock.soldout' : 'stock.available'
  return { type, productId, epoch, version, remaining, atMs }
}

function eventOf(flag: StockFlagJson): SseEvent {
  return { event: flag.type, id: `${flag.epoch}-${flag.version}`, data: flag }
}
