import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '@spate/runtime/clock'

/** An origin for benchmarks that counts what reaches it. */
export interface BenchOrigin {
  readonly url: string
  requests: number
  stop(): void
}

type Answer = (response: ServerResponse, argument: string) => void

const hour = { 'cache-control': 'max-age=3600' }

/** Paths are `/KIND/ARGUMENT`; the argument makes an object of its own, and is its size where that matters. */
const answers: Readonly<Record<string, Answer>> = {
  size: (response, bytes) => send(response, hour, 'x'.repeat(Number(bytes))),
  // `/sized/BYTES-ANYTHING`: as many objects of one size as are asked for.
  sized: (response, argument) => send(response, hour, 'x'.repeat(Number.parseInt(argument))),
  private: (response, argument) =>
    send(response, { 'cache-control': 'private' }, 'x'.repeat(Number.parseInt(argument))),
  slow: (response) => void systemClock.after(1000, () => send(response, hour, 'slow')),
  mine: (response) =>
    void systemClock.after(300, () => send(response, { 'cache-control': 'private' }, 'm')),
  stale: (response) =>
    void systemClock.after(300, () =>
      send(response, { 'cache-control': 'max-age=1, stale-while-revalidate=600' }, 's'),
    ),
  trickle: (response) => {
    response.writeHead(200, hour)
    for (let at = 0; at < 20; at++)
      systemClock.after(at * 100, () => response.write('x'.repeat(512)))
    systemClock.after(2000, () => response.end())
  },
}

function send(response: ServerResponse, fields: Record<string, string>, body: string): void {
  response.writeHead(200, { ...fields, 'content-length': body.length }).end(body, 'latin1')
}

/** Starts the origin on a free port. */
export async function startBenchOrigin(): Promise<BenchOrigin> {
  const server = createServer((request, response) => {
    origin.requests++
    const [, kind = '', argument = ''] = (request.url ?? '').split('/')
    const answer = answers[kind]
    if (answer) answer(response, argument)
    else response.writeHead(404, { 'content-length': 0 }).end()
  })
  server.keepAliveTimeout = 60_000
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
