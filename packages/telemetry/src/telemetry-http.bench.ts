/**
 * What telemetry costs a `node:http` server, beside the official SDK with its instrumentation; and
 * how long a flush holds the event loop. Each server, and the receiver, is a process of its own.
 * `node telemetry-http.bench.ts serve bare|sdk|spate|receiver` serves.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { Agent, request as httpRequest, type RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import {
  NoopSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { BenchRow, BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { createOtlpExporter } from './otlp/exporter.ts'
import type { ServerRequest } from './server-exchange.ts'
import { createTelemetry } from './telemetry.ts'

type Subject = 'bare' | 'spate' | 'sdk' | 'receiver'

const rounds = 7
const requests = 6000
const inFlight = 32
const flushes = 15
const body = Buffer.alloc(256, 'x')

const plain: RequestListener = (_request, response) => void response.end(body)

/** Ours by hand: 1 % of the traces, all errors and slow ones, histogram and counters. */
function recorded(): RequestListener {
  const telemetry = createTelemetry({
    serviceName: 'subject',
    sampling: { strategy: 'adaptive', rate: 0.01 },
  })
  return (request, response) => {
    const { headers } = request
    const get = (name: string): string | undefined => headers[name]?.toString()
    const view: ServerRequest = {
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      host: headers.host ?? '',
      httpVersion: request.httpVersion,
      secure: false,
      arrivedMs: systemClock.elapsed(),
      headers: { get },
    }
    const exchange = telemetry.beginServer(view, get('traceparent'), get('tracestate'))
    response.once('finish', () => exchange.end(response.statusCode, '/items/{id}'))
    exchange.run(() => plain(request, response))
  }
}

function instrument(): void {
  const instrumentation = new HttpInstrumentation()
  instrumentation.setTracerProvider(
    new TracerProvider({
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0.01) }),
      spanProcessors: [new NoopSpanProcessor()],
    }),
  )
  instrumentation.enable()
}

function serve(subject: Subject): void {
  if (subject === 'sdk') instrument()
  // The instrumentation patches what is required after it.
  const http = createRequire(import.meta.url)('node:http') as typeof import('node:http')
  const swallow: RequestListener = (request, response) => {
    request.resume().once('end', () => response.end())
  }
  const listener = subject === 'spate' ? recorded() : subject === 'receiver' ? swallow : plain
  const server = http.createServer(listener)
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
  })
}

interface Served {
  readonly child: ChildProcess
  readonly port: number
}

async function start(subject: Subject): Promise<Served> {
  const child = spawn(process.execPath, [import.meta.filename, 'serve', subject], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await new Promise<number>((resolve) => {
    child.stdout.once('data', (line: Buffer) => resolve(Number(line.toString())))
  })
  return { child, port }
}

/** CPU time of a process so far, us. Linux counts it in ticks of 10 ms. */
async function cpuUs(child: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Sends `requests` and returns the CPU time of the server for one, us. */
async function cost({ child, port }: Served, agent: Agent): Promise<number> {
  const before = await cpuUs(child)
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = httpRequest({ host: '127.0.0.1', port, path: '/items/7', agent }, (response) => {
        response.resume().once('end', resolve)
      })
      sent.once('error', reject).end()
    })
  let left = requests
  const lane = async (): Promise<void> => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return ((await cpuUs(child)) - before) / requests
}

const middleOf = (figures: readonly number[]): number =>
  figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? 0

/** CPU of a request by subject, in turns, so that all see the same machine. */
async function servers(): Promise<BenchRow[]> {
  const subjects = [
    ['node:http alone', 'bare'],
    ['spate by hand, 1 % and all errors', 'spate'],
    ['control: SDK and instrumentation-http, 1 %', 'sdk'],
  ] as const
  const served = await Promise.all(subjects.map(([, subject]) => start(subject)))
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
  const figures = served.map((): number[] => [])
  for (const each of served) await cost(each, agent)
  for (let round = 0; round < rounds; round++)
    for (const [at, each] of served.entries()) figures[at]?.push(await cost(each, agent))
  agent.destroy()
  for (const { child } of served) child.kill()
  const bare = Math.min(...(figures[0] ?? []))
  return subjects.map(([label], at) => {
    const some = figures[at] ?? []
    const least = Math.min(...some)
    const added = least - bare
    return {
      label,
      figures: {
        'CPU us a request': `${least.toFixed(1)} (median ${middleOf(some).toFixed(1)})`,
        'added us': at === 0 ? '' : added.toFixed(1),
        'added %': at === 0 ? '' : ((100 * added) / bare).toFixed(1),
      },
    }
  })
}

/** The longest of all turns of the event loop while 1000 spans are cut, gzipped and posted, ms. */
async function longestTurn(port: number, spans: number): Promise<number> {
  const exporter = await createOtlpExporter({
    url: `http://127.0.0.1:${port}`,
    protocol: 'http/protobuf',
    batchSpans: 10_000,
  })
  const telemetry = createTelemetry({
    serviceName: 'bench',
    sampling: { strategy: 'fixed', rate: 1 },
    exporters: [exporter],
  })
  const headers = { get: () => undefined }
  const view = { method: 'GET', path: '/items/7', host: 'shop', httpVersion: '1.1', secure: false }
  for (let at = 0; at < spans; at++)
    telemetry
      .beginServer({ ...view, arrivedMs: systemClock.elapsed(), headers })
      .end(200, '/items/{id}')
  await systemClock.sleep(20)
  let longest = 0
  let flushing = true
  let last = systemClock.elapsed()
  const turn = (): void => {
    const now = systemClock.elapsed()
    longest = Math.max(longest, now - last)
    last = now
    if (flushing) setImmediate(turn)
  }
  const flushed = exporter.flush()
  turn()
  await flushed
  flushing = false
  await telemetry.shutdown()
  return longest
}

async function stalls(): Promise<BenchRow[]> {
  const receiver = await start('receiver')
  const full: number[] = []
  const empty: number[] = []
  for (let round = 0; round < flushes + 3; round++) {
    const [some, none] = [
      await longestTurn(receiver.port, 1000),
      await longestTurn(receiver.port, 0),
    ]
    if (round < 3) continue
    full.push(some)
    empty.push(none)
  }
  receiver.child.kill()
  const row = (label: string, figures: readonly number[]): BenchRow => ({
    label,
    figures: {
      'longest turn, ms': `${middleOf(figures).toFixed(2)} (${Math.min(...figures).toFixed(2)}..${Math.max(...figures).toFixed(2)})`,
    },
  })
  return [row('flush of 1000 spans', full), row('control: flush of no span, metrics alone', empty)]
}

/** Telemetry in a server and at its flush. */
export async function run(): Promise<BenchTable> {
  return {
    name: 'telemetry-http',
    title: 'Telemetry: what a node:http server and a flush pay',
    rows: [...(await servers()), ...(await stalls())],
    notes: [
      `Servers in processes of their own, ${requests} requests a round by turns, ${inFlight} in flight; CPU time of the server by the kernel's count. Least (and median) of ${rounds} rounds.`,
      'Ours records the histogram, counters and errors of each request besides; the SDK has no meter here.',
      `Flush: median (least..most) of ${flushes}; what other processes take of the machine counts too, and shows in the control.`,
    ],
  }
}

if (process.argv[2] === 'serve') serve(process.argv[3] as Subject)
