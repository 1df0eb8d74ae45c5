import { execFile, spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { Agent, request as send } from 'undici'
import type { BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { ended, nginxSubject, varnishSubject, type Subject } from './conformance/subjects.ts'

type Row = BenchTable['rows'][number]

interface BenchOrigin {
  readonly url: string
  requests: number
  stop(): void
}

const sizes = { '1 KB': 1024, '10 KB': 10_240, '1 MB': 1_048_576 } as const
const rounds = 3

/** The edge over HTTP, with nginx and Varnish as controls in the same run. */
export async function run(): Promise<BenchTable> {
  const origin = await startOrigin()
  const subjects = await startSubjects(origin.url)
  const rows: Row[] = []
  for (const [name, bytes] of Object.entries(sizes))
    rows.push(await eachSubject(subjects, `${name} hit, requests/s`, (url) => hits(url, bytes)))
  const collapse = await eachSubject(subjects, '1000 at once, cold 1 s object', (url) =>
    cold(url, origin),
  )
  const joiner = await eachSubject(subjects, 'joiner at 0.5 s of a 2 s body: first byte', joinerMs)
  const wave = await eachSubject(
    subjects,
    '20 at once, uncacheable, 300 ms: first wave, second',
    waves,
  )
  rows.push(collapse, joiner, wave)
  await Promise.all(subjects.map((subject) => subject.stop()))
  origin.stop()
  return {
    name: 'edge',
    title: 'Edge: hits and misses over HTTP',
    rows,
    notes: [
      'spate: one process, telemetry on, 1 % of traces; nginx: one worker, proxy_cache with proxy_cache_lock; Varnish: default threads',
      'hits: wrk, 1 thread, 32 kept connections, 2 s, median (min..max) of 3 rounds; origin and load share the cores',
      'P99 in brackets is that of the median round',
    ],
  }
}

async function startSubjects(origin: string): Promise<Subject[]> {
  const others = [await nginxSubject(origin, 'proxy_cache_lock on;'), await varnishSubject(origin)]
  return [await spateProcess(origin), ...others.filter((each) => each !== undefined)]
}

async function spateProcess(origin: string): Promise<Subject> {
  const file = new URL('bench-edge.ts', import.meta.url).pathname
  const child = spawn('node', [file, origin], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { name: 'spate', url: line.toString().trim(), stop: () => ended(child) }
}

async function eachSubject(
  subjects: readonly Subject[],
  label: string,
  measure: (url: string) => Promise<string>,
): Promise<Row> {
  const figures: Record<string, string> = {}
  for (const subject of subjects) figures[subject.name] = await measure(subject.url)
  return { label, figures }
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

async function cold(url: string, origin: BenchOrigin): Promise<string> {
  const agent = new Agent({ connections: 1000 })
  const target = `${url}${path('slow')}`
  const before = origin.requests
  const startMs = systemClock.elapsed()
  const all = await Promise.all(
    Array.from({ length: 1000 }, async () => {
      try {
        const answer = await send(target, { dispatcher: agent })
        return (await answer.body.text()) === 'slow'
      } catch {
        // A server that drops connections under this load: counted as not right.
        return false
      }
    }),
  )
  const wall = systemClock.elapsed() - startMs
  await agent.destroy()
  const right = all.filter(Boolean).length
  return `${origin.requests - before} to the origin, ${Math.round(wall)} ms, ${right} right`
}

async function joinerMs(url: string): Promise<string> {
  const target = `${url}${path('trickle')}`
  const leader = await send(target)
  leader.body.resume()
  await systemClock.sleep(500)
  const startMs = systemClock.elapsed()
  const joiner = await send(target)
  for await (const _ of joiner.body) break
  return `${(systemClock.elapsed() - startMs).toFixed(1)} ms`
}

async function waves(url: string): Promise<string> {
  const target = `${url}${path('mine')}`
  const agent = new Agent({ connections: 20 })
  const wave = async (): Promise<number> => {
    const startMs = systemClock.elapsed()
    await Promise.all(
      Array.from({ length: 20 }, async () =>
        (await send(target, { dispatcher: agent })).body.dump(),
      ),
    )
    return Math.round(systemClock.elapsed() - startMs)
  }
  const text = `${await wave()} ms, ${await wave()} ms`
  await agent.destroy()
  return text
}

async function startOrigin(): Promise<BenchOrigin> {
  const server = createServer((request, response) => {
    origin.requests++
    const [, kind, argument] = (request.url ?? '').split('/')
    const shared = { 'cache-control': 'max-age=3600' }
    if (kind === 'size') response.writeHead(200, shared).end(Buffer.alloc(Number(argument), 'x'))
    else if (kind === 'slow')
      systemClock.after(1000, () => response.writeHead(200, shared).end('slow'))
    else if (kind === 'mine')
      systemClock.after(300, () => response.writeHead(200, { 'cache-control': 'private' }).end('m'))
    else {
      response.writeHead(200, shared)
      for (let at = 0; at < 20; at++)
        systemClock.after(at * 100, () => response.write('x'.repeat(512)))
      systemClock.after(2000, () => response.end())
    }
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  const origin = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: 0,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return origin
}
