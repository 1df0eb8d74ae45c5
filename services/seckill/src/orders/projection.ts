import type { Tracer } from '@opentelemetry/api'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { crashPoint } from '@spate/runtime/host'
import { spanNames } from '@spate/telemetry/names'
import type { Ledger } from '../ledger/ledger.ts'
import { Follower, type FollowerOptions, type FollowerPosition } from './follower.ts'
import { readChanges } from './order-changes.ts'
import type { OrderRowJson, OrderStatusJson, OrderStore } from './order-store.ts'
import type { TraceLinks } from './trace-links.ts'

/** The order store behind the ledger. */
export type Projection = Follower

/** Spans a batch makes at most: one for each order whose trace is known. */
const spansMax = 20

/** Writes the ledger's orders into the order store, in batches, in order, once. */
export function orderProjection(
  store: OrderStore,
  ledger: Ledger,
  links: TraceLinks,
  options: Omit<FollowerOptions, 'name' | 'feed' | 'load' | 'apply'> & { readonly tracer: Tracer },
): Projection {
  const apply: FollowerOptions['apply'] = async (records, from) => {
    const made = new Map<number, OrderRowJson>()
    const changed = new Map<number, OrderStatusJson>()
    const position = readChanges(records, from, (change) => {
      const { slot } = change
      if (change.kind === 'made') {
        const { orderId, userId, campaign, quantity, atMs, sequence } = change
        const { productId, reservationTtlMs } = ledger.campaigns()[campaign] ?? unknownCampaign
        made.set(slot, {
          slot,
          orderId,
          userId,
          productId,
          campaign,
          quantity,
          status: 'reserved',
          createdMs: atMs,
          expiresMs: atMs + reservationTtlMs,
          paymentId: '',
          sequence,
        })
        return
      }
      const { status, paymentId, sequence } = change
      const row = made.get(slot)
      if (row) {
        const paid = paymentId === '' ? row.paymentId : paymentId
        made.set(slot, { ...row, status, paymentId: paid, sequence })
      } else {
        const paid = paymentId === '' ? (changed.get(slot)?.paymentId ?? '') : paymentId
        changed.set(slot, { slot, status, paymentId: paid, sequence })
      }
    })
    const spans = beginSpans(options.tracer, links, made)
    crashPoint('orders.before-batch')
    await store.write([...made.values()], [...changed.values()], position)
    crashPoint('orders.after-batch')
    for (const span of spans) span.end()
    return position
  }
  const load = (): Promise<FollowerPosition> => store.position('orders')
  return new Follower({ ...options, name: 'order store', feed: ledger.feed, load, apply })
}

const unknownCampaign = { productId: '', reservationTtlMs: 0 }

function beginSpans(
  tracer: Tracer,
  links: TraceLinks,
  made: ReadonlyMap<number, OrderRowJson>,
): { end(): void }[] {
  const spans = []
  for (const [slot, { orderId }] of made) {
    const context = links.peek(slot)
    if (!context) continue
    const parent = trace.setSpanContext(ROOT_CONTEXT, context)
    const span = tracer.startSpan(spanNames.seckillCreateOrderAsync, {}, parent)
    span.setAttribute('order.id', orderId)
    spans.push(span)
    if (spans.length === spansMax) break
  }
  return spans
}
