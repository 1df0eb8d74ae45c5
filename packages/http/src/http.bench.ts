/**
 * The fast path against `node:http` and nginx giving the same bytes. Each server is a process of
 * its own on one core; wrk uses the other. `node http.bench.ts serve fast|prepared|node|one` serves.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BenchRow, BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import type { PreparedResponse, Response } from './exchange.ts'
import { listen } from './listener.ts'

const run1 = promisify(execFile)
const host = '127.0.0.1'
const body = 'x'.repeat(1024)
const rounds = 3
const seconds = 2

type Subject = 'fast' | 'prepared' | 'node' | 'one'

const plain: Response = { status: 200, headers: ['Content-Type', 'text/plain'], body }
const prepared: PreparedResponse = {
  status: 200,
  head: Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n`),
  body: Buffer.from(body),
  route: '/',
  response: () => plain,
}

async function serve(subject: Subject): Promise<number> {
  if (subject === 'node') {
    const server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => {
      response.writeHead(200, ['Content-Type', 'text/plain', 'Content-Length', '1024'])
      response.end(body)
    })
    await new Promise<void>((resolve) => server.listen({ host, port: 0, backlog: 4096 }, resolve))
    return (server.address() as AddressInfo).port
  }
  const listener = await listen({
    host,
    port: 0,
    handler: subject === 'prepared' ? () => prepared : () => plain,
    clock: systemClock,
    log: silentLog,
    acceptors: subject === 'one' ? 1 : 64,
  })
  return listener.port
}

interface Served {
  readonly label: string
  readonly port: number
  /** Process that does the work. */
  readonly pid: number
  stop(): Promise<void>
}

