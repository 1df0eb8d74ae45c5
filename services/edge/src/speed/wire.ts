import { connect, type Socket } from 'node:net'

/** What is told of each answer. */
export type Answered = (answer: { readonly status: number; readonly bodyBytes: number }) => void

/**
 * One kept connection of a load generator: asks, counts the bytes of the answer and throws them away,
 * so that the generator costs less than what it measures. Answers need a Content-Length.
 */
export class Wire {
  readonly #socket: Socket
  readonly #host: string
  #answered: Answered | undefined
  #lost: (() => void) | undefined
  #head = ''
  #status = 0
  #length = 0
  #left = -1

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.#host = host
    socket.setNoDelay(true)
    socket.on('data', (piece: Buffer) => this.#took(piece))
    socket.on('error', () => {
      // 'close' follows and tells of it.
    })
    socket.on('close', () => this.#lost?.())
  }

  /** Resolves once connected; rejects where nobody listens. */
  static open(url: string): Promise<Wire> {
    const { hostname, port, host } = new URL(url)
    const { promise, resolve, reject } = Promise.withResolvers<Wire>()
    const socket = connect(Number(port), hostname, () => resolve(new Wire(socket, host)))
    socket.once('error', reject)
    return promise
  }

  /** Sends a GET; only once the answer to the one before has come. `lost` where the connection ends instead. */
  ask(path: string, answered: Answered, lost: () => void): void {
    this.#answered = answered
    this.#lost = lost
    if (this.#socket.destroyed) queueMicrotask(lost)
    else this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`)
  }

  close(): void {
    this.#lost = undefined
    this.#socket.destroy()
  }

  #took(piece: Buffer): void {
    let rest = piece.length
    if (this.#left < 0) {
      const before = this.#head.length
      this.#head += piece.toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#status = Number(this.#head.slice(9, 12))
      this.#length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head)?.[1] ?? Number.NaN)
      if (Number.isNaN(this.#length)) return void this.#socket.destroy()
      this.#left = this.#length
      rest = before + piece.length - end - 4
      this.#head = ''
    }
    this.#left -= rest
    if (this.#left > 0) return
    this.#left = -1
    const answered = this.#answered
    this.#answered = this.#lost = undefined
    answered?.({ status: this.#status, bodyBytes: this.#length })
  }
}
