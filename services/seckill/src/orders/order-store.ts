import type { Sql } from '@spate/state/sql'
import type { OrderStatus } from '../domain/order-table.ts'
import type { OrderJson } from '../contract.ts'
import { isoTime } from '../answers.ts'
import { startPosition, type FollowerPosition } from './follower.ts'

/** An order as the store keeps it. */
export interface OrderRowJson {
  readonly slot: number
  readonly orderId: string
  readonly userId: string
  readonly productId: string
  readonly campaign: number
  readonly quantity: number
  readonly status: OrderStatus
  readonly createdMs: number
  readonly expiresMs: number
  readonly paymentId: string
  /** Number of the last event that changed it. */
  readonly sequence: number
}

/** A change of an order that the store has already. */
export type OrderStatusJson = Pick<OrderRowJson, 'slot' | 'status' | 'paymentId' | 'sequence'>

/** Which orders of a product to list. */
export interface ProductPage {
  readonly productId: string
  readonly userId: string | undefined
  readonly limit: number
  /** Slot of the last order of the page before; -1 for the first page. */
  readonly after: number
}

/** Units and orders of a campaign by status. */
export interface StoredSum {
  readonly campaign: number
  readonly status: OrderStatus
  readonly orders: number
  readonly units: number
}

const migrations = [
  `CREATE TABLE seckill_orders (
    slot INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    product_id TEXT NOT NULL,
    campaign INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    status TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    sequence INTEGER NOT NULL
  );
  CREATE INDEX seckill_orders_product ON seckill_orders (product_id, slot);
  CREATE TABLE seckill_positions (
    name TEXT PRIMARY KEY,
    record INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    slots INTEGER NOT NULL
  );`,
  `CREATE TABLE seckill_dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    follower TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    error TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    note TEXT NOT NULL,
    UNIQUE (follower, sequence, slot)
  );
  CREATE INDEX seckill_dead_letters_state ON seckill_dead_letters (state, id);`,
]

const insertOrders = `INSERT INTO seckill_orders
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
         value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10
  FROM json_each(?) WHERE true ON CONFLICT (slot) DO NOTHING`

const putOrder = `INSERT OR REPLACE INTO seckill_orders
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
         value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10 FROM json_each(?)`

const updateOrders = `UPDATE seckill_orders
  SET status = change.status, sequence = change.sequence,
      payment_id = CASE change.payment WHEN '' THEN payment_id ELSE change.payment END
  FROM (SELECT value ->> 0 AS slot, value ->> 1 AS status, value ->> 2 AS payment,
               value ->> 3 AS sequence FROM json_each(?)) AS change
  WHERE seckill_orders.slot = change.slot AND seckill_orders.sequence < change.sequence`

const keepPosition = `INSERT INTO seckill_positions VALUES (?, ?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET record = excluded.record, sequence = excluded.sequence,
    slots = excluded.slots WHERE excluded.record > record`

/** Orders in SQL: a read model that can be thrown away and made again from the log. */
export class OrderStore {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Makes or updates the tables. */
  async migrate(): Promise<void> {
    await this.#sql.migrate('seckill', migrations)
  }

  /** Where the follower `name` stopped; the beginning where it never ran. */
  async position(name: string): Promise<FollowerPosition> {
    const query = 'SELECT record, sequence, slots FROM seckill_positions WHERE name = ?'
    const row = await this.#sql.get(query, [name])
    if (!row) return startPosition
    const { record, sequence, slots } = row
    return { record: Number(record), sequence: Number(sequence), slots: Number(slots) }
  }

  /** Keeps where the follower `name` stands. */
  async keep(name: string, position: FollowerPosition): Promise<void> {
    await this.#sql.run(keepPosition, positionRow(name, position))
  }

