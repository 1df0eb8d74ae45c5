import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BenchRow, BenchTable } from '@spate/runtime/bench'
import { send, startProgram, type ProgramProcess } from './subject-process.ts'

const rounds = 7
const inFlight = 32

type Call = readonly [method: string, path: string, body?: object]

/** A program, how it is made ready, and the request that is measured. */
interface Subject {
  readonly label: string
  readonly requests: number
  readonly words: readonly string[]
  readonly prepare: (program: ProgramProcess) => Promise<void>
  readonly call: (at: number) => Call
}

/** What telemetry takes of each program's own request: with it, and without. */
export async function run(): Promise<BenchTable> {
  const origin = createServer((_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=3600' }).end(Buffer.alloc(1024, 'x'))
  })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  const { port } = origin.address() as AddressInfo
  const rows: BenchRow[] = []
  for (const subject of subjectsOf(port)) rows.push(await measured(subject))
  origin.close()
  return {
    name: 'telemetry-share',
    title: "Telemetry: its share of each program's request",
    rows,
    notes: [
      `One process with telemetry (1 % of the traces and all errors, histograms, counters) and one with --telemetry false, by turns, ${inFlight} in flight; CPU time by the kernel's count, least and median of ${rounds} rounds.`,
      'A tick is 10 ms, so a round is counted to about 1 %. The source figures are 0.1 % for the edge, 0.5 % for the sale, 1 % for recommendations.',
      "Self-measured: `spate_telemetry_request_cost_seconds` of the program, the server span's part alone, of one request in 1024 whose path is seldom run: an upper bound.",
    ],
  }
}

function subjectsOf(origin: number): readonly Subject[] {
  const admin = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
  return [
    {
      label: 'edge, 1 KB hit',
      requests: 10_000,
      words: ['edge', '--origin', `http://127.0.0.1:${origin}`, '--admin-port', '0'],
      prepare: ({ port }) => send(port, ['GET', '/item']),
      call: () => ['GET', '/item'],
    },
    {
      label: 'seckill, durable purchase',
      requests: 5000,
      words: ['seckill', '--grpc-port', '0'],
      prepare: ({ port, token }) =>
        send(
          port,
          ['POST', '/seckill/campaigns', { productId: 'tea', stock: 10_000_000 }],
          admin(token),
        ),
      call: (at) => ['POST', '/seckill/purchase', { userId: `u${at}`, productId: 'tea' }],
    },
    {
      label: 'recommend, 20 items',
      requests: 1000,
      words: ['recommend', '--grpc-port', '0'],
      prepare: fillShop,
      call: (at) => ['POST', '/recommend', { userId: `u${at % 500}`, numItems: 20 }],
    },
  ]
}

/** A thousand items and twenty events each of 500 users. */
async function fillShop({ port, token }: ProgramProcess): Promise<void> {
  for (let user = 0; user < 500; user++) {
    const events = Array.from({ length: 20 }, (_, at) => ({
      eventId: `${user}-${at}`,
      userId: `u${user}`,
      itemId: `i${(user * 7 + at * at * 13) % 1000}`,
      type: 'view',
    }))
    await send(port, ['POST', '/recommend/events', events])
  }
  await send(port, ['POST', '/recommend/train'], { authorization: `Bearer ${token}` })
}

async function measured(subject: Subject): Promise<BenchRow> {
  const on = await startProgram([...subject.words, '--sample-rate', '0.01'])
  const off = await startProgram([...subject.words, '--telemetry', 'false'])
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight })
  const figures: readonly [number[], number[]] = [[], []]
  let sent = 0
  for (const [at, program] of [on, off].entries()) {
    await subject.prepare(program)
    await cost(subject, program, agent, at * 1e9)
  }
  for (let round = 0; round < rounds; round++) {
    sent += subject.requests
    figures[0].push(await cost(subject, on, agent, sent))
    figures[1].push(await cost(subject, off, agent, sent))
  }
  const own = await selfCost(on)
  agent.destroy()
  await on.stop()
  await off.stop()
  const [least, without] = figures.map((some) => Math.min(...some)) as [number, number]
  return {
    label: subject.label,
    figures: {
      'CPU us a request': spread(figures[0]),
      'without telemetry': spread(figures[1]),
      'share %': ((100 * (least - without)) / least).toFixed(1),
      'self-measured us': own.toFixed(2),
      'self-measured %': ((100 * own) / least).toFixed(1),
    },
  }
}

/** Sends the requests of one round and returns the program's CPU time for one, us. */
async function cost(
  { requests, call }: Subject,
  program: ProgramProcess,
  agent: Agent,
  from: number,
): Promise<number> {
  const before = await program.cpuUs()
  let at = from
  const lane = async (): Promise<void> => {
    while (at < from + requests) await send(program.port, call(at++), {}, agent)
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return ((await program.cpuUs()) - before) / requests
}

async function selfCost({ port }: ProgramProcess): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const line = /^spate_telemetry_request_cost_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text)
  return Number(line?.[1] ?? Number.NaN) * 1e6
}

function spread(figures: readonly number[]): string {
  const sorted = figures.toSorted((a, b) => a - b)
  return `${(sorted[0] ?? 0).toFixed(1)} (median ${(sorted[sorted.length >> 1] ?? 0).toFixed(1)})`
}
