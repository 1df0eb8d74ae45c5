/** An origin as a process of its own, for benchmarks: prints its URL; `GET /count` tells how much reached it. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '@spate/runtime/clock'
import { exit, onSignals, processHost } from '@spate/runtime/host'

type Answer = (response: ServerResponse, argument: string) => void

const hour = { 'cache-control': 'max-age=3600' }
let requests = 0

/** Paths are `/KIND/ARGUMENT`; the argument makes an object of its own, and is its size where that matters. */
const answers: Readonly<Record<string, Answer>> = {
  size: (response, bytes) => send(response, hour, Number(bytes)),
  // `/sized/BYTES-ANYTHING`: as many objects of one size as are asked for.
  sized: (response, argument) => send(response, hour, Number.parseInt(argument)),
  private: (response, argument) =>
    send(response, { 'cache-control': 'private' }, Number.parseInt(argument)),
  slow: (response) => void systemClock.after(1000, () => send(response, hour, 4)),
  mine: (response) =>
    void systemClock.after(300, () => send(response, { 'cache-control': 'private' }, 1)),
  stale: (response) =>
    void systemClock.after(300, () =>
      send(response, { 'cache-control': 'max-age=1, stale-while-revalidate=600' }, 1),
    ),
  trickle: (response) => {
    response.writeHead(200, hour)
    for (let at = 0; at < 20; at++)
      systemClock.after(at * 100, () => response.write('x'.repeat(512)))
    systemClock.after(2000, () => response.end())
  },
}

const filler = Buffer.alloc(8_388_608, 'x')

function send(response: ServerResponse, fields: Record<string, string>, bytes: number): void {
  response.writeHead(200, { ...fields, 'content-length': bytes }).end(filler.subarray(0, bytes))
}

const server = createServer((request, response) => {
  const [, kind = '', argument = ''] = (request.url ?? '').split('/')
  if (kind === 'count') {
    response.end(String(requests))
    return
  }
  requests++
  const answer = answers[kind]
  if (answer) answer(response, argument)
  else response.writeHead(404, { 'content-length': 0 }).end()
})
server.keepAliveTimeout = 60_000
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  processHost.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`),
)
onSignals(() => exit(0))
