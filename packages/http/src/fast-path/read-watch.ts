import type { Socket } from 'node:net'

/** Sees whether a client takes what is sent to it. Asked now and then; costs nothing in between. */
export class ReadWatch {
  readonly #socket: Socket
  #queued = 0
  #taken = 0
  #sinceMs = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Notes that `bytes` were written to the socket. */
  queued(bytes: number): void {
    this.#queued += bytes
  }

  /** Time since the client last took anything, ms; 0 where nothing waits for it. */
  stalledMs(nowMs: number): number {
    const waiting = this.#socket.writableLength
    const taken = this.#queued - waiting
    if (waiting === 0 || taken !== this.#taken || this.#sinceMs === 0) {
      this.#taken = taken
      this.#sinceMs = waiting === 0 ? 0 : nowMs
      return 0
    }
    return nowMs - this.#sinceMs
  }
}
