import type { Tracer } from '@opentelemetry/api'
import type { EventLog } from '@spate/eventlog/event-log'
import type { Lifecycle } from '@spate/runtime/lifecycle'
import type { Sql } from '@spate/state/sql'
import { openSqlite } from '@spate/state/sqlite'
import { metricNames } from '@spate/telemetry/names'
import { Auditor } from './audit/auditor.ts'
import { EmbeddedLedger } from './ledger/embedded-ledger.ts'
import type { SeckillOptions } from './options.ts'
import { OrderStore } from './orders/order-store.ts'
import { DeadLetters } from './orders/dead-letters.ts'
import { LetterDesk } from './orders/letter-desk.ts'
import { outbox, redoEvent } from './orders/outbox.ts'
import { orderProjection, redoOrder, type Projection } from './orders/projection.ts'
import { redoRefund } from './payments/refunds.ts'
import { TraceLinks } from './orders/trace-links.ts'
import { PendingPayments } from './payments/pending-payments.ts'
import { openTill, type Till } from './payments/till.ts'

/** Everything the sale is written in. */
export interface Books {
  readonly ledger: EmbeddedLedger
  readonly store: OrderStore
  readonly projection: Projection
  readonly auditor: Auditor
  readonly links: TraceLinks
  readonly till: Till
  readonly letters: LetterDesk
}

const stepBytes = 512 * 1024

/**
 * Opens ledger and order store and adds what follows them to `lifecycle`: started in order
 * projection, outbox, auditor; stopped the other way round, the ledger last.
 */
export async function openBooks(options: SeckillOptions, lifecycle: Lifecycle): Promise<Books> {
  const { settings, clock, log, telemetry, eventLog } = options
  const folder = `${options.dataDir}/seckill`
  const { paymentGrace: graceMs, pendingPaymentsMax: most } = settings
  const pending = new PendingPayments({ graceMs, most })
  const ledger = await EmbeddedLedger.open({
    folder: `${folder}/ledger`,
    clock,
    log,
    limits: settings,
    expireEveryMs: settings.expireEvery,
    spared: pending,
  })
  lifecycle.add({ name: 'ledger', stop: () => ledger.close() })
  const { replayed, snapshotSequence, durationMs } = ledger.recovery
  log.info('the ledger is open', { replayed, snapshotSequence, durationMs: Math.round(durationMs) })
  const sql = await openSqlite({
    file: `${folder}/orders.sqlite`,
    log,
    synchronous: 'normal',
    onDamage: 'renew',
  })
  lifecycle.add({ name: 'order store', stop: () => sql.close() })
  const store = new OrderStore(sql)
  await store.migrate()
  const links = new TraceLinks()
  const letters = openLetters(sql, options)
  const pace = { clock, log, everyMs: settings.orderBatchEvery, bytesMax: stepBytes, letters }
  const projection = orderProjection(store, ledger, links, { ...pace, tracer: telemetry.tracer })
  lifecycle.add({
    name: 'projection',
    start: () => projection.start(),
    stop: (signal) => projection.stop(signal),
  })
  if (eventLog)
    addOutbox(lifecycle, eventLog, { store, ledger, links, pace, tracer: telemetry.tracer })
  const everyMs = settings.auditEvery
  const auditor = new Auditor({ ledger, store, projection, clock, log, everyMs })
  lifecycle.add({ name: 'auditor', start: () => auditor.start(), stop: () => auditor.stop() })
  const till = openTill(lifecycle, options, { ledger, store, letters }, pending)
  const { provider } = till
  const redo = {
    orders: redoOrder(store, ledger),
    ...(eventLog && { outbox: redoEvent(eventLog) }),
    ...(provider && { refunds: redoRefund(provider) }),
  }
  const desk = new LetterDesk({ letters, ledger, redo })
  return { ledger, store, projection, auditor, links, till, letters: desk }
}

/** The dead letters, each counted and told in the log. */
function openLetters(sql: Sql, { settings, clock, log, telemetry }: SeckillOptions): DeadLetters {
  const counter = telemetry.metrics.counter(metricNames.seckillDeadLetters)
  return new DeadLetters({
    sql,
    now: () => clock.now(),
    most: settings.deadLettersMax,
    onLetter: ({ follower, sequence, orderId }) => {
      counter.series({ reason: follower }).add(1)
      log.error('a change of an order was put aside', { follower, sequence, orderId })
    },
  })
}

function addOutbox(
  lifecycle: Lifecycle,
  eventLog: EventLog,
  parts: Pick<Books, 'store' | 'ledger' | 'links'> & {
    readonly pace: Pick<SeckillOptions, 'clock' | 'log'> & {
      everyMs: number
      bytesMax: number
      letters: DeadLetters
    }
    readonly tracer: Tracer
  },
): void {
  const { store, ledger, links, pace, tracer } = parts
  const publisher = outbox(eventLog, store, ledger, { ...pace, links, tracer })
  lifecycle.add({
    name: 'outbox',
    start: () => publisher.start(),
    stop: (signal) => publisher.stop(signal),
  })
}
