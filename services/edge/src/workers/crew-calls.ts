import type { AdminToken } from '@spate/http/admin-token'
import type { Client } from '@spate/http/client'
import type { Request, Response } from '@spate/http/exchange'
import { jsonResponse } from '@spate/http/problem'
import { queryReader } from '@spate/http/query'
import { sseHeaders } from '@spate/http/sse'
import { uuidv7 } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import { statsQuery } from '../contract.ts'
import { purgeHopField } from '../peers/purge-fan-out.ts'
import { warmJobField } from '../warm/warm-routes.ts'
import { mergedAnswers, type WorkerAnswer } from './merged-answers.ts'
import { mergedEvents } from './merged-log.ts'
import { mergedMetrics } from './merged-metrics.ts'
import { mergedStats } from './merged-stats.ts'
import type { SketchAnswer } from '../traffic/stats-routes.ts'
import type { WorkerReady } from './messages.ts'

/** Largest body of an admin call, bytes. */
export const crewBodyBytesMax = 1_048_576

/** Longest a log is followed through a crew in one go, ms: a day. */
const logMsMax = 86_400_000

const statsReader = queryReader(statsQuery)

/** Time one worker has for one call, ms. */
const callMsMax = 30_000

/** A worker as far as calls go. */
export interface Callee {
  /** Undefined while it does not answer. */
  readonly ready: WorkerReady | undefined
}

/** A place in the crew. */
export interface CalleePlace {
  /** Undefined while nobody answers there. */
  readonly worker: Callee | undefined
}

/** One call to workers. */
interface Call {
  readonly method: string
  readonly target: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body?: Uint8Array | string
}

/** Admin calls to all workers: what changes something goes to each, what asks is asked of all and put together. */
export class CrewCalls {
  readonly #posts: readonly CalleePlace[]
  readonly #leaving: ReadonlySet<Callee>
  readonly #client: Client
  readonly #token: string
  readonly #clock: Clock
  #alone: Promise<void> | undefined
  #changing = 0
  #settled: (() => void) | undefined
  /** Events of the flash sale taken up. */
  stockEvents = 0

  constructor(parts: {
    readonly posts: readonly CalleePlace[]
    /** Workers that were replaced and still answer somebody. */
    readonly leaving: ReadonlySet<Callee>
    readonly client: Client
    readonly adminToken: AdminToken
    readonly clock: Clock
  }) {
    this.#clock = parts.clock
    this.#posts = parts.posts
    this.#leaving = parts.leaving
    this.#client = parts.client
    this.#token = parts.adminToken.value
  }

  /** Runs `task` once no change is under way; changes that come meanwhile wait for it. */
  async alone(task: () => Promise<void>): Promise<void> {
    const run = async (): Promise<void> => {
      if (this.#changing > 0) await new Promise<void>((resolve) => (this.#settled = resolve))
      await task()
    }
    const done = run().finally(() => (this.#alone = undefined))
    this.#alone = done.catch(() => {
      // Whoever asked hears of it; those who wait go on.
    })
    await done
  }

  async metrics(): Promise<string> {
    const answers = await this.#ask({ method: 'GET', target: '/metrics', headers: this.#own })
    return mergedMetrics(answers.map(({ body }) => body))
  }

  /** Has all workers read their settings again. Throws `settings_invalid`. */
  async reload(): Promise<void> {
    const call = { method: 'POST', target: '/reload', headers: this.#own }
    const refused = (await this.#change(call)).find(({ status }) => status !== 200)
    if (refused) throw new Fault('settings_invalid', refused.body)
  }

  /** Purges `tags` on all workers, as `events` of the flash sale said. Throws where one did not do it. */
  async purgeSold(tags: readonly string[], events: number): Promise<void> {
    const headers = [...this.#own, 'content-type', 'application/json']
    const body = JSON.stringify({ tags })
    const answers = await this.#change({ method: 'POST', target: '/purge', headers, body })
    const refused = answers.find(({ status }) => status !== 200)
    // One that can be tried again: what is sold out must not be forgotten.
    if (refused) throw new Fault('store_unavailable', `a worker did not purge: ${refused.body}`)
    this.stockEvents += events
  }

  /** Passes on what was asked here, with the caller's own key, and puts the answers together. */
  async answer(request: Request): Promise<Response> {
    const { method, target, path } = request
    if (path === '/log' && method === 'GET') return this.#log(request)
    if (path === '/stats' && method === 'GET' && request.query !== '') return this.#stats(request)
    const body = await request.body.bytes(crewBodyBytesMax)
    const headers = ['authorization', 'content-type', purgeHopField].flatMap((name) => {
      const value = request.headers.get(name)
      return value === undefined ? [] : [name, value]
    })
    // Each worker warms its own cache; all of it is one job.
    if (path === '/warm') headers.push(warmJobField, uuidv7(this.#clock.now()))
    const call = { method, target, headers, ...(body.length > 0 ? { body } : {}) }
    const answers = await (method === 'GET' ? this.#ask(call) : this.#change(call))
    if (path === '/stats' && answers.every(({ status }) => status === 200))
      answers.push({ status: 200, headers: [], body: `{"stockEvents":${this.stockEvents}}` })
    return mergedAnswers(path, answers)
  }

  /** `GET /stats?window=` of all workers together. */
  async #stats(request: Request): Promise<Response> {
    const { window, top } = statsReader.read(request)
    const target = window === undefined ? '/stats' : `/stats/sketch?window=${window}`
    const answers = await this.#ask({ method: 'GET', target, headers: keyOf(request) })
    const refused = answers.some(({ status }) => status !== 200)
    if (window === undefined || refused || answers.length === 0)
      return mergedAnswers('/stats', answers)
    const sketches = answers.map(({ body }) => JSON.parse(body) as SketchAnswer)
    return jsonResponse(200, mergedStats(sketches, { window, top }))
  }

  /** The logs of all workers as one stream; it ends with an upgrade, and who follows asks again. */
  async #log(request: Request): Promise<Response> {
    const { target, signal } = request
    const answers = await Promise.all(
      this.#posts.flatMap(({ worker }) =>
        worker?.ready
          ? this.#client.fetch(`${worker.ready.admin}${target}`, {
              headers: [...keyOf(request)],
              timeoutMs: logMsMax,
              bytesMax: Number.POSITIVE_INFINITY,
              signal,
            })
          : [],
      ),
    )
    const refused = answers.find(({ ok }) => !ok)
    if (!refused)
      return {
        status: 200,
        headers: sseHeaders,
        body: mergedEvents(answers.map((answer) => answer.stream())),
      }
    const body = await refused.text()
    // Owner: this line; who refused has sent all it has to say, the others end with their signal.
    for (const answer of answers)
      if (answer !== refused)
        answer
          .stream()
          .return()
          .catch(() => {})
    const type = refused.headers.get('content-type') ?? 'application/json'
    return { status: refused.status, headers: ['content-type', type], body }
  }

  get #own(): readonly string[] {
    return ['authorization', `Bearer ${this.#token}`]
  }

  async #ask(call: Call): Promise<WorkerAnswer[]> {
    return Promise.all(
      this.#posts.flatMap(({ worker }) => (worker ? [this.#call(worker, call)] : [])),
    )
  }

