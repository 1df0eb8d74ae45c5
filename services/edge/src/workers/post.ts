import type { Child } from '@spate/runtime/children'
import type { Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { StartCrewOptions } from './crew-options.ts'
import { workerVariable } from './worker-variable.ts'
import type { WorkerReady } from './worker.ts'

/** First pause before a worker that died is started again, ms; each death in a row doubles it. */
export const restartMs = 200
/** Longest such pause, ms. */
export const restartMsMax = 10_000
/** Time a worker may take until it answers, ms. */
export const startMsMax = 30_000

/** The place of one worker: who fills it now, and who comes after. */
export class Post {
  readonly index: number
  readonly #options: StartCrewOptions & { readonly crewUrl: string }
  #child: Child | undefined
  #ready: WorkerReady | undefined
  #port: number | undefined
  #deaths = 0
  #stopping = false
  #timer: Timer | undefined

  constructor(index: number, options: StartCrewOptions & { readonly crewUrl: string }) {
    this.index = index
    this.#options = options
  }

  /** Where the worker answers; undefined while none does. */
  get ready(): WorkerReady | undefined {
    return this.#ready
  }

  get health(): { readonly ready: boolean; readonly detail: string } {
    return { ready: this.#ready !== undefined, detail: `${this.#deaths} restarts` }
  }

  /** Starts a worker on `port`, beside others; on its own where `port` is undefined. Resolves once it answers. */
  async start(port: number | undefined): Promise<WorkerReady> {
    const { settings, dataDir, adminToken, crewUrl, fork, clock } = this.#options
    this.#port = port
    const child = fork(
      [
        `--workers=1`,
        `--port=${port ?? settings.port}`,
        `--admin-port=0`,
        ...(port !== undefined || settings.sharePort ? ['--share-port'] : []),
        `--data-dir=${dataDir}/worker-${this.index}`,
      ],
      { [workerVariable]: crewUrl, SPATE_ADMIN_TOKEN: adminToken.value },
    )
    this.#child = child
    const ready = await new Promise<WorkerReady>((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new Fault('internal', `worker ${this.index} ${why}`))
      const late = clock.after(startMsMax, () => fail(`did not answer within ${startMsMax} ms`))
      child.onMessage((message) => {
        late.cancel()
        resolve(message as WorkerReady)
      })
      // Owner: this promise; after `resolve` its `reject` does nothing.
      void child.exited.then((code) => fail(`ended at its start with code ${code ?? 'none'}`))
    })
    this.#ready = ready
    this.#port ??= Number(new URL(ready.traffic).port)
    void child.exited.then((code) => this.#died(code))
    return ready
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#timer?.cancel()
    this.#child?.stop()
    await this.#child?.exited
  }

  #died(code: number | undefined): void {
    this.#ready = undefined
    if (this.#stopping) return
    const { log, clock } = this.#options
    const pauseMs = Math.min(restartMs * 2 ** this.#deaths++, restartMsMax)
    log.error('a worker died and is started again', { worker: this.index, code, pauseMs })
    this.#timer = clock.after(pauseMs, () => {
      this.start(this.#port).catch((caught: unknown) => {
        log.error('a worker did not start', { worker: this.index }, caught)
        this.#died(undefined)
      })
    })
  }
}
