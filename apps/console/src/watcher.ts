import type { Asker } from './quiet-client.ts'
import type { Clock } from '@spate/runtime/clock'
import { errorText } from '@spate/runtime/fault'
import { History } from './domain/history.ts'
import type { MetricSource } from './sources.ts'

/** A program the console watches. */
export interface Watched {
  readonly name: string
  readonly source: MetricSource
  /** Where its health answers. */
  readonly url: string
}

/** How a program is: what its readiness said, or why nothing was heard. */
export interface Condition {
  readonly state: 'ready' | 'not_ready' | 'unreachable' | 'unknown'
  readonly detail: string
}

/** A program with what is known of it. */
export interface Program {
  readonly name: string
  readonly history: History
  condition: Condition
}

/** How to watch. */
export interface WatcherOptions {
  readonly clock: Clock
  readonly client: Asker
  readonly everyMs: number
  readonly pointsMax: number
  readonly timeoutMs: number
  /** Called after each round. */
  readonly onRound: () => Promise<void>
}

/** Reads all programs at a steady pace, each by itself: a slow one delays no other. */
export class Watcher {
  readonly programs: readonly Program[]
  readonly #watched: readonly Watched[]
  readonly #options: WatcherOptions

  constructor(watched: readonly Watched[], options: WatcherOptions) {
    this.#watched = watched
    this.#options = options
    this.programs = watched.map(({ name }) => ({
      name,
      history: new History(options.pointsMax),
      condition: { state: 'unknown', detail: 'not asked yet' },
    }))
  }

  /** Reads until `signal` aborts; resolves then. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, everyMs } = this.#options
    while (!signal.aborted) {
      await this.round()
      await this.#options.onRound()
      try {
        await clock.sleep(everyMs, signal)
      } catch {
        // Told to stop while waiting: the loop ends.
        return
      }
    }
  }

  /** Reads every program once. */
  async round(): Promise<void> {
    await Promise.all(
      this.#watched.map(async ({ source, url }, at) => {
        const program = this.programs[at] as Program
        const [reading, condition] = await Promise.allSettled([source.read(), this.#ask(url)])
        if (reading.status === 'fulfilled') program.history.take(reading.value)
        program.condition =
          condition.status === 'fulfilled'
            ? condition.value
            : { state: 'unreachable', detail: errorText(condition.reason) }
      }),
    )
  }

  async #ask(url: string): Promise<Condition> {
    const { client, timeoutMs } = this.#options
    const answer = await client.fetch(`${url}/health/ready`, { timeoutMs })
    const body: unknown = JSON.parse(await answer.text())
    return { state: answer.status === 200 ? 'ready' : 'not_ready', detail: detailOf(body) }
  }
}

function detailOf(body: unknown): string {
  const dependencies = (body as { readonly dependencies?: unknown } | null)?.dependencies
  if (typeof dependencies !== 'object' || dependencies === null) return ''
  return Object.entries(dependencies as Record<string, { ready?: boolean; detail?: string }>)
    .map(([name, { ready, detail }]) => `${name}: ${detail ?? (ready ? 'ready' : 'not ready')}`)
    .join('; ')
}
