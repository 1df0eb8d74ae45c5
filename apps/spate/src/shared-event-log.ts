import { join } from 'node:path'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import type { EventLog } from '@spate/eventlog/event-log'
import type { Clock } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'

/** The event log of this process, opened by the first program that needs it. */
export interface SharedEventLog {
  readonly open: () => Promise<EventLog>
  close(): Promise<void>
}

/** The embedded event log under `folder`, one writer a folder. */
export function eventLogOf(options: {
  readonly folder: string
  readonly clock: Clock
  readonly log: Log
}): SharedEventLog {
  const { folder, clock, log } = options
  let opened: Promise<EventLog> | undefined
  return {
    open: () =>
      (opened ??= openEmbeddedEventLog({
        folder: join(folder, 'events'),
        clock,
        log: log.child('events'),
      })),
    close: async () => (await opened)?.close(),
  }
}
