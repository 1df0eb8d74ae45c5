import {
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Span,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api'
import { crashPoint } from '@spate/runtime/host'
import type { EventLog } from '@spate/eventlog/event-log'
import { spanNames } from '@spate/telemetry/names'
import type { OrderEventJson } from '../contract.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import { Follower, type FollowerOptions } from './follower.ts'
import { readChanges } from './order-changes.ts'
import type { OrderStore } from './order-store.ts'
import type { TraceLinks } from './trace-links.ts'

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
  options: Omit<FollowerOptions, 'name' | 'feed' | 'load' | 'apply'> & {
    readonly links: TraceLinks
    readonly tracer: Tracer
  },
): Outbox {
  const apply: FollowerOptions['apply'] = async (records, from) => {
    const events: { key: string; value: Uint8Array; headers?: Record<string, string> }[] = []
    const sending: Span[] = []
    const position = readChanges(records, from, (change) => {
      const order = ledger.view(change.slot)
      const event: OrderEventJson = {
        type: change.kind === 'made' ? 'order.reserved' : `order.${change.status}`,
        sequence: change.sequence,
        orderId: order.orderId,
        userId: order.userId,
        productId: order.productId,
        quantity: order.quantity,
        atMs: change.atMs,
      }
      const link = change.kind === 'made' ? options.links.take(change.slot) : undefined
      const headers: Record<string, string> = { sequence: String(change.sequence) }
      if (link) {
        const span = sendSpan(options.tracer, link)
        sending.push(span)
        carry(span.spanContext(), headers)
      }
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
  const load: FollowerOptions['load'] = () => store.position('outbox')
  return new Follower({ ...options, name: 'outbox', feed: ledger.feed, load, apply })
}

/** The producer's span of one event: the trace of its purchase goes on in it. */
function sendSpan(tracer: Tracer, link: SpanContext): Span {
  const attributes = {
    'messaging.system': 'spate',
    'messaging.operation.type': 'send',
    'messaging.destination.name': ordersTopic,
  }
  const parent = trace.setSpanContext(ROOT_CONTEXT, link)
  return tracer.startSpan(spanNames.ordersSend, { kind: SpanKind.PRODUCER, attributes }, parent)
}

/** Writes the W3C trace context of a span into the headers of an event. */
function carry(context: SpanContext, headers: Record<string, string>): void {
  const flags = context.traceFlags.toString(16).padStart(2, '0')
  headers['traceparent'] = `00-${context.traceId}-${context.spanId}-${flags}`
  const state = context.traceState?.serialize()
  if (state) headers['tracestate'] = state
}
