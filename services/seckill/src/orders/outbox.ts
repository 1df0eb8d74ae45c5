import { ROOT_CONTEXT, SpanKind, trace, type Span, type Tracer } from '@opentelemetry/api'
import { crashPoint } from '@spate/runtime/host'
import type { EventLog } from '@spate/eventlog/event-log'
import { spanNames } from '@spate/telemetry/names'
import { injectHeaders } from '@spate/telemetry/propagator'
import type { OrderEventJson } from '../contract.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import { Follower, type FollowerOptions } from './follower.ts'
import { isPoison, type DeadLetters } from './dead-letters.ts'
import type { Redo } from './letter-desk.ts'
import { readChanges, type OrderChange } from './order-changes.ts'
import type { OrderStore } from './order-store.ts'
import type { TraceLink, TraceLinks } from './trace-links.ts'

/** Topic of order events. */
export const ordersTopic = 'orders'

/** The event log behind the ledger. */
export type Outbox = Follower

/**
 * Publishes the ledger's order events to the topic `orders`, keyed by user, in order. The position
 * is kept after the events are durable there, so none is lost; after a crash the last ones may come
 * twice, with the same `sequence` and `orderId`.
 */
export function outbox(
  eventLog: EventLog,
  store: OrderStore,
  ledger: EmbeddedLedger,
  options: Omit<FollowerOptions, 'name' | 'feed' | 'load' | 'apply' | 'bury'> & {
    readonly links: TraceLinks
    readonly letters: DeadLetters
    readonly tracer: Tracer
  },
): Outbox {
  const load: FollowerOptions['load'] = () => store.position('outbox')
  const bury: FollowerOptions['bury'] = async (record, from) => {
    const due: OrderEventJson[] = []
    const position = readChanges([record], from, (change) => due.push(orderEvent(ledger, change)))
    for (const event of due) {
      try {
        await publishOne(eventLog, event)
      } catch (caught) {
        if (!isPoison(caught)) throw caught
        const { sequence, orderId } = event
        const slot = ledger.slotOf(orderId)
        const letter = { follower: 'outbox' as const, sequence, slot, orderId, detail: event }
        await options.letters.bury(letter, caught)
      }
    }
    await store.keep('outbox', position)
    return position
  }
  const apply: FollowerOptions['apply'] = async (records, from) => {
    const events: { key: string; value: Uint8Array; headers?: Record<string, string> }[] = []
    const sending: Span[] = []
    const position = readChanges(records, from, (change) => {
      const event = orderEvent(ledger, change)
      const link = change.kind === 'made' ? options.links.take(change.slot) : undefined
      const headers: Record<string, string> = { sequence: String(change.sequence) }
      if (link) Object.assign(headers, traced(options.tracer, link, sending))
      events.push({ key: event.userId, value: Buffer.from(JSON.stringify(event)), headers })
    })
    crashPoint('outbox.before-publish')
    try {
      if (events.length > 0) await eventLog.publish(ordersTopic, events)
    } finally {
      for (const span of sending) span.end()
    }
    crashPoint('outbox.after-publish')
    await store.keep('outbox', position)
    crashPoint('outbox.after-position')
    return position
  }
  return new Follower({ ...options, name: 'outbox', feed: ledger.feed, load, apply, bury })
}

/** Publishes the event of a letter. */
export function redoEvent(eventLog: EventLog): Redo {
  return ({ detail }) => publishOne(eventLog, JSON.parse(detail) as OrderEventJson)
}

async function publishOne(eventLog: EventLog, event: OrderEventJson): Promise<void> {
  const headers = { sequence: String(event.sequence) }
  const value = Buffer.from(JSON.stringify(event))
  await eventLog.publish(ordersTopic, [{ key: event.userId, value, headers }])
}

function orderEvent(ledger: EmbeddedLedger, change: OrderChange): OrderEventJson {
  const { orderId, userId, productId, quantity } = ledger.view(change.slot)
  const { sequence, atMs } = change
  const type = change.kind === 'made' ? 'order.reserved' : (`order.${change.status}` as const)
  return { type, sequence, orderId, userId, productId, quantity, atMs }
}

/**
 * Headers with the trace of a purchase, which goes on in the event's producer span. What nobody
 * records has no such span; its context goes on as it is, so that the next program decides alike.
 */
function traced(tracer: Tracer, link: TraceLink, sending: Span[]): Record<string, string> {
  const parent = trace.setSpanContext(ROOT_CONTEXT, link.context)
  if (!link.recorded) return injectHeaders(parent)
  const attributes = {
    'messaging.system': 'spate',
    'messaging.operation.type': 'send',
    'messaging.destination.name': ordersTopic,
  }
  const span = tracer.startSpan(
    spanNames.ordersSend,
    { kind: SpanKind.PRODUCER, attributes },
    parent,
  )
  sending.push(span)
  return injectHeaders(trace.setSpan(ROOT_CONTEXT, span))
}
