/** Crowds of clients, each made to fill one kind of memory, and the origin that feeds them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { Agent, request as send } from 'undici'
import { systemClock } from '@spate/runtime/clock'

const MiB = 1024 ** 2

/** What a crowd asks for, until `over` says that it is enough. */
export interface Crowd {
  readonly name: string
  readonly run: (url: string, over: () => boolean) => Promise<void>
}

const piece = Buffer.alloc(65_536, 'spate ')

/** `/{kind}/{bytes}/{name}`: kind `stored` may be kept, `passed` may not. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, kind, size] = (request.url ?? '').split('/')
  let left = Number(size)
  const control = kind === 'stored' ? 'max-age=3600' : 'no-store'
  response.writeHead(200, { 'cache-control': control, 'content-length': left })
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      const next = left >= piece.length ? piece : piece.subarray(0, left)
      left -= next.length
      if (!response.write(next)) return void response.once('drain', more)
    }
    response.end()
  }
  more()
}

/** An origin of bodies of any length. */
export function bodyServer(): Server {
  return createServer(answer)
}

let names = 0

/** `lanes` clients, each one request after the other. */
function askers(name: string, lanes: number, pathOf: (turn: number) => string): Crowd {
  return {
    name,
    run: async (url, over) => {
      const dispatcher = new Agent({ connections: lanes })
      const lane = async (): Promise<void> => {
        while (!over()) {
          const { body } = await send(`${url}${pathOf(names++)}`, { dispatcher })
          for await (const chunk of body) void chunk
        }
      }
      await Promise.all(Array.from({ length: lanes }, lane))
      await dispatcher.destroy()
    },
  }
}

/** Each asks, takes a little and hangs up. */
const leavers: Crowd = {
  name: 'aborted downloads',
  run: async (url, over) => {
    const lane = async (): Promise<void> => {
      while (!over()) {
        const kind = names % 2 === 0 ? 'stored' : 'passed'
        const socket = asked(url, `/${kind}/${10 * MiB}/${names++}`)
        await new Promise((resolve) => {
          socket.once('data', resolve)
          socket.once('close', resolve)
        })
        socket.destroy()
      }
    }
    await Promise.all(Array.from({ length: 16 }, lane))
  },
}

/** Each takes a piece now and then. */
const dawdlers: Crowd = {
  name: 'slow readers',
  run: async (url, over) => {
    const lane = async (_: unknown, at: number): Promise<void> => {
      while (!over()) {
        const kind = at % 2 === 0 ? 'stored' : 'passed'
        const socket = asked(url, `/${kind}/${10 * MiB}/${names++}`)
        while (!socket.destroyed && !over()) {
          socket.read(16_384)
          await systemClock.sleep(100)
        }
        socket.destroy()
      }
    }
    await Promise.all(Array.from({ length: 200 }, lane))
  },
}

function asked(url: string, path: string): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {
    // The edge may hang up on whoever is too slow.
  })
  socket.write(`GET ${path} HTTP/1.1\r\nhost: memory.example\r\n\r\n`)
  return socket
}

/** All of them. */
export const crowds: readonly Crowd[] = [
  askers('uncacheable', 32, (turn) => `/passed/${turn % 8 === 0 ? MiB : 20_000}/${turn}`),
  askers('large', 16, (turn) => `/stored/${(1 + (turn % 10)) * MiB}/${turn}`),
  askers('small', 32, (turn) => `/stored/${200 + (turn % 4000)}/${turn}`),
  leavers,
  dawdlers,
]
