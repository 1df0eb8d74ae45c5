import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import type { Case } from './corpus.ts'

/** A request as a server understood it. */
export interface Seen {
  readonly method: string
  readonly target: string
  readonly httpVersion: string
  readonly raw: readonly string[]
  /** Length and digest of the body. */
  readonly body: string
}

/** Everything a server said on one connection, up to its end. */
export interface Told {
  readonly seen: readonly Seen[]
  /** Statuses of answers that were refusals of the server's own, in order. */
  readonly refused: readonly number[]
  /** True where bytes came that are no HTTP answer. */
  readonly garbled: boolean
}

/** Header that carries what the server understood, so that answers to HEAD carry it too. */
export const seenHeader = 'x-seen'

/** `seen` as the value of `seenHeader`. */
export function written(seen: Seen): string {
  return Buffer.from(JSON.stringify(seen)).toString('base64')
}

/** Length and digest of a body. */
export function digest(body: Uint8Array): string {
  return `${body.length}:${createHash('sha1').update(body).digest('hex').slice(0, 12)}`
}

/** Asked last on every connection: whoever answers it had a clean connection. */
export const lastRequest = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

/** Says the case and the last request to a server, ends, and returns what it told. */
export async function dialogue(port: number, { packets }: Case): Promise<Told> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  socket.on('error', () => {})
  const told: Buffer[] = []
  socket.on('data', (chunk: Buffer) => told.push(chunk))
  const closed = new Promise<void>((resolve) => {
    socket.once('end', resolve)
    socket.once('close', () => resolve())
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  const last = packets.length - 1
  for (const [at, packet] of packets.entries()) {
    socket.write(Buffer.from(at === last ? packet + lastRequest : packet, 'latin1'))
    // Two turns: the server, in this process, reads each packet on its own.
    if (at < last)
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  await new Promise((resolve) => setImmediate(resolve))
  socket.end()
  await closed
  socket.destroy()
  return understood(Buffer.concat(told).toString('latin1'))
}

function understood(text: string): Told {
  const seen: Seen[] = []
  const refused: number[] = []
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at)
    const head = text.slice(at, end)
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1])
    if (end < 0 || Number.isNaN(status)) return { seen, refused, garbled: true }
    const given = new RegExp(`\r\n${seenHeader}: (\\S+)`, 'i').exec(head)?.[1]
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    at = end + 4
    if (/\r\ntransfer-encoding: chunked/i.test(head)) at = text.indexOf('0\r\n\r\n', at) + 5
    if (given !== undefined) {
      const one = JSON.parse(Buffer.from(given, 'base64').toString()) as Seen
      seen.push(one)
      if (one.method !== 'HEAD') at += length
    } else if (status >= 200) {
      refused.push(status)
      at += length
    }
  }
  return { seen, refused, garbled: false }
}
