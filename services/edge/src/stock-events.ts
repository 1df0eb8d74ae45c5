import type { EventLog, StoredEvent, Subscription } from '@spate/eventlog/event-log'
import type { Log } from '@spate/runtime/log'
import { tagLengthMax } from './domain/tags.ts'

/** Topic on which the flash sale tells that a product is sold out, or can be had again. */
export const stockTopic = 'stock'

/** How this node is called among the readers of the log. */
const group = 'edge'

/** What following the sale's events needs. */
export interface StockEventsParts {
  readonly eventLog: EventLog
  readonly log: Log
  /** Removes stored answers with one of `tags`; `events` told so. */
  readonly purge: (tags: readonly string[], events: number) => Promise<unknown>
}

/**
 * Purges `stock:{productId}` as the sale says that a product is sold out or can be had again, so
 * that nobody is told of stock that is gone for as long as an answer is fresh. Events that came
 * while this node was away are taken up at the start. Owner: whoever closes the subscription.
 */
export function followStock({ eventLog, log, purge }: StockEventsParts): Subscription {
  return eventLog.subscribe({
    topic: stockTopic,
    group,
    from: 'latest',
    handler: async (events) => {
      const tags = events.map(tagOf).filter((tag) => tag !== undefined)
      const strange = events.length - tags.length
      if (strange > 0) log.warn('not events of stock', { events: strange })
      if (tags.length > 0) await purge([...new Set(tags)], tags.length)
    },
  })
}

/** The tag of the product that `event` is about; undefined where it is no event of stock. */
function tagOf({ key, value }: StoredEvent): string | undefined {
  const tag = `stock:${encodeURIComponent(key)}`
  return typeOf(value)?.startsWith('stock.') && tag.length <= tagLengthMax ? tag : undefined
}

function typeOf(value: Uint8Array): string | undefined {
  try {
    const told: unknown = JSON.parse(Buffer.from(value).toString())
    if (typeof told === 'object' && told && 'type' in told && typeof told.type === 'string')
      return told.type
  } catch {
    // Not JSON: the same as no event of stock.
  }
  return undefined
}
