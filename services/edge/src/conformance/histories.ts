/**
 * Random histories of requests, responses, clock steps, unsafe requests and purges, told to the
 * real cache and to the naive one; the two must agree on every answer and on every request that
 * reaches the origin. `node services/edge/src/conformance/histories.ts 100000 [seed]` runs many.
 */
import { testRequest } from '@spate/http/test-request'
import { SeededChance, systemChance } from '@spate/runtime/chance'
import { exit, processHost } from '@spate/runtime/host'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { noTelemetry } from '@spate/telemetry/telemetry'
import { Edge } from '../edge.ts'
import type { Origin, OriginSink } from '../origins/origin.ts'
import { sitesOf } from '../sites/compile.ts'
import { ReferenceCache, type ReferenceResponse } from './reference-cache.ts'
import { settingsFor } from './subjects.ts'

/** What a run of histories came to. */
export interface HistoryReport {
  readonly histories: number
  readonly requests: number
  readonly hits: number
  /** First disagreement; absent where there was none. */
  readonly disagreement?: string
}

const controls = [
  undefined,
  'max-age=5',
  'max-age=20',
  's-maxage=10, max-age=1',
  'max-age=0',
  'no-store',
  'private, max-age=9',
  'public, max-age=15',
  'max-age=30, no-cache',
  'max-age=8, must-revalidate',
]
const varies = [undefined, undefined, 'x-a', 'x-a, x-b', '*']
const wishes = [undefined, undefined, undefined, 'no-cache', 'max-age=3', 'min-fresh=4', 'no-store']

/** Runs `histories` of `steps` each; history n has the seed `seed + n`. */
export async function runHistories(
  histories: number,
  seed: number,
  steps = 25,
): Promise<HistoryReport> {
  let requests = 0
  let hits = 0
  for (let at = 0; at < histories; at++) {
    const told = await history(new SeededChance(seed + at), steps)
    requests += told.requests
    hits += told.hits
    if (told.disagreement !== undefined)
      return {
        histories: at + 1,
        requests,
        hits,
        disagreement: `seed ${seed + at}: ${told.disagreement}`,
      }
  }
  return { histories, requests, hits }
}

async function history(
  chance: SeededChance,
  steps: number,
): Promise<Omit<HistoryReport, 'histories'>> {
  const clock = new VirtualClock(1_700_000_000_000)
  const reference = new ReferenceCache()
  const origin = new ScriptedOrigin()
  const edge = new Edge({
    sites: sitesOf(settingsFor('http://origin'), () => origin),
    transientBytesMax: 64 * 1024 * 1024,
    memoryBytesMax: 64 * 1024 * 1024,
    clock,
    chance,
    telemetry: noTelemetry,
  })
  const pick = <Item>(items: readonly Item[]): Item =>
    items[chance.integer(0, items.length - 1)] as Item
  let requests = 0
  let hits = 0
  for (let step = 0; step < steps; step++) {
    clock.advance(pick([0, 1000, 1000, 2000, 7000]))
    const path = pick(['/a', '/b', '/c?x=1'])
    const url = `http://h${path}`
    const roll = chance.float()
    if (roll < 0.06) {
      edge.transfers.purge({ ...nothing, keys: edge.keysOfUrl(url) })
      reference.forget(url)
      continue
    }
    if (roll < 0.1) {
      const tag = pick(['t1', 't2'])
      edge.transfers.purge({ ...nothing, tags: [tag] })
      reference.forgetTag(tag)
      continue
    }
    const response: ReferenceResponse = {
      control: pick(controls),
      vary: pick(varies),
      tag: pick(['t1', 't2']),
      body: `body ${step}`,
      status: 200,
    }
    origin.next = response
    const fields = requestFields(chance, pick)
    const unsafe = chance.float() < 0.08
    const before = origin.count
    const request = testRequest({ method: unsafe ? 'POST' : 'GET', target: path, headers: fields })
    const answer = await edge.handle(request)
    const body = await text(answer.body)
    const list = Object.entries(fields).flat()
    const expected = unsafe ? forward : reference.ask(url, list, clock.now())
    if (unsafe) reference.forget(url)
    else if (expected.kind === 'forward') reference.tell(url, list, response, clock.now())
    const wanted = expected.kind === 'hit' ? expected.body : response.body
    const asked = expected.kind === 'hit' ? 0 : 1
    requests++
    hits += 1 - asked
    if (body !== wanted || origin.count - before !== asked) {
      const what = `step ${step} ${request.method} ${path} ${JSON.stringify(fields)} ${JSON.stringify(response)}`
      return {
        requests,
        hits,
        disagreement: `${what}: got ${body} with ${origin.count - before} requests, wanted ${wanted} with ${asked}`,
      }
    }
  }
  return { requests, hits }
}

function requestFields(
  chance: SeededChance,
  pick: <Item>(items: readonly Item[]) => Item,
): Record<string, string> {
  const fields: Record<string, string> = { host: 'h' }
  for (const name of ['x-a', 'x-b']) if (chance.float() < 0.6) fields[name] = pick(['1', '2'])
  const wish = pick(wishes)
  if (wish !== undefined) fields['cache-control'] = wish
  if (chance.float() < 0.1) fields['authorization'] = 'secret'
  return fields
}

const forward = { kind: 'forward' } as const
const nothing = { keys: [], tags: [], prefixes: [], hosts: [], all: false, soft: false }

class ScriptedOrigin implements Origin {
  next: ReferenceResponse | undefined
  count = 0

  send(_: unknown, sink: OriginSink): { pause(): void; resume(): void; abort(): void } {
    const { next } = this
    this.count++
    queueMicrotask(() => {
      if (!next) return
      const headers = ['cache-tag', next.tag]
      if (next.control !== undefined) headers.push('cache-control', next.control)
      if (next.vary !== undefined) headers.push('vary', next.vary)
      sink.head(next.status, headers)
      sink.data(Buffer.from(next.body))
      sink.end()
    })
    return { pause() {}, resume() {}, abort() {} }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

async function text(body: unknown): Promise<string> {
  if (body === undefined) return ''
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body).toString()
  const pieces: Uint8Array[] = []
  for await (const piece of body as AsyncIterable<Uint8Array>) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

if (import.meta.main) {
  const [count = '1000', seed] = processHost.argv
  const first = seed === undefined ? systemChance.uint32() : Number(seed)
  const report = await runHistories(Number(count), first)
  processHost.write(`seed ${first}: ${JSON.stringify(report)}\n`)
  exit(report.disagreement === undefined ? 0 : 1)
}
