/** What the two sides of `sqlite.ts` tell each other. */
import type { FaultCode } from '@spate/runtime/fault'

import type { SqlChange, SqlRow, SqlStatement } from './sql.ts'

/** How the worker opens its database. */
export interface WorkerOptions {
  readonly file: string
  readonly synchronous: 'full' | 'normal'
  readonly statementsMax: number
  readonly onDamage: 'refuse' | 'renew'
}

/** One call. `read` gives rows, `write` is atomic and gives one change a statement. */
export interface SqlRequest {
  readonly kind: 'read' | 'write' | 'migrate'
  readonly statements: readonly SqlStatement[]
  /** Room of a migration. */
  readonly room?: string
}

/** All calls of a turn, answered together: they share one transaction and one sync. */
export interface RequestMessage {
  readonly requests: readonly SqlRequest[]
}

/** A failure that crosses the thread. */
export interface WorkerFault {
  readonly code: FaultCode
  readonly message: string
  readonly detail: string
}

/** One call's answer. */
export type SqlReply =
  | { readonly rows: SqlRow[] }
  | { readonly changes: SqlChange[] }
  | { readonly fault: WorkerFault }

/** What the worker says. */
export type WorkerMessage =
  | { readonly kind: 'open'; readonly notice: string | undefined }
  | { readonly kind: 'refused'; readonly fault: WorkerFault }
  | { readonly kind: 'replies'; readonly replies: readonly SqlReply[] }
  | { readonly kind: 'closed' }
