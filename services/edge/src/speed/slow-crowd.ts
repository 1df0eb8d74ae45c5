/**
 * Two thousand clients that hold on to a server and give it next to nothing, as a process of its
 * own: `node slow-crowd.ts URL`. Prints a line ten times a second: connections opened so far, those
 * that ended, and the longest life of one of them, ms.
 */
import { connect, type Socket } from 'node:net'
import { systemClock } from '@spate/runtime/clock'
import { exit, onSignals, processHost } from '@spate/runtime/host'

/** How often a slow client does the little it does, ms; each at a time of its own. */
const dripMs = 4000
const tickMs = 20
/** Connections opened a second. */
const openRate = 500

/** Few readers, for the kernel keeps 3 MB for each of them; an answer larger than that. */
const plan = { heads: 900, bodies: 900, readers: 200, readPath: '/size/8388608' } as const

interface SlowClient {
  readonly begin: string
  readonly more: string
  readonly reads: boolean
}

/** All of `plan`, mixed. */
function clientsOf(host: string): SlowClient[] {
  const { heads, bodies, readers, readPath } = plan
  const common = `HTTP/1.1\r\nHost: ${host}\r\n`
  const head = { begin: `GET / ${common}`, more: 'x-a: b\r\n', reads: true }
  const length = 'Content-Length: 100000\r\n\r\n'
  const body = { begin: `POST /mine/1 ${common}${length}`, more: 'x', reads: true }
  // Blank lines before a request are allowed; writing is how a client that does not read hears of the end.
  const reader = { begin: `GET ${readPath} ${common}\r\n`, more: '\r\n', reads: false }
  const total = heads + bodies + readers
  const given = { heads: 0, bodies: 0 }
  return Array.from({ length: total }, (_, at) => {
    if (given.heads < (heads * (at + 1)) / total && given.heads++ < heads) return head
    if (given.bodies < (bodies * (at + 1)) / total && given.bodies++ < bodies) return body
    return reader
  })
}

let closed = 0
let longestMs = 0

function open(url: URL, { begin, more, reads }: SlowClient): Socket {
  let openedMs = systemClock.elapsed()
  const socket = connect(Number(url.port), url.hostname, () => {
    openedMs = systemClock.elapsed()
    if (!reads) socket.pause()
    socket.write(begin)
    const dripping = systemClock.every(dripMs, () => {
      if (socket.writable) socket.write(more)
      else dripping.cancel()
    })
  })
  socket.on('error', () => {
    // 'close' follows and is counted.
  })
  socket.on('data', () => {
    // The refusal; it is thrown away.
  })
  socket.on('close', () => {
    closed++
    longestMs = Math.max(longestMs, systemClock.elapsed() - openedMs)
  })
  return socket
}

const url = new URL(processHost.argv[0] ?? '')
const clients = clientsOf(url.host)
const total = clients.length
const startMs = systemClock.elapsed()
let opened = 0
const opening = systemClock.every(tickMs, () => {
  const due = Math.min(total, Math.ceil(((systemClock.elapsed() - startMs) * openRate) / 1000))
  for (; opened < due; opened++) open(url, clients[opened] as SlowClient)
  if (opened === total) opening.cancel()
})
systemClock.every(100, () => processHost.write(`${opened} ${closed} ${Math.round(longestMs)}\n`))
onSignals(() => exit(0))
await systemClock.sleep(60_000)
