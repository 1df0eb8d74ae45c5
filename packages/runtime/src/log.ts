import type { Clock } from './clock.ts'
import { errorText } from './fault.ts'

/** From chatty to grave; numbers are OpenTelemetry severity numbers. */
export const severities = { debug: 5, info: 9, warn: 13, error: 17 } as const

/** How grave a record is. */
export type Severity = keyof typeof severities

/** A value a log field may carry. */
export type LogValue = string | number | boolean | null | undefined

/** One line of the log before it is written. */
export interface LogRecord {
  /** Wall time, ms since the Unix epoch. */
  readonly timeMs: number
  readonly severity: Severity
  /** Program or room that speaks: `edge`, `seckill.ledger`. */
  readonly name: string
  readonly message: string
  readonly fields: Readonly<Record<string, LogValue>>
  /** Hex ids of the active span; absent outside a trace. */
  readonly traceId?: string
  readonly spanId?: string
}

/** Takes finished records: the terminal, a file, OTLP. */
export type LogSink = (record: LogRecord) => void

/** Ids of the span that is active now; undefined outside a trace. */
export type TraceSource = () => { readonly traceId: string; readonly spanId: string } | undefined

/** Speaks for one part of a program. Messages are constant; what varies goes into fields. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, LogValue>>): void
  info(message: string, fields?: Readonly<Record<string, LogValue>>): void
  warn(message: string, fields?: Readonly<Record<string, LogValue>>): void
  error(message: string, fields?: Readonly<Record<string, LogValue>>, cause?: unknown): void
  /** A log for a part: its name becomes `<this>.<name>`. */
  child(name: string, fields?: Readonly<Record<string, LogValue>>): Log
}

/** How to make a log. */
export interface LogOptions {
  readonly name: string
  readonly clock: Clock
  readonly sink: LogSink
  /** Records below this are not made. Default `info`. */
  readonly level?: Severity
  readonly trace?: TraceSource
  readonly fields?: Readonly<Record<string, LogValue>>
}

/** A log that hands each record to `options.sink`. */
export function createLog(options: LogOptions): Log {
  const least = severities[options.level ?? 'info']
  const speak = (
    severity: Severity,
    message: string,
    fields: Readonly<Record<string, LogValue>> | undefined,
  ): void => {
    if (severities[severity] < least) return
    const all = options.fields ? { ...options.fields, ...fields } : (fields ?? {})
    options.sink({
      timeMs: options.clock.now(),
      severity,
      name: options.name,
      message,
      fields: all,
      ...options.trace?.(),
    })
  }
  return {
    debug: (message, fields) => speak('debug', message, fields),
    info: (message, fields) => speak('info', message, fields),
    warn: (message, fields) => speak('warn', message, fields),
    error: (message, fields, cause) =>
      speak('error', message, cause === undefined ? fields : { ...fields, error: causes(cause) }),
    child: (name, fields) =>
      createLog({
        ...options,
        name: `${options.name}.${name}`,
        fields: { ...options.fields, ...fields },
      }),
  }
}

/** A log that says nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
}

/** One JSON object a line, keys in a fixed order: for machines. */
export function jsonSink(write: (text: string) => void): LogSink {
  return ({ timeMs, severity, name, message, fields, traceId, spanId }) =>
    write(
      `${JSON.stringify({ time: new Date(timeMs).toISOString(), severity, name, message, ...fields, traceId, spanId })}\n`,
    )
}

const colourOf: Readonly<Record<Severity, string>> = {
  debug: '90',
  info: '36',
  warn: '33',
  error: '31',
}

/** One readable line a record: for people. `colours` off where the output is not a terminal. */
export function textSink(write: (text: string) => void, colours: boolean): LogSink {
  const paint = (code: string, text: string): string =>
    colours ? `\u001b[${code}m${text}\u001b[0m` : text
  return ({ timeMs, severity, name, message, fields, traceId }) => {
    const time = new Date(timeMs).toISOString().slice(11, 23)
    const pairs = Object.entries({ ...fields, traceId })
      .filter(([, value]) => value !== undefined)
      .map(
        ([key, value]) =>
          `${paint('90', `${key}=`)}${typeof value === 'string' && /[\s"]/.test(value) ? JSON.stringify(value) : value}`,
      )
    const line = [
      paint('90', time),
      paint(colourOf[severity], severity.padEnd(5)),
      `${name}:`,
      message,
      ...pairs,
    ]
    write(`${line.join(' ')}\n`)
  }
}

/** The text of an error and of what caused it, first to last, joined by `: `. */
function causes(caught: unknown): string {
  const texts: string[] = []
  for (
    let at: unknown = caught;
    at !== undefined && texts.length < 5;
    at = at instanceof Error ? at.cause : undefined
  ) {
    texts.push(errorText(at))
  }
  return texts.join(': ')
}