  /** Takes new orders and changes, and the position they lead to: all or nothing, any number of times. */
  async write(
    made: readonly OrderRowJson[],
    changed: readonly OrderStatusJson[],
    position: FollowerPosition,
  ): Promise<void> {
    const statements = []
    if (made.length > 0) {
      statements.push({ sql: insertOrders, params: [JSON.stringify(made.map(orderRow))] })
    }
    if (changed.length > 0) {
      const rows = changed.map(({ slot, status, paymentId, sequence }) => [
        slot,
        status,
        paymentId,
        sequence,
      ])
      statements.push({ sql: updateOrders, params: [JSON.stringify(rows)] })
    }
    statements.push({ sql: keepPosition, params: positionRow('orders', position) })
    await this.#sql.batch(statements)
  }

  /** Writes a whole row, whatever stood there: for an order that could not be written before. */
  async put(row: OrderRowJson): Promise<void> {
    await this.#sql.run(putOrder, [JSON.stringify([orderRow(row)])])
  }

  /** Orders of a product in order of making, a page at a time. */
  async ofProduct(page: ProductPage): Promise<{ orders: OrderJson[]; next?: number }> {
    const byUser = page.userId === undefined ? '' : 'AND user_id = ?'
    const rows = await this.#sql.all(
      `SELECT slot, order_id, user_id, product_id, quantity, status, created_ms, expires_ms, payment_id
       FROM seckill_orders WHERE product_id = ? AND slot > ? ${byUser} ORDER BY slot LIMIT ?`,
      [page.productId, page.after, ...(page.userId === undefined ? [] : [page.userId]), page.limit],
    )
    const last = rows.at(-1)
    const orders = rows.map(storedJson)
    return rows.length === page.limit && last ? { orders, next: Number(last['slot']) } : { orders }
  }

  /** Units and orders by campaign and status, and the log's record they stand at. O(orders). */
  async sums(): Promise<{ readonly sums: readonly StoredSum[]; readonly record: number }> {
    // One statement sees one state: the sums and the position belong together.
    const rows = await this.#sql.all(
      `SELECT campaign, status, COUNT(*) AS orders, SUM(quantity) AS units
       FROM seckill_orders GROUP BY campaign, status
       UNION ALL SELECT -1, 'position', 0, record FROM seckill_positions WHERE name = 'orders'`,
      [],
    )
    const all = rows as readonly unknown[] as readonly StoredSum[]
    const record = all.find(({ campaign }) => campaign === -1)?.units ?? 0
    return { sums: all.filter(({ campaign }) => campaign >= 0), record }
  }

  /** Orders of a campaign in order of slot, those above slot `after`. */
  async rowsOf(
    campaign: number,
    after: number,
    limit: number,
  ): Promise<readonly Pick<OrderRowJson, 'slot' | 'status' | 'quantity' | 'sequence'>[]> {
    const rows = await this.#sql.all(
      `SELECT slot, status, quantity, sequence FROM seckill_orders
       WHERE slot > ? AND campaign = ? ORDER BY slot LIMIT ?`,
      [after, campaign, limit],
    )
    return rows as readonly unknown[] as readonly OrderRowJson[]
  }
}

function positionRow(name: string, position: FollowerPosition): (string | number)[] {
  return [name, position.record, position.sequence, position.slots]
}

function orderRow(row: OrderRowJson): (string | number)[] {
  return [
    row.slot,
    row.orderId,
    row.userId,
    row.productId,
    row.campaign,
    row.quantity,
    row.status,
    row.createdMs,
    row.expiresMs,
    row.paymentId,
    row.sequence,
  ]
}

function storedJson(row: Readonly<Record<string, unknown>>): OrderJson {
  const paymentId = String(row['payment_id'])
  return {
    orderId: String(row['order_id']),
    userId: String(row['user_id']),
    productId: String(row['product_id']),
    quantity: Number(row['quantity']),
    status: row['status'] as OrderStatus,
    createdAt: isoTime(Number(row['created_ms'])),
    expiresAt: isoTime(Number(row['expires_ms'])),
    ...(paymentId === '' ? {} : { paymentId }),
  }
}
