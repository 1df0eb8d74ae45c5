import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Agent, request as send } from 'undici'
import type { BenchTable } from '@spate/runtime/bench'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import type { Subject } from './conformance/subjects.ts'
import { startBenchOrigin, type BenchOrigin } from './load/bench-origin.ts'
import { benchSubjects } from './load/bench-subjects.ts'
import { openLoad, type LoadFigures } from './load/open-load.ts'
import { Wire } from './load/wire.ts'
import { Zipf } from './store/hit-ratio.ts'

type Row = BenchTable['rows'][number]
type Measure = (subject: Subject) => Promise<string>

const sizes = { '1 KB': 1024, '10 KB': 10_240, '1 MB': 1_048_576 } as const
const rounds = 3
const crowd = 1000
const staleObjects = 20

/** The mixed load: 80 % of requests find one of these objects stored, 15 % ask for one of a kind, 5 % is for one client only. */
const mixed = { rate: 10_000, seconds: 6, connections: 200, objects: 2000 } as const

/** The edge over HTTP, with nginx and Varnish as controls in the same run. */
export async function run(): Promise<BenchTable> {
  const origin = await startBenchOrigin()
  const subjects = await benchSubjects(origin.url)
  const rows: Row[] = []
  const row = async (label: string, measure: Measure, controls?: object): Promise<void> => {
    const figures: Record<string, string> = {}
    for (const subject of subjects) figures[subject.name] = await measure(subject)
    rows.push({ label, figures: { ...figures, ...controls } })
  }
  for (const [name, bytes] of Object.entries(sizes))
    await row(`${name} hit, requests/s`, ({ url }) => hits(url, bytes))
  const direct = { 'no cache': await cold(origin.url, origin) }
  await row(`${crowd} at once, cold 1 s object`, ({ url }) => cold(url, origin), direct)
  await row('joiner at 0.5 s of a 2 s body: first byte', ({ url }) => joinerMs(url))
  await row('20 at once, uncacheable, 300 ms: first wave, later ones', ({ url }) => waves(url))
  await row('stale while a 300 ms origin is asked', ({ url }) => staleMs(url))
  await row(`mixed load, ${mixed.rate}/s offered`, ({ url }) => mix(url, origin))
  await Promise.all(subjects.map((subject) => subject.stop()))
  origin.stop()
  return {
    name: 'edge',
    title: 'Edge: hits and misses over HTTP',
    rows,
    notes: [
      'spate: one process, telemetry on, 1 % of traces; nginx: one worker, proxy_cache with lock, stale updating; Varnish: default threads',
      'hits: wrk, 1 thread, 32 kept connections, 2 s, median (min..max) of 3 rounds; origin and load share the cores; P99 in brackets is that of the median round',
      `${crowd} at once: connections are open, then all ask; "no cache" is the origin itself, what generator and machine need`,
      'joiner and stale: median (max); the joiner of 5 bodies, the stale answer of 20 objects',
      'mixed: open loop on 200 connections, latency from the moment a request was due; 80 % hits (zipf 1.0 over 2000 objects), 15 % cacheable and asked for once, 5 % uncacheable; 1 KB to 1 MB (64 % 1 KB, 25 % 4 KB, 9 % 16 KB, 1.9 % 100 KB, 0.1 % 1 MB)',
    ],
  }
}

async function hits(url: string, bytes: number): Promise<string> {
  const target = `${url}/size/${bytes}`
  await (await send(target)).body.dump()
  const runs: { rate: number; p99: string }[] = []
  for (let round = 0; round < rounds; round++) runs.push(await wrk(target))
  runs.sort((one, other) => one.rate - other.rate)
  const middle = runs[1]
  return `${shown(middle?.rate)} (${shown(runs[0]?.rate)}..${shown(runs.at(-1)?.rate)}) [${middle?.p99}]`
}

async function wrk(target: string): Promise<{ rate: number; p99: string }> {
  const args = ['-t1', '-c32', '-d2s', '--latency', target]
  const { stdout } = await promisify(execFile)('wrk', args)
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0)
  if (stdout.includes('Non-2xx')) throw new Error(`not all answers were 200: ${target}`)
  return { rate, p99: /99%\s+(\S+)/.exec(stdout)?.[1] ?? '?' }
}

const shown = (rate: number | undefined): string => Math.round(rate ?? 0).toString()

let unique = 0
const path = (kind: string): string => `/${kind}/${systemClock.now()}-${unique++}`

