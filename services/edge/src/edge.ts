import type { Handler } from '@spate/http/exchange'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { Fault, shown } from '@spate/runtime/fault'
import type { Telemetry } from '@spate/telemetry/telemetry'
import type { KeyRules } from './domain/cache-key.ts'
import type { StoringRules } from './domain/storing.ts'
import { EdgeCache } from './edge-cache.ts'
import { Forwarder } from './forwarder.ts'
import { MemoryStore } from './store/memory-store.ts'
import { publishMetrics } from './metrics.ts'
import { OriginSpans } from './origins/origin-spans.ts'
import type { Origin } from './origins/origin.ts'
import { Statistics } from './statistics.ts'
import { Transfers } from './transfers.ts'

/** What decides how an edge caches; may change while it runs. */
export interface EdgePolicy {
  readonly keys: KeyRules
  readonly storing: StoringRules
  /** Obey Cache-Control and Pragma of clients (RFC 9111 section 5.2.1). */
  readonly honourClient: boolean
  /** Largest body stored, bytes. */
  readonly objectBytesMax: number
  /** Bytes all bodies on their way into the store may hold together. */
  readonly transientBytesMax: number
}

/** What an edge is made of. */
export interface EdgeOptions {
  readonly origin: Origin
  /** Host and port of the origin, for telemetry and `explain`. */
  readonly originName: string
  readonly memoryBytesMax: number
  readonly policy: EdgePolicy
  readonly clock: Clock
  readonly chance: Chance
  readonly telemetry: Telemetry
}

/** One caching node without its ports: the handler and what stands behind it. */
export class Edge {
  readonly store: MemoryStore
  readonly statistics: Statistics = new Statistics()
  readonly transfers: Transfers
  readonly originName: string
  readonly handle: Handler
  readonly #origin: Origin
  readonly #clock: Clock
  policy: EdgePolicy

  constructor(options: EdgeOptions) {
    const { clock, telemetry, originName } = options
    this.policy = options.policy
    this.originName = originName
    this.#origin = options.origin
    this.#clock = clock
    this.store = new MemoryStore(options.memoryBytesMax)
    const metrics = publishMetrics(telemetry, clock, this.statistics)
    const now = (): number => clock.now()
    this.transfers = new Transfers({
      store: this.store,
      origin: options.origin,
      statistics: this.statistics,
      spans: new OriginSpans(telemetry, clock, this.statistics, metrics),
      rules: () => this.policy.storing,
      keyRules: () => this.policy.keys,
      objectBytesMax: () => Math.min(this.policy.objectBytesMax, this.store.objectBytesMax),
      transientBytesMax: () => this.policy.transientBytesMax,
      now,
    })
    const cache = new EdgeCache({
      store: this.store,
      forwarder: new Forwarder(this.transfers),
      statistics: this.statistics,
      keyRules: () => this.policy.keys,
      honourClient: () => this.policy.honourClient,
      now,
    })
    this.handle = cache.handle
  }

  now(): number {
    return this.#clock.now()
  }

  /** Cache key of an absolute URL. Throws `Fault('invalid_field')` where it is none. */
  keyOfUrl(url: string): string {
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      throw new Fault('invalid_field', 'not an absolute URL', {
        fields: [{ field: 'urls', value: shown(url), expected: 'absolute http or https URLs' }],
      })
    }
    return this.transfers.keyOfUrl(url)
  }

  /** Ends what is under way and lets go of the origin. */
  async close(): Promise<void> {
    this.transfers.close()
    await this.#origin.close()
  }
}
