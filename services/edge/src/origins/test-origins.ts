import { VirtualClock } from '@spate/runtime/virtual-clock'
import { OriginMember, type MemberLimits } from './origin-member.ts'
import { OriginSet } from './origin-set.ts'
import type { OriginSetRules } from './sending.ts'
import { Fault } from '@spate/runtime/fault'
import type { Origin, OriginExchange, OriginRequest, OriginSink } from './origin.ts'

/** An origin that answers when the test says so. */
export class ScriptedOrigin implements Origin {
  asked = 0
  aborted = 0
  readonly requests: OriginRequest[] = []
  #open: OriginSink[] = []

  send(request: OriginRequest, sink: OriginSink): OriginExchange {
    this.asked++
    this.requests.push(request)
    this.#open.push(sink)
    return {
      pause() {},
      resume() {},
      abort: () => {
        this.aborted++
        this.#open = this.#open.filter((other) => other !== sink)
      },
    }
  }

  /** Answers all that are open now. */
  answer(status: number): void {
    for (const sink of this.#take()) {
      sink.head(status, [])
      sink.end()
    }
  }

  /** Breaks all that are open now off. */
  fail(): void {
    for (const sink of this.#take()) sink.fail(new Fault('bad_gateway', 'scripted'))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #take(): OriginSink[] {
    const open = this.#open
    this.#open = []
    return open
  }
}

/** A set of scripted origins on a clock that the test moves. */
export interface ScriptedSet {
  readonly set: OriginSet
  readonly clock: VirtualClock
  /** By name; tests of more than two name them `a` and `b` first. */
  readonly origins: Readonly<Record<'a' | 'b', ScriptedOrigin>>
}

/** Makes a set with `names`; five failures open a breaker for 2 s. */
export function setOf(
  names: readonly string[],
  rules: Partial<OriginSetRules> = {},
  limits: Partial<MemberLimits> = {},
): ScriptedSet {
  const clock = new VirtualClock()
  const origins: Record<string, ScriptedOrigin> = {}
  const members = names.map((name) => {
    const origin = new ScriptedOrigin()
    origins[name] = origin
    return new OriginMember(
      `http://${name}`,
      origin,
      {
        limits: { connectionsMax: 10_000, queueMax: 10, queueMs: 1000, ...limits },
        breaker: { failuresMax: 5, openMs: 2000, errorShareMax: 0.5 },
      },
      clock,
    )
  })
  const all = { totalMs: 60_000, retryShare: 0.2, hedgeMs: undefined, hedgeShare: 0.05, ...rules }
  return {
    set: new OriginSet(members, all, clock),
    clock,
    origins: origins as ScriptedSet['origins'],
  }
}

/** What came back so far. */
export interface Heard {
  status: number | undefined
  fault: string | undefined
  message: string | undefined
  exchange: OriginExchange | undefined
}

/** Sends a request without a body through `set`. */
export function heardOf(set: OriginSet, target = '/', method = 'GET'): Heard {
  const heard: Heard = {
    status: undefined,
    fault: undefined,
    message: undefined,
    exchange: undefined,
  }
  heard.exchange = set.send(
    { method, target, host: 'h', headers: [], retry: true },
    {
      interim: () => {},
      head: (status) => (heard.status = status),
      data: () => {},
      end: () => {},
      fail: ({ code, message }) => Object.assign(heard, { fault: code, message }),
    },
  )
  return heard
}
