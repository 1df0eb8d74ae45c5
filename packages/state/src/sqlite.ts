/** SQL on `node:sqlite`, in a thread of its own. All calls of an event-loop turn share one sync. */
import { Worker } from 'node:worker_threads'

import { Fault } from '@spate/runtime/fault'
import { silentLog, type Log } from '@spate/runtime/log'

import type { Sql, SqlChange, SqlRow, SqlStatement, SqlValue } from './sql.ts'
import type {
  RequestMessage,
  SqlReply,
  SqlRequest,
  WorkerFault,
  WorkerMessage,
  WorkerOptions,
} from './sqlite-messages.ts'

/** How to open a SQLite database. */
export interface SqliteOptions {
  /** Path of the file; made with its folder where it does not exist. `:memory:` keeps nothing. */
  readonly file: string
  readonly log?: Log
  /** `full` (default): a change survives a power cut. `normal`: only a crash of the process. */
  readonly synchronous?: 'full' | 'normal'
  /**
   * What to do with a damaged file once a copy is kept: `refuse` (default), or `renew`: mend it, or
   * begin empty, for content that can be made again.
   */
  readonly onDamage?: 'refuse' | 'renew'
  /** Prepared statements kept. Default 256. */
  readonly statementsMax?: number
  /** Most calls that may wait. Default 10,000. */
  readonly pendingMax?: number
}

/** Opens the database; rejects with `data_corrupt`, `disk_full`, `disk_failed` or `store_unavailable`. */
export async function openSqlite(options: SqliteOptions): Promise<Sql> {
  const { log = silentLog } = options
  const workerData: WorkerOptions = {
    file: options.file,
    synchronous: options.synchronous ?? 'full',
    statementsMax: options.statementsMax ?? 256,
    onDamage: options.onDamage ?? 'refuse',
  }
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), { workerData })
  const opened = await new Promise<WorkerMessage>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  worker.removeAllListeners('error')
  if (opened.kind === 'refused') throw faultOf(opened.fault)
  if (opened.kind === 'open' && opened.notice)
    log.error('a database was damaged', { notice: opened.notice })
  return new SqliteThread(worker, options.pendingMax ?? 10_000)
}

interface Call {
  readonly request: SqlRequest
  readonly settle: (reply: SqlReply) => void
}

class SqliteThread implements Sql {
  readonly #worker: Worker
  readonly #pendingMax: number
  #gathering: Call[] = []
  #sent: Call[] = []
  #scheduled = false
  #ended: Fault | undefined
  #closing: Promise<void> | undefined
  #closed: () => void = () => {}

  constructor(worker: Worker, pendingMax: number) {
    this.#worker = worker
    this.#pendingMax = pendingMax
    worker.unref()
    worker.on('message', (message: WorkerMessage) => this.#hear(message))
    worker.on('error', (caught) => this.#end(caught))
    worker.on('exit', () => this.#end(undefined))
  }

  async migrate(room: string, steps: readonly string[]): Promise<void> {
    await this.#call({ kind: 'migrate', room, statements: steps.map((sql) => ({ sql })) })
  }

  async all(sql: string, params: readonly SqlValue[] = []): Promise<SqlRow[]> {
    const reply = await this.#call({ kind: 'read', statements: [{ sql, params }] })
    return 'rows' in reply ? reply.rows : []
  }

  async get(sql: string, params: readonly SqlValue[] = []): Promise<SqlRow | undefined> {
    return (await this.all(sql, params))[0]
  }

  async run(sql: string, params: readonly SqlValue[] = []): Promise<SqlChange> {
    const [change] = await this.batch([{ sql, params }])
    return change as SqlChange
  }

  async batch(statements: readonly SqlStatement[]): Promise<readonly SqlChange[]> {
    if (statements.length === 0) return []
    const reply = await this.#call({ kind: 'write', statements })
    return 'changes' in reply ? reply.changes : []
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #call(request: SqlRequest): Promise<SqlReply> {
    return new Promise((resolve, reject) => {
      if (this.#closing) return reject(new Fault('shutting_down', 'the database is closing'))
      if (this.#ended) return reject(this.#ended)
      if (this.#gathering.length + this.#sent.length >= this.#pendingMax)
        return reject(
          new Fault('overloaded', 'the database cannot keep up', { retryAfterSeconds: 1 }),
        )
      this.#gathering.push({
        request,
        settle: (reply) => {
          if ('fault' in reply) reject(faultOf(reply.fault))
          else resolve(reply)
        },
      })
      this.#schedule()
    })
  }

  /** One message at a time is with the worker: what comes meanwhile goes together in the next. */
  #schedule(): void {
    if (this.#scheduled || this.#sent.length > 0) return
    this.#scheduled = true
    this.#worker.ref()
    setImmediate(() => {
      this.#scheduled = false
      if (this.#ended) return
      this.#sent = this.#gathering
      this.#gathering = []
      const message: RequestMessage = { requests: this.#sent.map((call) => call.request) }
      this.#worker.postMessage(message)
    })
  }

  #hear(message: WorkerMessage): void {
    if (message.kind === 'closed') return this.#closed()
    if (message.kind !== 'replies') return
    const answered = this.#sent
    this.#sent = []
    for (const [at, call] of answered.entries()) call.settle(message.replies[at] as SqlReply)
    if (this.#gathering.length > 0) this.#schedule()
    else {
      this.#worker.unref()
      this.#idle()
    }
  }

  #idle: () => void = () => {}

  #end(caught: unknown): void {
    this.#ended ??= new Fault('store_unavailable', 'the database thread has ended', {
      cause: caught,
    })
    const fault: WorkerFault = {
      code: this.#ended.code,
      message: this.#ended.message,
      detail: caught instanceof Error ? caught.message : '',
    }
    for (const call of [...this.#sent.splice(0), ...this.#gathering.splice(0)])
      call.settle({ fault })
    this.#idle()
    this.#closed()
  }

  async #close(): Promise<void> {
    if (this.#ended) return
    this.#worker.ref()
    if (this.#gathering.length + this.#sent.length > 0)
      await new Promise<void>((resolve) => (this.#idle = resolve))
    const closed = new Promise<void>((resolve) => (this.#closed = resolve))
    this.#worker.ref()
    if (!this.#ended) {
      this.#worker.postMessage('close')
      await closed
    }
    await this.#worker.terminate()
  }
}

function faultOf({ code, message, detail }: WorkerFault): Fault {
  return new Fault(code, message, detail === '' ? {} : { cause: new Error(detail) })
}
