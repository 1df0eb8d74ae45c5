import type { Tracer } from '@opentelemetry/api'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { crashPoint } from '@spate/runtime/host'
import { spanNames } from '@spate/telemetry/names'
import type { Ledger } from '../ledger/ledger.ts'
import { Follower, type FollowerOptions, type FollowerPosition } from './follower.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import { isPoison, type DeadLetters } from './dead-letters.ts'
import type { Redo } from './letter-desk.ts'
import { readChanges, type OrderChange } from './order-changes.ts'
import type { OrderRowJson, OrderStatusJson, OrderStore } from './order-store.ts'
import type { TraceLinks } from './trace-links.ts'

/** The order store behind the ledger. */
export type Projection = Follower

/** Spans a batch makes at most: one for each order whose trace is known. */
const spansMax = 20

/** Writes the ledger's orders into the order store, in batches, in order, once. */
export function orderProjection(
  store: OrderStore,
  ledger: EmbeddedLedger,
  links: TraceLinks,
  options: Omit<FollowerOptions, 'name' | 'feed' | 'load' | 'apply' | 'bury'> & {
    readonly tracer: Tracer
    readonly letters: DeadLetters
  },
): Projection {
  const apply: FollowerOptions['apply'] = async (records, from) => {
    const changes: OrderChange[] = []
    const position = readChanges(records, from, (change) => void changes.push(change))
    const { made, changed } = rowsOf(changes, ledger)
    const spans = beginSpans(options.tracer, links, made)
    crashPoint('orders.before-batch')
    await store.write([...made.values()], [...changed.values()], position)
    crashPoint('orders.after-batch')
    for (const span of spans) span.end()
    return position
  }
  const bury: FollowerOptions['bury'] = async (record, from) => {
    const changes: OrderChange[] = []
    const position = readChanges([record], from, (change) => void changes.push(change))
    for (const change of changes) {
      const { made, changed } = rowsOf([change], ledger)
      try {
        // The position before: it is kept as it is.
        await store.write([...made.values()], [...changed.values()], from)
      } catch (caught) {
        if (!isPoison(caught)) throw caught
        const { sequence, slot } = change
        const { orderId } = ledger.view(slot)
        const letter = { follower: 'orders' as const, sequence, slot, orderId, detail: change }
        await options.letters.bury(letter, caught)
      }
    }
    await store.keep('orders', position)
    return position
  }
  const load = (): Promise<FollowerPosition> => store.position('orders')
  return new Follower({ ...options, name: 'order store', feed: ledger.feed, load, apply, bury })
}

/** Writes the order of a letter as the ledger has it now. */
export function redoOrder(store: OrderStore, ledger: EmbeddedLedger): Redo {
  return async ({ slot }) => {
    await ledger.settled()
    const { sequence } = ledger.counters
    const { epoch: _, createdAtMs, expiresAtMs, cartId: __, ...order } = ledger.view(slot)
    const campaign = ledger.campaignOf(slot)
    // Changes up to `sequence` are in this row: those that are still on their way are older.
    await store.put({
      ...order,
      campaign,
      createdMs: createdAtMs,
      expiresMs: expiresAtMs,
      sequence,
    })
  }
}

interface Rows {
  readonly made: Map<number, OrderRowJson>
  readonly changed: Map<number, OrderStatusJson>
}

function rowsOf(changes: readonly OrderChange[], ledger: Ledger): Rows {
  const made = new Map<number, OrderRowJson>()
  const changed = new Map<number, OrderStatusJson>()
  for (const change of changes) {
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
      continue
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
  }
  return { made, changed }
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
