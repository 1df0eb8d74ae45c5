import type { LogData, Value } from './otlp/model.ts'

/**
 * Log records of any program, held in memory for the console. Bounded by bytes and by records; the
 * oldest goes first.
 */

/** How much a store holds. */
export interface LogStoreLimits {
  /** Records held at most. Default 50,000. */
  readonly records?: number
  /** Estimated bytes held at most. Default 16 MiB. */
  readonly bytes?: number
}

/** Which records to list; all conditions must hold. */
export interface LogQuery {
  /** OpenTelemetry severity number: at least this grave. A record without one counts as info. */
  readonly severityMin?: number
  /** A text that body, scope, service or an attribute contains, without regard to case. */
  readonly text?: string
  readonly traceId?: string
  readonly service?: string
  /** Most records listed. Default 200. */
  readonly limit?: number
}

interface Held {
  readonly record: LogData
  readonly bytes: number
  /** Lower case, made when somebody searches. */
  text: string | undefined
}

/** A bounded set of log records. */
export class LogStore {
  readonly #limits: Required<LogStoreLimits>
  #held: Held[] = []
  #head = 0
  #bytes = 0
  /** Records let go of because of a limit. */
  dropped = 0

  constructor(limits: LogStoreLimits = {}) {
    this.#limits = { records: 50_000, bytes: 16 * 1024 ** 2, ...limits }
  }

  /** Takes records. O(1) amortised each. */
  readonly sink = (records: readonly LogData[]): void => {
    for (const record of records) {
      const bytes = bytesOf(record)
      this.#held.push({ record, bytes, text: undefined })
      this.#bytes += bytes
    }
    while (
      this.#held.length - this.#head > this.#limits.records ||
      this.#bytes > this.#limits.bytes
    )
      this.#forgetOldest()
    if (this.#head > 1024 && this.#head * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#head)
      this.#head = 0
    }
  }

  /** Records held, their estimated bytes, and the most that may be held. */
  get size(): {
    readonly records: number
    readonly bytes: number
    readonly bytesMax: number
    readonly dropped: number
  } {
    const records = this.#held.length - this.#head
    return { records, bytes: this.#bytes, bytesMax: this.#limits.bytes, dropped: this.dropped }
  }

  /** Newest first, by order of arrival. O(records held). */
  list(query: LogQuery = {}): readonly LogData[] {
    const { severityMin = 0, traceId, service, limit = 200 } = query
    const text = query.text?.toLowerCase() ?? ''
    const found: LogData[] = []
    for (let at = this.#held.length - 1; at >= this.#head && found.length < limit; at--) {
      const held = this.#held[at] as Held
      const { record } = held
      if ((record.severity || infoSeverity) < severityMin) continue
      if (traceId !== undefined && record.traceId !== traceId) continue
      if (service !== undefined && record.resource['service.name'] !== service) continue
      if (text !== '' && !(held.text ??= textOf(record)).includes(text)) continue
      found.push(record)
    }
    return found
  }

  /** Services that sent a record that is held, sorted. O(records held). */
  services(): readonly string[] {
    const names = new Set<string>()
    for (let at = this.#head; at < this.#held.length; at++) {
      const name = this.#held[at]?.record.resource['service.name']
      if (typeof name === 'string') names.add(name)
    }
    return [...names].sort()
  }

  #forgetOldest(): void {
    const oldest = this.#held[this.#head]
    if (!oldest) return
    this.#head++
    this.#bytes -= oldest.bytes
    this.dropped++
  }
}

const infoSeverity = 9

/** A value as people read it: texts as they are, anything else as JSON. */
export function valueText(value: Value): string {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return JSON.stringify(value)
}

function textOf({ body, attributes, resource, scope, traceId, eventName }: LogData): string {
  const pairs = Object.entries(attributes).map(([key, value]) => `${key}=${valueText(value)}`)
  const service = resource['service.name'] ?? null
  return [
    service === null ? '' : valueText(service),
    scope.name,
    eventName,
    valueText(body),
    traceId,
    ...pairs,
  ]
    .join(' ')
    .toLowerCase()
}

function bytesOf({ body, attributes }: LogData): number {
  let bytes = 300 + 2 * valueText(body).length
  for (const name in attributes)
    bytes += 32 + 2 * name.length + 2 * valueText(attributes[name] ?? null).length
  // Searching keeps a lower-case text of the record besides.
  return 2 * bytes
}
