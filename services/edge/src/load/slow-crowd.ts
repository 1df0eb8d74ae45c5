import { connect, type Socket } from 'node:net'
import { systemClock, type Timer } from '@spate/runtime/clock'

/** How often a slow client does the little it does, ms. */
const dripMs = 4000
const openEveryMs = 20

/** Who is in the crowd. */
export interface CrowdPlan {
  readonly url: string
  /** Clients that send a line of a head every four seconds. */
  readonly heads: number
  /** Clients that send a byte of a body every four seconds. */
  readonly bodies: number
  /** Clients that ask for `readPath` and do not read. */
  readonly readers: number
  /** An answer larger than what the kernel takes in for a client that does not read. */
  readonly readPath: string
  /** Connections opened a second. */
  readonly rate: number
}

interface SlowClient {
  readonly begin: string
  readonly more: string
  readonly reads: boolean
}

/** Sockets that hold on to a server and give it next to nothing. */
export class SlowCrowd {
  readonly size: number
  readonly #sockets: { readonly socket: Socket; readonly more: string }[] = []
  readonly #timers: readonly Timer[]
  #closed = 0
  #longestMs = 0

  constructor(plan: CrowdPlan) {
    const clients = clientsOf(plan)
    this.size = clients.length
    const startMs = systemClock.elapsed()
    const opening = systemClock.every(openEveryMs, () => {
      const due = Math.ceil(((systemClock.elapsed() - startMs) * plan.rate) / 1000)
      for (const client of clients.splice(0, due - this.#sockets.length)) this.#open(plan, client)
      if (clients.length === 0) opening.cancel()
    })
    const dripping = systemClock.every(dripMs, () => {
      for (const { socket, more } of this.#sockets) if (socket.writable) socket.write(more)
    })
    this.#timers = [opening, dripping]
  }

  /** Connections that ended so far, and the longest life of one of them, ms. */
  get reaped(): { readonly sockets: number; readonly longestMs: number } {
    return { sockets: this.#closed, longestMs: Math.round(this.#longestMs) }
  }

  /** Resolves once all ended, or after `timeoutMs`. */
  async allReaped(timeoutMs: number): Promise<void> {
    const until = systemClock.elapsed() + timeoutMs
    while (this.#closed < this.size && systemClock.elapsed() < until) await systemClock.sleep(50)
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel()
    for (const { socket } of this.#sockets) socket.destroy()
  }

  #open({ url }: CrowdPlan, { begin, more, reads }: SlowClient): void {
    const { hostname, port } = new URL(url)
    let openedMs = systemClock.elapsed()
    const socket = connect(Number(port), hostname, () => {
      openedMs = systemClock.elapsed()
      if (!reads) socket.pause()
      socket.write(begin)
    })
    socket.on('error', () => {
      // 'close' follows and is counted.
    })
    socket.on('data', () => {
      // The refusal; it is thrown away.
    })
    socket.on('close', () => {
      this.#closed++
      this.#longestMs = Math.max(this.#longestMs, systemClock.elapsed() - openedMs)
    })
    this.#sockets.push({ socket, more })
  }
}

/** All of `plan`, mixed. */
function clientsOf({ url, heads, bodies, readers, readPath }: CrowdPlan): SlowClient[] {
  const host = `HTTP/1.1\r\nHost: ${new URL(url).host}\r\n`
  const head = { begin: `GET / ${host}`, more: 'x-a: b\r\n', reads: true }
  const length = 'Content-Length: 100000\r\n\r\n'
  const body = { begin: `POST /mine/1 ${host}${length}`, more: 'x', reads: true }
  // Blank lines before a request are allowed; writing is how a client that does not read hears of the end.
  const reader = { begin: `GET ${readPath} ${host}\r\n`, more: '\r\n', reads: false }
  const total = heads + bodies + readers
  const given = { heads: 0, bodies: 0 }
  return Array.from({ length: total }, (_, at) => {
    if (given.heads < (heads * (at + 1)) / total && given.heads++ < heads) return head
    if (given.bodies < (bodies * (at + 1)) / total && given.bodies++ < bodies) return body
    return reader
  })
}
