import type { Child } from '@spate/runtime/children'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { StartCrewOptions } from './crew-options.ts'
import type { FromWorker, ToWorker, WorkerReady } from './messages.ts'
import { workerVariable, type WorkerPlace } from './place.ts'
import { Telling, type Forgotten } from './telling.ts'

/** Time a worker may take for each step of its start and of a hand-over, ms. */
export const stepMsMax = 60_000

/** What all workers of a crew have in common. */
export interface CrewParts extends Pick<
  StartCrewOptions,
  'settings' | 'dataDir' | 'adminToken' | 'fork' | 'clock' | 'log'
> {
  readonly crewUrl: string
  readonly port: number
  /** Descriptors of the sockets of the traffic port. */
  readonly sockets: readonly number[]
  /** Hears what an unsafe request at `by` made invalid. */
  readonly onChanged: (what: Forgotten, by: WorkerProcess) => void
}

/** One process of a crew, from its start to its end. */
export class WorkerProcess {
  readonly index: number
  /** Resolves when it is gone: its exit code, or undefined where a signal ended it. */
  readonly exited: Promise<number | undefined>
  readonly #child: Child
  readonly #clock: Clock
  readonly #telling: Telling
  #listeners: ((message: FromWorker) => void)[] = []
  #ready: WorkerReady | undefined
  #failed = ''

  /** Starts a process for place `index`; it then waits for `begin`. */
  constructor(index: number, parts: CrewParts) {
    const { settings, dataDir, adminToken, crewUrl, sockets, fork, clock, port } = parts
    const { workers } = settings
    const place: WorkerPlace = { crewUrl, index, workers, sockets: sockets.length }
    this.index = index
    this.#clock = clock
    this.#child = fork(
      ['--workers=1', `--port=${port}`, '--admin-port=0', `--data-dir=${dataDir}/worker-${index}`],
      { [workerVariable]: JSON.stringify(place), SPATE_ADMIN_TOKEN: adminToken.value },
      sockets,
    )
    this.exited = this.#child.exited.then((code) => {
      this.#ready = undefined
      return code
    })
    this.#telling = new Telling((what) => this.#child.tell({ order: 'forget', ...what }))
    this.#child.onMessage((message) => {
      const told = message as FromWorker
      if ('failed' in told) this.#failed = told.failed
      if ('said' in told && told.said === 'changed') parts.onChanged(told, this)
      for (const listener of this.#listeners) listener(told)
    })
  }

  /** Where it answers; undefined while it does not. */
  get ready(): WorkerReady | undefined {
    return this.#ready
  }

  /** Resolves once it waits for `begin`. Throws `conflict` with the reason where it cannot start. */
  async prepared(): Promise<void> {
    await this.#hear('start', (told) => ('said' in told && told.said === 'prepared') || undefined)
  }

  /** Has it open its folder, with what was `left` there, and the port; resolves once it answers. */
  async begin(left: boolean): Promise<WorkerReady> {
    const answers = this.#hear('begin', (told) => ('traffic' in told ? told : undefined))
    this.tell({ order: 'begin', left })
    this.#ready = await answers
    return this.#ready
  }

  /** Has it let go of its folder; resolves to whether it left there what only memory had. */
  async release(): Promise<boolean> {
    const released = this.#hear('let go of its folder', (told) =>
      'said' in told && told.said === 'released' ? told : undefined,
    )
    this.tell({ order: 'release' })
    return (await released).left
  }

  /** Sends an order; one that is gone needs none. */
  tell(order: ToWorker): void {
    // Owner: the child, which never rejects.
    void this.#child.tell(order)
  }

  forget(what: Forgotten): void {
    this.#telling.add(what)
  }

  /** Asks it to drain and end; resolves when it is gone. */
  async stop(how?: 'at once'): Promise<void> {
    this.#child.stop(how)
    await this.exited
  }

  /** The first thing `of` makes of a message; rejects where the process ends, or takes too long. */
  #hear<Heard>(what: string, of: (message: FromWorker) => Heard | undefined): Promise<Heard> {
    return new Promise<Heard>((resolve, reject) => {
      const listener = (message: FromWorker): void => {
        const heard = of(message)
        if (heard === undefined) return
        done()
        resolve(heard)
      }
      const fail = (why: string): void => {
        done()
        reject(new Fault('conflict', `worker ${this.index} could not ${what}: ${why}`))
      }
      const late = this.#clock.after(stepMsMax, () => fail(`not within ${stepMsMax} ms`))
      const done = (): void => {
        late.cancel()
        this.#listeners = this.#listeners.filter((other) => other !== listener)
      }
      this.#listeners.push(listener)
      // Owner: this promise; once it is settled, nothing happens.
      void this.exited.then((code) =>
        fail(this.#failed.trim() || `it ended with code ${code ?? 'none'}`),
      )
    })
  }
}
