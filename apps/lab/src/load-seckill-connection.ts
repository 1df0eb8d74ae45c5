import { connect, type Socket } from 'node:net'

/** One answer. */
export interface RawAnswer {
  readonly status: number
  readonly body: string
}

const headEnd = Buffer.from('\r\n\r\n')

/**
 * One HTTP/1.1 connection that has one request under way at a time. It reads just what our own
 * server writes (Content-Length bodies): a load generator must cost less than what it measures.
 */
export class RawConnection {
  readonly #socket: Socket
  readonly opened: Promise<void>
  #unread: Buffer = Buffer.alloc(0)
  #done: ((answer: RawAnswer) => void) | undefined
  #failed: ((cause: Error) => void) | undefined
  #broken: Error | undefined

  /** `localAddress`: where it comes from; any of the machine's own where absent. */
  constructor(host: string, port: number, localAddress?: string) {
    const from = localAddress === undefined ? {} : { localAddress }
    this.#socket = connect({ host, port, noDelay: true, ...from })
    this.opened = new Promise((resolve, reject) => {
      this.#socket.once('connect', resolve)
      this.#socket.once('error', reject)
    })
    this.opened.catch(() => {})
    this.#socket.on('data', (bytes) => this.#read(bytes as Buffer))
    this.#socket.on('error', (cause) => this.#fail(cause))
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  /** True once it can carry no further request. */
  get broken(): boolean {
    return this.#broken !== undefined
  }

  /** Sends `request`, whole, and resolves to its answer; rejects where the connection breaks. */
  send(request: string): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#broken) return reject(this.#broken)
      this.#done = resolve
      this.#failed = reject
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(bytes: Buffer): void {
    const unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes])
    this.#unread = unread
    const end = unread.indexOf(headEnd)
    if (end < 0) return
    const head = unread.toString('latin1', 0, end).toLowerCase()
    const at = head.indexOf('content-length:')
    const length = at < 0 ? 0 : Number.parseInt(head.slice(at + 15, at + 30), 10)
    const total = end + 4 + length
    if (unread.length < total) return
    this.#unread = unread.subarray(total)
    const done = this.#done
    this.#done = undefined
    this.#failed = undefined
    done?.({
      status: Number.parseInt(head.slice(9, 12), 10),
      body: unread.toString('utf8', end + 4, total),
    })
  }

  #fail(cause: Error): void {
    this.#broken ??= cause
    const failed = this.#failed
    this.#done = undefined
    this.#failed = undefined
    failed?.(cause)
  }
}

/** A request as bytes of HTTP/1.1; `body` is JSON text. */
export function rawRequest(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const entity =
    body === ''
      ? ''
      : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}${entity}\r\n${body}`
}
