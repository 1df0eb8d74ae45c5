import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import { AddressGuard, type Lookup } from './address-guard.ts'
import { HealthCheck } from './health-check.ts'
import { httpOrigin } from './http-origin.ts'
import { OriginMember } from './origin-member.ts'
import { OriginSet } from './origin-set.ts'
import { originSettings, type OriginSettings } from './settings.ts'

/** How many times as many failures in a row a lone origin may have. */
const loneOriginPatience = 10

/** What origins need of their surroundings. */
export interface OriginSurroundings {
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  /** The system's resolver where absent. */
  readonly lookup?: Lookup
}

interface Kept {
  readonly set: OriginSet
  readonly checks: readonly HealthCheck[]
}

const ownNames = Object.keys(originSettings) as (keyof OriginSettings)[]

/** Largest head of an origin's answer, bytes. */
export const originHeadBytesMax = 65_536

/**
 * Makes sets of origins and keeps them: a set whose URLs and settings are the same as before a
 * reload stays what it was, with its connections, its breakers and its health.
 */
export class OriginPool {
  readonly #on: OriginSurroundings
  #kept = new Map<string, Kept>()
  #next = new Map<string, Kept>()

  constructor(on: OriginSurroundings) {
    this.#on = on
  }

  /** The set of `urls` under `settings`. */
  set(urls: readonly string[], settings: OriginSettings): OriginSet {
    const name = JSON.stringify([urls, ...ownNames.map((each) => settings[each] ?? '')])
    const kept = this.#next.get(name) ?? this.#kept.get(name) ?? this.#make(urls, settings)
    this.#next.set(name, kept)
    return kept.set
  }

  /** Forgets what was asked for since the last `settle`: the settings it was for are refused. */
  forget(): void {
    for (const [name, kept] of this.#next) if (!this.#kept.has(name)) stopChecks(kept)
    // Nothing was ever sent through them: there is no connection to close.
    this.#next = new Map()
  }

  /** Keeps what was asked for since the last call and lets the others go once they are idle. */
  async settle(): Promise<void> {
    const gone = [...this.#kept].filter(([name]) => !this.#next.has(name))
    this.#kept = this.#next
    this.#next = new Map()
    await Promise.all(gone.map(([, kept]) => drain(kept, this.#on.clock)))
  }

  /** Cuts everything. */
  async close(): Promise<void> {
    await Promise.all([...this.#kept.values(), ...this.#next.values()].map(end))
  }

  #make(urls: readonly string[], settings: OriginSettings): Kept {
    const { clock, lookup } = this.#on
    const guard = new AddressGuard(settings.originNetworks, lookup)
    const limits = {
      connectionsMax: settings.originConnectionsMax,
      queueMax: settings.originQueueMax,
      queueMs: settings.originQueueMs,
      connectMs: settings.originConnectMs,
      headMs: settings.originHeadMs,
      bodyMs: settings.originBodyMs,
      headerBytesMax: originHeadBytesMax,
    }
    // Nobody stands in for a lone origin: a few paths that break off must not take all others away.
    const patience = urls.length === 1 ? loneOriginPatience : 1
    const breaker = {
      failuresMax: settings.breakerFailuresMax * patience,
      openMs: settings.breakerOpenMs,
      errorShareMax: settings.originErrorShareMax,
    }
    const members = urls.map(
      (url) => new OriginMember(url, httpOrigin(url, limits, guard), { limits, breaker }, clock),
    )
    const rules = {
      totalMs: settings.originTotalMs,
      retryShare: settings.originRetryShare,
      hedgeMs: settings.originHedgeMs,
      hedgeShare: settings.originHedgeShare,
    }
    const { healthPath } = settings
    const health = {
      everyMs: settings.healthEveryMs,
      timeoutMs: settings.healthTimeoutMs,
      healthyAfter: settings.healthyAfter,
      unhealthyAfter: settings.unhealthyAfter,
    }
    const checks =
      healthPath === undefined
        ? []
        : members.map(
            (member) => new HealthCheck(member, { path: healthPath, ...health }, this.#on),
          )
    return { set: new OriginSet(members, rules, clock), checks }
  }
}

function stopChecks({ checks }: Kept): void {
  for (const check of checks) check.stop()
}

async function end(kept: Kept): Promise<void> {
  stopChecks(kept)
  await kept.set.close()
}

/** Lets requests under way come to their end, for a while. */
async function drain(kept: Kept, clock: Clock): Promise<void> {
  stopChecks(kept)
  for (let waitedMs = 0; waitedMs < drainMsMax && kept.set.busy; waitedMs += drainStepMs)
    await clock.sleep(drainStepMs)
  await kept.set.close()
}

/** Longest time requests to an origin that was taken out of the settings may still take, ms. */
export const drainMsMax = 60_000
const drainStepMs = 100
