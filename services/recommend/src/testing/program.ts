import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import { adminToken } from '@spate/http/admin-token'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { loadSettings } from '@spate/runtime/settings-load'
import { createTelemetry, type Telemetry } from '@spate/telemetry/telemetry'
import type { SpanRecord } from '@spate/telemetry/span-record'
import type { EventLog } from '@spate/eventlog/event-log'
import { startRecommend, type RunningRecommend } from '../main.ts'
import type { Ranker } from '../rank/ranker.ts'
import type { AskChannel } from '../recall/recall.ts'
import { recommendSettings } from '../settings.ts'

/** The program on a free port over a folder of its own, for tests. */
export interface TestProgram {
  readonly url: string
  readonly running: RunningRecommend
  readonly eventLog: EventLog
  readonly folder: string
  readonly spans: SpanRecord[]
  readonly telemetry: Telemetry
  /** Sends JSON; resolves to status and parsed body. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  stop(): Promise<void>
}

/** Status and body of an answer. */
export interface Answer {
  readonly status: number
  readonly body: AnswerBody
}

/** The members of answers that tests look at; those of other routes are undefined. */
export interface AnswerBody {
  readonly items: readonly {
    readonly itemId: string
    readonly score: number
    readonly reason: {
      readonly channel: string
      readonly text: string
      readonly evidence: { readonly items?: readonly string[]; readonly times?: number }
    }
  }[]
  readonly requestId: string
  readonly model: string
  readonly degraded?: readonly string[]
  readonly accepted: number
  readonly rejected: readonly {
    readonly index: number
    readonly line: number
    readonly code: string
  }[]
  readonly trainings: readonly { readonly status: string }[]
  readonly code: string
  readonly errors: readonly unknown[]
}

/** Starts the program; `folder` of an earlier one goes on with its data. */
export async function startTestProgram(
  options: {
    folder?: string
    flags?: readonly string[]
    ask?: AskChannel
    ranker?: Ranker
    telemetry?: Telemetry
  } = {},
): Promise<TestProgram> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'recommend-')))
  const { values } = loadSettings(recommendSettings, {
    program: 'recommend',
    flags: ['--port', '0', '--grpc-port', '0', ...(options.flags ?? [])],
    env: {},
  })
  const spans: SpanRecord[] = []
  const telemetry =
    options.telemetry ??
    createTelemetry({
      serviceName: 'spate-recommend',
      chance: new SeededChance(7),
      sampling: { kind: 'fixed', probability: 1 } as never,
      sinks: [(batch) => void spans.push(...batch)],
    })
  const clock = systemClock
  const eventLog = await openEmbeddedEventLog({ folder: join(folder, 'eventlog'), clock })
  const running = await startRecommend({
    settings: values,
    clock,
    chance: new SeededChance(1),
    log: silentLog,
    telemetry,
    dataDir: folder,
    adminToken: adminToken('a-token-for-tests-only'),
    eventLog,
    ...(options.ask ? { ask: options.ask } : {}),
    ...(options.ranker ? { ranker: options.ranker } : {}),
  })
  const url = running.urls['traffic'] ?? ''
  return {
    url,
    running,
    eventLog,
    folder,
    spans,
    telemetry,
    call: async (method, path, body, headers = {}) => {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await answer.text()
      return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as AnswerBody }
    },
    stop: async () => {
      await running.stop()
      await eventLog.close()
    },
  }
}