async function start(label: string, subject: Subject): Promise<Served> {
  const child = spawn(process.execPath, [import.meta.filename, 'serve', subject], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await new Promise<number>((resolve) => {
    child.stdout.once('data', (line: Buffer) => resolve(Number(line.toString())))
  })
  return { label, port, pid: child.pid as number, stop: () => ended(child) }
}

async function startNginx(label: string): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'spate-nginx-'))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  await writeFile(file, nginxConf(folder, port))
  const child = spawn('nginx', ['-c', file, '-p', folder, '-e', join(folder, 'error.log')], {
    stdio: 'ignore',
  })
  await systemClock.sleep(300)
  const pid = Number(await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'))
  return {
    label,
    port,
    pid,
    async stop() {
      await ended(child)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** CPU time of a process so far, us. Linux counts it in ticks of 10 ms. */
async function cpuUs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

const nginxConf = (folder: string, port: number): string => `
daemon off; worker_processes 1; pid ${folder}/pid; worker_rlimit_nofile 8192;
events { worker_connections 4096; multi_accept on; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 60s; default_type text/plain;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  server { listen ${host}:${port} backlog=4096; location / { return 200 "${body}"; } }
}
`

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) => {
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

interface Load {
  readonly rate: number
  readonly cpuUs: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

async function load({ port, pid }: Served, connections: number): Promise<Load> {
  const before = await cpuUs(pid)
  const { stdout } = await run1('wrk', [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--latency',
    `http://${host}:${port}/`,
  ])
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    cpuUs: ((await cpuUs(pid)) - before) / requests,
    meanMs: ms(/Latency\s+([\d.]+\w+)/.exec(stdout)?.[1]),
    p50Ms: ms(/50%\s+([\d.]+\w+)/.exec(stdout)?.[1]),
    p99Ms: ms(/99%\s+([\d.]+\w+)/.exec(stdout)?.[1]),
  }
}

function ms(text: string | undefined): number {
  const match = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '')
  const unit = { us: 0.001, ms: 1, s: 1000, m: 60_000 }[match?.[2] ?? 'ms'] as number
  return Number(match?.[1]) * unit
}

/** Time until every one of `count` clients that connect at once has its answer, ms. */
async function burst(port: number, count: number): Promise<number> {
  const started = performance.now()
  const sockets = await Promise.all(
    Array.from({ length: count }, () => {
      const socket = connect({ port, host })
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      return new Promise<typeof socket>((resolve) => socket.once('data', () => resolve(socket)))
    }),
  )
  const took = performance.now() - started
  for (const socket of sockets) socket.destroy()
  return took
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] as number

function spread(values: readonly number[], digits: number): string {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)}..${high.toFixed(digits)})`
}

interface Measured {
  readonly at64: Load[]
  readonly at1000: Load[]
  readonly burstMs: number[]
}

/** Rounds go round: whatever else the machine does meets every subject alike. */
async function measure(servers: readonly Served[]): Promise<Map<string, Measured>> {
  const found = new Map<string, Measured>()
  for (const served of servers) {
    await load(served, 64)
    found.set(served.label, { at64: [], at1000: [], burstMs: [] })
  }
  for (let round = 0; round < rounds; round++) {
    for (const served of servers) {
      const measured = found.get(served.label) as Measured
      measured.at64.push(await load(served, 64))
      measured.at1000.push(await load(served, 1000))
      measured.burstMs.push(await burst(served.port, 1000))
    }
  }
  return found
}

const installed = async (program: string): Promise<boolean> =>
  run1('which', [program]).then(
    () => true,
    () => false,
  )

/** Runs every subject with its controls; about a minute. */
export async function run(): Promise<BenchTable> {
  const table = { name: 'http', title: 'HTTP: 1 KB answers over keep-alive, one server core' }
  if (!(await installed('wrk'))) {
    return { ...table, rows: [], notes: ['skipped: wrk is not installed (Debian package wrk)'] }
  }
  const notes = [
    `wrk, 1 thread, ${seconds} s a round, ${rounds} rounds by turns: median (min..max); server and wrk share the machine`,
    'check: rate x mean latency = connections (closed loop)',
  ]
  const servers = [
    await start('fast path, prepared bytes', 'prepared'),
    await start('fast path', 'fast'),
    await start('control: fast path, 1 listening socket', 'one'),
    await start(nodeLabel, 'node'),
  ]
  if (await installed('nginx')) servers.push(await startNginx(nginxLabel))
  else notes.push('control nginx left out: not installed')
  try {
    const found = await measure(servers)
    return { ...table, rows: [...found].map(([label, each]) => row(label, each, found)), notes }
  } finally {
    for (const served of servers) await served.stop()
  }
}

const nodeLabel = 'control: node:http'
const nginxLabel = 'control: nginx, 1 worker, return 200'

function row(label: string, measured: Measured, all: Map<string, Measured>): BenchRow {
  const { at64, at1000, burstMs } = measured
  const middle = (loads: readonly Load[], figure: 'rate' | 'cpuUs'): number =>
    median(loads.map((each) => each[figure]))
  const ratio = (to: string): string => {
    const other = all.get(to)
    if (!other) return '-'
    const byRate = middle(at64, 'rate') / middle(other.at64, 'rate')
    const byCpu = middle(other.at64, 'cpuUs') / middle(at64, 'cpuUs')
    return `${byRate.toFixed(2)}x (by CPU ${byCpu.toFixed(2)}x)`
  }
  const rates = at64.map(({ rate }) => rate)
  const many = at1000.map(({ rate, meanMs }) => (rate * meanMs) / 1000)
  return {
    label,
    figures: {
      'requests/s at 64': spread(rates, 0),
      'CPU us/request at 64': spread(
        at64.map(({ cpuUs }) => cpuUs),
        1,
      ),
      'to node:http': ratio(nodeLabel),
      'to nginx': ratio(nginxLabel),
      'P99 ms at 64': spread(
        at64.map(({ p99Ms }) => p99Ms),
        2,
      ),
      'requests/s at 1000': spread(
        at1000.map(({ rate }) => rate),
        0,
      ),
      'P99 ms at 1000': spread(
        at1000.map(({ p99Ms }) => p99Ms),
        1,
      ),
      'rate x mean at 1000': spread(many, 0),
      'burst of 1000, ms': spread(burstMs, 0),
    },
  }
}

if (process.argv[1] === import.meta.filename) {
  if (process.argv[2] === 'serve') {
    process.stdout.write(`${await serve(process.argv[3] as Subject)}\n`)
  } else {
    const { rows, notes } = await run()
    for (const { label, figures } of rows) console.log(label, figures)
    console.log(notes.join('\n'))
  }
}
