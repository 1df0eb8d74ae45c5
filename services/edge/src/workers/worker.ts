import type { AdminToken } from '@spate/http/admin-token'
import { createClient } from '@spate/http/client'
import type { Listener } from '@spate/http/listener'
import { metricsRoute } from '@spate/http/metrics-route'
import type { Route } from '@spate/http/router'
import { inheritedFrom } from '@spate/runtime/children'
import type { Clock } from '@spate/runtime/clock'
import { errorText, Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { DiskTier } from '../disk/disk-tier.ts'
import type { Edge } from '../edge.ts'
import type { MemoryStore } from '../store/memory-store.ts'
import { emptyOrder } from '../store/response-index.ts'
import type { Tiers } from '../store/tiers.ts'
import { discard, leaveBehind, takeUp, type HandOverPlace } from './memory-hand-over.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { socketsOf, type WorkerPlace } from './place.ts'
import { Telling, type Forgotten } from './telling.ts'

/** Time a worker waits for its turn, ms: the others may take their time to start. */
export const turnMsMax = 120_000

/** What a worker is started with. */
export interface WorkerParts {
  /** A `WorkerPlace` as JSON. */
  readonly place: string
  /** The way to the crew and back. */
  readonly link: {
    /** Never rejects. */
    tell(message: object): Promise<void>
    onMessage(task: (message: unknown) => void): void
    /** Calls `task` once the crew is gone. */
    onGone(task: () => void): void
  }
}

/** What a worker's orders are about. */
export interface WorkerHands {
  readonly edge: Edge
  readonly openDisk: () => Promise<DiskTier | undefined>
  /** Where what only memory has is left and found. */
  readonly handOver: HandOverPlace
  readonly traffic: () => Listener | undefined
  /** Time clients have for one more request, ms. */
  readonly drainMs: number
}

/** Why a worker stops waiting where all is well. */
const begin = Symbol('begin')

/** A worker towards its crew: waits for its turn, does what it is told, says what others must know. */
export class Worker {
  readonly place: WorkerPlace
  /** Resolves once it has left and may end. */
  readonly over: Promise<void>
  readonly #link: WorkerParts['link']
  readonly #log: Log
  readonly #telling: Telling
  readonly #clock: Clock
  /** Aborts when it is this worker's turn, or when none will come. */
  readonly #turn = new AbortController()
  /** Whose sockets are open here. */
  readonly #open: Set<number>
  #leave: () => void = () => {}
  #left = false
  #hands: WorkerHands | undefined
  /** One order after the other, from before there are hands to carry them out. */
  #orders: Promise<void>
  #ready: () => void = () => {}

  constructor({ place, link }: WorkerParts, { clock, log }: { clock: Clock; log: Log }) {
    this.place = JSON.parse(place) as WorkerPlace
    this.#open = new Set([this.place.index])
    this.#link = link
    this.#log = log
    this.#clock = clock
    this.over = new Promise((resolve) => (this.#leave = resolve))
    link.onGone(() => this.#turn.abort(new Fault('shutting_down', 'its crew is gone')))
    this.#orders = new Promise((resolve) => (this.#ready = resolve))
    this.#telling = new Telling((what) => link.tell({ said: 'changed', ...what }))
    link.onMessage((message) => {
      const told = message as ToWorker
      if (told.order === 'begin') {
        this.#left = told.left
        this.#turn.abort(begin)
      }
      // Owner: `#orders`; what an order fails with is told where it is carried out.
      else this.#orders = this.#orders.then(() => this.#carryOut(told))
    })
  }

  /** Sockets of the traffic port that are this worker's, by descriptor. */
  get sockets(): readonly number[] {
    return this.#socketsOf(this.place.index)
  }

  /** Says that all is well so far; resolves when it is this worker's turn. */
  async turn(): Promise<void> {
    await this.#tell({ said: 'prepared' })
    const { signal } = this.#turn
    // Sleeping also keeps the process alive: nothing else does yet.
    await this.#clock.sleep(turnMsMax, signal).catch(() => {
      // Why it woke up is looked at below.
    })
    if (signal.reason === begin) return
    throw Fault.from(signal.reason ?? new Fault('shutting_down', `no turn in ${turnMsMax} ms`))
  }

  /** Takes up what the worker before left, where it did a moment ago; whatever else lies there goes. */
  async takeUp(memory: MemoryStore, place: HandOverPlace): Promise<void> {
    try {
      if (!this.#left) return await discard(place)
      const responses = await takeUp(memory, place)
      this.#log.info('took up what only memory had', { responses })
    } catch (caught) {
      this.#log.warn('what only memory had is lost', { why: errorText(caught) })
    }
  }

  /** From here on orders are carried out, those that came before first. */
  serve(hands: WorkerHands): void {
    this.#hands = hands
    this.#ready()
  }

  /** An unsafe request made `what` invalid: all of the crew must know. */
  changed(what: Forgotten): void {
    this.#telling.add(what)
  }

  #tell(message: FromWorker): Promise<void> {
    return this.#link.tell(message)
  }

  #socketsOf(index: number): readonly number[] {
    return socketsOf(this.place, index).map((at) => inheritedFrom + at)
  }

  /** Whatever fails here costs a part of the cache, not the upgrade. */
  async #release({ disk, memory }: Tiers, place: HandOverPlace): Promise<void> {
    let left = 0
    try {
      await disk?.release()
      left = await leaveBehind(memory, place)
    } catch (caught) {
      this.#log.warn('a part of the cache is not handed over', { why: errorText(caught) })
    }
    await this.#tell({ said: 'released', left: left > 0 })
  }

  async #carryOut(told: ToWorker): Promise<void> {
    try {
      await this.#do(told, this.#hands as WorkerHands)
    } catch (caught) {
      this.#log.error('a worker could not do what it was told', { order: told.order }, caught)
    }
  }

  async #do(
    told: ToWorker,
    { edge, openDisk, handOver, traffic, drainMs }: WorkerHands,
  ): Promise<void> {
    switch (told.order) {
      case 'begin':
        return
      case 'forget':
        edge.transfers.purgeHere({
          ...emptyOrder,
          keys: [...told.keys, ...told.urls.flatMap((url) => edge.keysOfUrl(url))],
          all: told.all,
        })
        return
      case 'open':
        if (!this.#open.has(told.index)) await traffic()?.open(this.#socketsOf(told.index))
        this.#open.add(told.index)
        return
      case 'release':
        return this.#release(edge.store, handOver)
      case 'take back': {
        await discard(handOver)
        edge.store.takeBack(await openDisk())
        return this.#tell({ said: 'taken back' })
      }
      case 'leave':
        // Owner: `over`; further orders are heeded meanwhile.
        void traffic()?.leave(drainMs).then(this.#leave)
    }
  }
}

/** `GET /metrics` on a worker's traffic port: those of the whole crew, whichever worker is asked. */
export function crewMetricsRoute(
  { crewUrl }: WorkerPlace,
  { clock, adminToken }: { readonly clock: Clock; readonly adminToken: AdminToken },
): Route {
  const client = createClient({ clock, limits: { connectionsPerOrigin: 2 } })
  const headers = ['authorization', `Bearer ${adminToken.value}`]
  const exposition = async (): Promise<string> =>
    (await client.fetch(`${crewUrl}/metrics`, { headers, timeoutMs: 5000 })).text()
  return metricsRoute({ exposition })
}