/** Everybody asks for one object that nobody has; the wall is from the first request to the last answer. */
async function cold(url: string, origin: BenchOrigin): Promise<string> {
  const target = path('slow')
  const before = origin.requests
  const openingMs = systemClock.elapsed()
  const wires = await Promise.all(Array.from({ length: crowd }, () => Wire.open(url)))
  const startMs = systemClock.elapsed()
  const answers = wires.map((wire) => {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    wire.ask(
      target,
      ({ status, bodyBytes }) => resolve(status === 200 && bodyBytes === 4),
      // A server that drops connections under this load: counted as not right.
      () => resolve(false),
    )
    return promise
  })
  const right = (await Promise.all(answers)).filter(Boolean).length
  const wall = Math.round(systemClock.elapsed() - startMs)
  const opening = Math.round(startMs - openingMs)
  for (const wire of wires) wire.close()
  return `${origin.requests - before} to the origin, ${wall} ms (+ ${opening} ms to connect), ${right} right`
}

async function joinerMs(url: string): Promise<string> {
  const taken: number[] = []
  for (let round = 0; round < 5; round++) {
    const target = `${url}${path('trickle')}`
    const leader = await send(target)
    leader.body.resume()
    // A connection of the agent's that is open: the body counts, not the connection.
    await (await send(`${url}/size/1024`)).body.dump()
    await systemClock.sleep(500)
    const startMs = systemClock.elapsed()
    const joiner = await send(target)
    for await (const _ of joiner.body) break
    taken.push(systemClock.elapsed() - startMs)
  }
  return medianMs(taken)
}

async function waves(url: string): Promise<string> {
  const target = `${url}${path('mine')}`
  const agent = new Agent({ connections: 20 })
  const wave = async (to = target): Promise<number> => {
    const startMs = systemClock.elapsed()
    const all = Array.from({ length: 20 }, async () =>
      (await send(to, { dispatcher: agent })).body.dump(),
    )
    await Promise.all(all)
    return Math.round(systemClock.elapsed() - startMs)
  }
  await wave(`${url}/size/1024`)
  const text = `${await wave()} ms, ${await wave()} ms, ${await wave()} ms`
  await agent.destroy()
  return text
}

async function staleMs(url: string): Promise<string> {
  const targets = Array.from({ length: staleObjects }, () => `${url}${path('stale')}`)
  await Promise.all(targets.map(async (target) => (await send(target)).body.dump()))
  await systemClock.sleep(2100)
  const taken: number[] = []
  for (const target of targets) {
    const startMs = systemClock.elapsed()
    await (await send(target)).body.dump()
    taken.push(systemClock.elapsed() - startMs)
  }
  return medianMs(taken)
}

/** The median and the largest of `taken`. */
function medianMs(taken: number[]): string {
  taken.sort((one, other) => one - other)
  return `${taken[Math.floor(taken.length / 2)]?.toFixed(1)} ms (${taken.at(-1)?.toFixed(1)})`
}

/** Sizes by share of objects; by number, so that an object keeps its own. */
function sizeOf(number: number): number {
  const at = (number * 617) % 1000
  if (at < 640) return 1024
  if (at < 890) return 4096
  if (at < 980) return 16_384
  return at < 999 ? 102_400 : 1_048_576
}

async function mix(url: string, origin: BenchOrigin): Promise<string> {
  const run = unique++
  const sized = (at: number): string => `/sized/${sizeOf(at)}-${run}-${at}`
  const warm = { url, rate: 1000, seconds: mixed.objects / 1000, connections: 50 }
  await openLoad({ ...warm, path: sized })
  const chance = new SeededChance(11)
  const zipf = new Zipf(mixed.objects, chance)
  const paths = Array.from({ length: mixed.rate * mixed.seconds }, (_, at) => {
    const kind = chance.float()
    if (kind < 0.8) return sized(zipf.next())
    return kind < 0.95 ? sized(mixed.objects + at) : `/private/${sizeOf(at)}-${at}`
  })
  const before = origin.requests
  const figures = await openLoad({ url, ...mixed, path: (at) => paths[at] as string })
  const forwarded = (100 * (origin.requests - before)) / Math.max(1, figures.answered)
  return `${told(figures)}, ${forwarded.toFixed(0)} % to the origin`
}

function told({ rate, p50Ms, p99Ms, meanMs, failed, bytes, answered }: LoadFigures): string {
  const busy = Math.round((rate * meanMs) / 1000)
  const load = `${shown(rate)}/s x ${meanMs.toFixed(1)} ms = ${busy}`
  const mean = (bytes / Math.max(1, answered) / 1024).toFixed(1)
  return `P50 ${p50Ms.toFixed(1)} ms, P99 ${p99Ms.toFixed(1)} ms, ${failed} failed (${load}; ${mean} KB each)`
}
