import { severities, type LogRecord, type LogSink, type Severity } from '@spate/runtime/log'

/** Which records to list; all conditions must hold. */
export interface LogQuery {
  /** At least this grave. */
  readonly severity?: Severity
  /** A text that message, name or a field contains, without regard to case. */
  readonly text?: string
  readonly traceId?: string
  /** Most records listed. Default 200. */
  readonly limit?: number
}

/** The last log records of all programs in this process; bounded, oldest forgotten first. */
export class LogBook {
  readonly #recordsMax: number
  #records: LogRecord[] = []

  constructor(recordsMax = 5000) {
    this.#recordsMax = recordsMax
  }

  /** Takes a record: a `LogSink`. O(1) amortised. */
  readonly sink: LogSink = (record) => {
    this.#records.push(record)
    if (this.#records.length >= 2 * this.#recordsMax)
      this.#records = this.#records.slice(-this.#recordsMax)
  }

  get size(): number {
    return Math.min(this.#records.length, this.#recordsMax)
  }

  /** Newest first. O(records held). */
  list(query: LogQuery = {}): readonly LogRecord[] {
    const { severity = 'debug', traceId, limit = 200 } = query
    const least = severities[severity]
    const text = query.text?.toLowerCase() ?? ''
    const found: LogRecord[] = []
    const first = this.#records.length - this.size
    for (let at = this.#records.length - 1; at >= first && found.length < limit; at--) {
      const record = this.#records[at] as LogRecord
      if (severities[record.severity] < least) continue
      if (traceId !== undefined && record.traceId !== traceId) continue
      if (text !== '' && !textOf(record).includes(text)) continue
      found.push(record)
    }
    return found
  }
}

function textOf({ name, message, fields, traceId }: LogRecord): string {
  const values = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`)
  return [name, message, traceId ?? '', ...values].join(' ').toLowerCase()
}
