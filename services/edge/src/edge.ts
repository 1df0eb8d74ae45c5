import type { Handler } from '@spate/http/exchange'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { Fault, shown } from '@spate/runtime/fault'
import type { Telemetry } from '@spate/telemetry/telemetry'
import { EdgeCache } from './edge-cache.ts'
import { Forwarder } from './forwarder.ts'
import { publishTierMetrics } from './store/tier-metrics.ts'
import { Tiers } from './store/tiers.ts'
import type { DiskTier } from './disk/disk-tier.ts'
import type { SharedTier } from './shared-tier/shared-tier.ts'
import { publishMetrics } from './metrics.ts'
import type { Peers } from './peers/peers.ts'
import type { EdgePolicy } from './policy.ts'
import { OriginSpans, type NodeName } from './origins/origin-spans.ts'
import type { Sites } from './sites/sites.ts'
import { Statistics } from './statistics.ts'
import { Traffic } from './traffic/traffic.ts'
import { Transfers } from './transfers.ts'
import type { Forgotten } from './workers/telling.ts'

/** What an edge is made of. */
export interface EdgeOptions {
  readonly sites: Sites
  readonly memoryBytesMax: number
  /** Bytes all bodies on their way into the store may hold together. */
  readonly transientBytesMax: number
  /** Undefined where nothing goes to disk. */
  readonly disk?: DiskTier | undefined
  /** Hears what an unsafe request made invalid here, so that others forget it too. */
  readonly onChanged?: ((what: Forgotten) => void) | undefined
  /** Undefined where nothing is kept in a store of all nodes. */
  readonly shared?: SharedTier | undefined
  /** Absent where this node is alone. */
  readonly peers?: Peers | undefined
  /** Where to count; a new one where absent. */
  readonly statistics?: Statistics
  /** What this node is called in traces. */
  readonly node?: NodeName
  /** Secret by which clients are hashed to be counted; workers share one. Default by chance. */
  readonly clientSeed?: number
  /** Show addresses of clients whole, not their networks. Default false. */
  readonly wholeAddresses?: boolean
  readonly clock: Clock
  readonly chance: Chance
  readonly telemetry: Telemetry
}

/** One caching node without its ports: the handler and what stands behind it. */
export class Edge {
  readonly store: Tiers
  readonly shared: SharedTier | undefined
  readonly statistics: Statistics
  readonly traffic: Traffic
  readonly peers: Peers | undefined
  readonly transfers: Transfers
  readonly handle: Handler
  readonly #clock: Clock
  /** May be replaced while it runs: what was begun goes on under what was. */
  sites: Sites
  transientBytesMax: number

  constructor(options: EdgeOptions) {
    const { clock, chance, telemetry, wholeAddresses = false } = options
    this.statistics = options.statistics ?? new Statistics()
    this.peers = options.peers
    this.shared = options.shared
    this.sites = options.sites
    this.transientBytesMax = options.transientBytesMax
    this.#clock = clock
    this.store = new Tiers(options.memoryBytesMax, options.disk)
    this.traffic = new Traffic({
      clock,
      chance,
      seed: options.clientSeed ?? chance.uint32(),
      wholeAddresses,
      hitSpan: (request, result) => spans.hit(request, result),
    })
    const metrics = publishMetrics(telemetry, clock, this.statistics, this.traffic.totals)
    publishTierMetrics(telemetry, this)
    const spans = new OriginSpans({
      telemetry,
      clock,
      statistics: this.statistics,
      metrics,
      node: options.node ?? { id: 'edge', region: 'local' },
    })
    const now = (): number => clock.now()
    this.transfers = new Transfers({
      store: this.store,
      statistics: this.statistics,
      spans,
      sites: () => this.sites,
      peers: options.peers,
      onChanged: options.onChanged,
      shared: options.shared,
      objectBytesMax: () => this.store.memory.objectBytesMax,
      transientBytesMax: () => this.transientBytesMax,
      now,
    })
    const cache = new EdgeCache({
      store: this.store,
      forwarder: new Forwarder(this.transfers),
      statistics: this.statistics,
      sites: () => this.sites,
      peers: options.peers,
      now,
    })
    this.handle = cache.handle
  }

  now(): number {
    return this.#clock.now()
  }

  /** Cache keys that an absolute URL can have. Throws `Fault('invalid_field')` where it is none. */
  keysOfUrl(url: string): readonly string[] {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new Fault('invalid_field', 'not an absolute URL', {
        fields: [{ field: 'urls', value: shown(url), expected: 'absolute http or https URLs' }],
      })
    }
    return this.transfers.keysOfUrl(url)
  }

  /** Cache key of an absolute URL under `policy`. */
  keyOf(url: string, policy: EdgePolicy): string {
    return this.transfers.keyOf(url, policy)
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.traffic.close()
    this.transfers.close()
    await this.store.disk?.close()
    await this.shared?.close()
  }
}
