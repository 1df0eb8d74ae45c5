import type { Clock } from './clock.ts'
import type { LogRecord, LogSink } from './log.ts'

/**
 * Keeps one message that repeats itself from drowning all others: so many records of a message
 * pass in a second, the rest are counted, and the count is told once the second is over.
 */

/** Messages told apart; later ones share one count. */
export const messagesMax = 1000
const windowMs = 1000

/** How to limit. */
export interface LogLimit {
  readonly clock: Clock
  /** Records of one message that pass in a second; 0 lets all pass. */
  readonly perSecond: number
}

interface Window {
  passed: number
  held: number
}

/**
 * A sink that passes at most `perSecond` records of one severity, name and message on to `sink`.
 * Where records were held back, one more follows at the end of the second with the field
 * `suppressed`: how many. O(1) a record.
 */
export function limitedSink(sink: LogSink, { clock, perSecond }: LogLimit): LogSink {
  if (perSecond === 0) return sink
  const windows = new Map<string, Window>()
  const close = (key: string, last: LogRecord): void => {
    const window = windows.get(key)
    windows.delete(key)
    if (window && window.held > 0)
      sink({
        timeMs: clock.now(),
        severity: last.severity,
        name: last.name,
        message: last.message,
        fields: { suppressed: window.held },
      })
  }
  return (record) => {
    const own = `${record.severity}\u0000${record.name}\u0000${record.message}`
    const key = windows.has(own) || windows.size < messagesMax ? own : ''
    let window = windows.get(key)
    if (!window) {
      window = { passed: 0, held: 0 }
      windows.set(key, window)
      clock.after(windowMs, () => close(key, record))
    }
    if (window.passed < perSecond) {
      window.passed++
      sink(record)
    } else window.held++
  }
}