  /** A change of all workers, those on their way out included, or of none. */
  async #change(call: Call): Promise<WorkerAnswer[]> {
    while (this.#alone) await this.#alone
    const workers = this.#posts.flatMap(({ worker }) => worker ?? [])
    if (workers.length < this.#posts.length)
      throw new Fault('overloaded', 'a worker is starting; nothing was changed', {
        retryAfterSeconds: 1,
      })
    this.#changing++
    try {
      await Promise.all([...this.#leaving].map((each) => this.#callLeaving(each, hop(call))))
      return await (call.target === '/purge'
        ? this.#purge(workers, call)
        : this.#each(workers, call))
    } finally {
      if (--this.#changing === 0) this.#settled?.()
    }
  }

  /**
   * One worker carries a purge on to other nodes, when the rest of the crew has purged; and where
   * there are other nodes the rest purges again: it may have asked one that had not yet.
   */
  async #purge(workers: readonly Callee[], call: Call): Promise<WorkerAnswer[]> {
    if (call.headers.includes(purgeHopField)) return this.#each(workers, call)
    const [first, ...rest] = workers
    const others = await this.#each(rest, hop(call))
    const one = await this.#each(first ? [first] : [], call)
    if (one.some(({ status, body }) => status === 200 && body.includes('"peers"')))
      await this.#each(rest, hop(call))
    return [...one, ...others]
  }

  #each(workers: readonly Callee[], call: Call): Promise<WorkerAnswer[]> {
    return Promise.all(workers.map((worker) => this.#call(worker, call)))
  }

  /** One that left meanwhile has nothing to change any more; one that does not answer may still serve. */
  async #callLeaving(worker: Callee, call: Call): Promise<void> {
    try {
      await this.#call(worker, call)
    } catch (caught) {
      if (Fault.from(caught).code === 'upstream_timeout') throw caught
    }
  }

  async #call(worker: Callee, call: Call): Promise<WorkerAnswer> {
    const { method, target, headers, body } = call
    if (!worker.ready) throw new Fault('overloaded', 'a worker went away', { retryAfterSeconds: 1 })
    const answer = await this.#client.fetch(`${worker.ready.admin}${target}`, {
      method,
      headers: [...headers],
      ...(body === undefined ? {} : { body }),
      timeoutMs: callMsMax,
    })
    const said = answer.headers.get('content-type') ?? 'application/json'
    return {
      status: answer.status,
      headers: ['content-type', said],
      body: await answer.text(),
    }
  }
}

/** The key a caller came with. */
function keyOf({ headers }: Request): readonly string[] {
  const key = headers.get('authorization')
  return key === undefined ? [] : ['authorization', key]
}

/** `call` as one that is not to be carried on to other nodes. */
function hop(call: Call): Call {
  return { ...call, headers: [...call.headers, purgeHopField, '1'] }
}
