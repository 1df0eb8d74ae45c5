/**
 * The thread that owns the database, so that no query and no sync ever holds the event loop. All
 * calls of one message run in one transaction: each is atomic by its own savepoint, and all share
 * one sync.
 */
import { createHash } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'

import { Fault } from '@spate/runtime/fault'

import type { SqlChange, SqlStatement } from './sql.ts'
import { openFile, sqliteFault } from './sqlite-file.ts'
import type {
  RequestMessage,
  SqlReply,
  SqlRequest,
  WorkerMessage,
  WorkerOptions,
} from './sqlite-messages.ts'

class Connection {
  readonly #database: DatabaseSync
  readonly #statementsMax: number
  readonly #statements: Map<string, StatementSync> = new Map()

  constructor(database: DatabaseSync, statementsMax: number) {
    this.#database = database
    this.#statementsMax = statementsMax
  }

  answer(requests: readonly SqlRequest[]): SqlReply[] {
    if (requests.every((request) => request.kind === 'read'))
      return requests.map((request) => this.#guarded(() => this.#read(request)))
    const replies: SqlReply[] = []
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      for (const request of requests) replies.push(this.#savepoint(request))
      this.#database.exec('COMMIT')
      return replies
    } catch (caught) {
      this.#rollback()
      const fault = sqliteFault(caught)
      return requests.map(() => ({ fault }))
    }
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }

  #guarded(answer: () => SqlReply): SqlReply {
    try {
      return answer()
    } catch (caught) {
      return { fault: sqliteFault(caught) }
    }
  }

  #savepoint(request: SqlRequest): SqlReply {
    if (request.kind === 'read') return this.#guarded(() => this.#read(request))
    this.#database.exec('SAVEPOINT call')
    try {
      const changes =
        request.kind === 'migrate'
          ? this.#migrate(request.room ?? '', request.statements)
          : request.statements.map((statement) => this.#run(statement))
      this.#database.exec('RELEASE call')
      return { changes }
    } catch (caught) {
      const fault = sqliteFault(caught)
      // These end the transaction itself: nothing of the turn is kept, and all are told.
      if (fault.code === 'disk_full' || fault.code === 'disk_failed') throw caught
      this.#database.exec('ROLLBACK TO call')
      this.#database.exec('RELEASE call')
      return { fault }
    }
  }

  #rollback(): void {
    try {
      this.#database.exec('ROLLBACK')
    } catch {
      // SQLite has rolled back by itself (a full disk): there is no transaction to end.
    }
  }

  #read(request: SqlRequest): SqlReply {
    const [{ sql, params = [] }] = request.statements as [SqlStatement]
    return { rows: this.#prepare(sql).all(...params) }
  }

  #run({ sql, params = [] }: SqlStatement): SqlChange {
    const { changes, lastInsertRowid } = this.#prepare(sql).run(...params)
    return { changes: Number(changes), lastId: Number(lastInsertRowid) }
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    if (this.#statements.size >= this.#statementsMax)
      this.#statements.delete(this.#statements.keys().next().value as string)
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #migrate(room: string, steps: readonly SqlStatement[]): SqlChange[] {
    this.#database.exec(
      'CREATE TABLE IF NOT EXISTS spate_migrations (room TEXT, step INTEGER, digest TEXT, PRIMARY KEY (room, step))',
    )
    const done = this.#database
      .prepare('SELECT digest FROM spate_migrations WHERE room = ? ORDER BY step')
      .all(room)
    if (done.length > steps.length)
      throw new Fault(
        'data_corrupt',
        `${room}: the database has ${done.length} migrations, this program knows ${steps.length}; it was written by a newer one`,
      )
    const changes: SqlChange[] = []
    for (const [step, { sql }] of steps.entries()) {
      const digest = createHash('sha256').update(sql).digest('hex').slice(0, 16)
      const before = done[step]?.['digest']
      if (before === digest) continue
      if (before !== undefined)
        throw new Fault('data_corrupt', `${room}: migration ${step + 1} is not the one that ran`)
      this.#database.exec(sql)
      this.#run({
        sql: 'INSERT INTO spate_migrations VALUES (?, ?, ?)',
        params: [room, step, digest],
      })
      changes.push({ changes: 1, lastId: step })
    }
    return changes
  }
}

function serve(port: MessagePort, options: WorkerOptions): void {
  const say = (message: WorkerMessage): void => port.postMessage(message)
  try {
    const { database, notice } = openFile(options)
    const connection = new Connection(database, options.statementsMax)
    port.on('message', (message: RequestMessage | 'close') => {
      if (message !== 'close')
        return say({ kind: 'replies', replies: connection.answer(message.requests) })
      connection.close()
      say({ kind: 'closed' })
      port.close()
    })
    say({ kind: 'open', notice })
  } catch (caught) {
    say({ kind: 'refused', fault: sqliteFault(caught) })
    port.close()
  }
}

if (parentPort) serve(parentPort, workerData as WorkerOptions)
