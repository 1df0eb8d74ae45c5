/** Nodes, responses and a clock for tests of the shared tier. */
import assert from 'node:assert/strict'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import type { ByteKeyValue } from '@spate/state/key-value'
import { parseRequestDirectives, type RequestDirectives } from '../domain/cache-control.ts'
import { fieldSource } from '../domain/fields.ts'
import { selectorOf } from '../domain/vary.ts'
import { StoredResponse } from '../store/stored-response.ts'
import type { Stamp } from './purge-log.ts'
import { SharedTier, type SharedAnswer, type SharedLimits } from './shared-tier.ts'

/** A client that says nothing of caches. */
export const noWishes: RequestDirectives = parseRequestDirectives(undefined, undefined)

/** Limits of the nodes under test. */
export const limits: SharedLimits = { ttlMs: 300_000, lookupMs: 5000, objectBytesMax: 1000 }
/** Their clock, which only tests move. */
export const clock: VirtualClock = new VirtualClock(systemClock.now())

/** What a response under test is made of. */
export interface Made {
  readonly body?: Uint8Array | string
  readonly tags?: readonly string[]
  readonly headers?: readonly string[]
  readonly asked?: readonly string[]
  readonly freshMs?: number
}

/** A response that any node might have fetched. */
export function response(key: string, made: Made = {}): StoredResponse {
  const { tags = [], headers = [], asked = [], freshMs = 60_000 } = made
  const all = ['date', 'Wed, 25 Nov 2026 20:00:00 GMT', ...headers]
  const nowMs = clock.now()
  return new StoredResponse({
    key,
    host: new URL(key).host,
    status: 200,
    headers: all,
    selector: selectorOf(all, fieldSource(asked)) ?? assert.fail('varies by everything'),
    timing: {
      responseTimeMs: nowMs,
      initialAgeMs: 0,
      lifetimeMs: freshMs,
      freshUntilMs: nowMs + freshMs,
      staleWhileRevalidateMs: 0,
      staleIfErrorMs: 0,
      neverStale: false,
    },
    tags,
    body: Buffer.from(made.body ?? `body of ${key}`),
    partial: undefined,
  })
}

/** One node as the tests see it. */
export class Node {
  readonly tier: SharedTier

  constructor(store: ByteKeyValue, changes: Partial<SharedLimits> = {}, identity = 'http://o') {
    const all = { ...limits, ...changes }
    this.tier = new SharedTier({ store, limits: all, identity, clock, log: silentLog })
  }

  async find(key: string, asked: readonly string[] = []): Promise<string | undefined> {
    const answer = await this.look(key, asked)
    return answer.kind === 'found' ? Buffer.from(answer.stored.body).toString() : undefined
  }

  look(
    key: string,
    asked: readonly string[] = [],
    directives: RequestDirectives = noWishes,
  ): Promise<SharedAnswer> {
    return this.tier.find({ key, fields: fieldSource(asked), directives })
  }

  /** What a fill that begins now is stamped with. */
  async stamp(): Promise<Stamp> {
    const answer = await this.look('http://s/none')
    return (answer.kind === 'nothing' && answer.stamp) || assert.fail('no stamp')
  }

  /** Writes and waits until it is written, or was refused. */
  async write(stored: StoredResponse, stamp?: Stamp): Promise<void> {
    const at = stamp ?? (await this.stamp())
    const { writes, refused } = this.tier.figures
    this.tier.write(stored, at)
    while (this.tier.figures.writes === writes && this.tier.figures.refused === refused)
      await new Promise((resolve) => setImmediate(resolve))
  }
}
