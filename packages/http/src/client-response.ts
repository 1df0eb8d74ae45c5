import type { Readable } from 'node:stream'
import { Fault } from '@spate/runtime/fault'
import type { Headers } from './exchange.ts'

/** What a response needs of the call it belongs to. */
export interface ResponseSource {
  readonly status: number
  readonly headers: Headers
  readonly stream: Readable
  readonly bytesMax: number
  /** Called once, when the body is read, given up or broken. Returns the fault to throw, if any. */
  readonly settle: (caught: unknown, bytes: number) => Fault | undefined
}

/**
 * An answer whose head is in. Read its body once, or `discard` it: the connection is held until then
 * or until the deadline of the call.
 */
export class ClientResponse {
  readonly status: number
  readonly headers: Headers
  readonly #source: ResponseSource
  #taken = false

  constructor(source: ResponseSource) {
    this.status = source.status
    this.headers = source.headers
    this.#source = source
    // A body nobody reads may still break: that must not end the process.
    source.stream.on('error', () => {})
  }

  /** True for 200 to 299. */
  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  /** The body piece by piece. Throws `bad_gateway` past the limit or where it breaks off, `upstream_timeout`, `cancelled`. */
  async *stream(): AsyncGenerator<Uint8Array, void, undefined> {
    const { stream, bytesMax, settle } = this.#take()
    let total = 0
    let finished = false
    try {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        total += chunk.length
        if (total > bytesMax)
          throw new Fault('bad_gateway', `the answer is larger than ${bytesMax} bytes`, {
            retryable: false,
          })
        yield chunk
      }
      finished = true
    } catch (caught) {
      throw settle(caught, total) ?? caught
    } finally {
      if (!finished) stream.destroy()
      settle(undefined, total)
    }
  }

  /** The whole body. */
  async bytes(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    for await (const chunk of this.stream()) chunks.push(chunk)
    return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
  }

  /** The whole body as UTF-8. */
  async text(): Promise<string> {
    const bytes = await this.bytes()
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  }

  /** The whole body as JSON; throws `bad_gateway` where it is none. The caller checks its shape. */
  async json(): Promise<unknown> {
    const text = await this.text()
    try {
      return JSON.parse(text) as unknown
    } catch (caught) {
      throw new Fault('bad_gateway', 'the answer is not JSON', { cause: caught, retryable: false })
    }
  }

  /** Gives the body up. Reads a short rest so that the connection can be used again. */
  async discard(): Promise<void> {
    if (this.#taken) return
    try {
      for await (const chunk of this.stream()) if (chunk.length > 65_536) break
    } catch {
      // The caller did not want the body; how it ended is on the span.
    }
  }

  #take(): ResponseSource {
    if (this.#taken) throw new Fault('conflict', 'the body of this answer was read already')
    this.#taken = true
    return this.#source
  }
}
