/** SQL as a port. Implementations take the same statements; dialects are the caller's business. */

/** A value of a column or parameter. */
export type SqlValue = string | number | bigint | null | Uint8Array

/** A row by column name. */
export type SqlRow = Readonly<Record<string, SqlValue>>

/** One statement with its `?` parameters. */
export interface SqlStatement {
  readonly sql: string
  readonly params?: readonly SqlValue[]
}

/** What a change did. */
export interface SqlChange {
  /** Rows changed. */
  readonly changes: number
  /** Id of the last row inserted by this connection; 0 where there is none. */
  readonly lastId: number
}

/**
 * A database. Calls take effect in the order they were made. A change is durable when its promise
 * resolves. Rejections: `conflict` (a constraint), `disk_full`, `disk_failed`, `data_corrupt`,
 * `overloaded` (too many calls wait), `store_unavailable`, `internal` (a statement that is wrong).
 */
export interface Sql {
  /**
   * Brings the tables of one room up to date: step N runs once, ever, in its own transaction. Steps
   * that ran must not change and must not be missing: `data_corrupt` says which.
   */
  migrate(room: string, steps: readonly string[]): Promise<void>
  /** All rows of a query. */
  all(sql: string, params?: readonly SqlValue[]): Promise<SqlRow[]>
  /** The first row of a query; undefined where there is none. */
  get(sql: string, params?: readonly SqlValue[]): Promise<SqlRow | undefined>
  /** One change. */
  run(sql: string, params?: readonly SqlValue[]): Promise<SqlChange>
  /** All statements or none. */
  batch(statements: readonly SqlStatement[]): Promise<readonly SqlChange[]>
  /** Finishes what was asked and lets go of the database. Idempotent. */
  close(): Promise<void>
}
