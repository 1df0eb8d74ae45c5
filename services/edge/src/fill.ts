/**
 * A fill: one answer of an origin on its way in, shared by everybody who wants it.
 *
 * The naive way, every waiter waits until the body is stored, makes a waiter's first byte as late
 * as the origin's last one. Here a reader starts at the first byte the moment the head is known and
 * then follows; nobody copies anything.
 *
 * A fill that is kept (it will be stored) holds all its chunks until the end and runs at the
 * origin's pace; a client that goes away changes nothing. A fill that passes through drops each
 * chunk once its readers have it, pauses the origin while they lag, and ends with its last reader.
 */
import { Fault } from '@spate/runtime/fault'
import type { OriginExchange } from './origins/origin.ts'

/** Bytes a passing fill may be ahead of its slowest reader before the origin is paused. */
export const lagBytesMax = 1_048_576

interface Reader {
  /** Index of the next chunk, counted from the fill's first. */
  at: number
}

/** The body of one origin response and those who read it. */
export class Fill {
  #chunks: Uint8Array[] = []
  /** Chunks dropped so far: index of `#chunks[0]`. */
  #dropped = 0
  #heldBytes = 0
  #totalBytes = 0
  #keep = false
  #paused = false
  #released = false
  #ended = false
  #fault: Fault | undefined
  #exchange: OriginExchange | undefined
  readonly #readers = new Set<Reader>()
  #news = Promise.withResolvers<void>()
  /** Called with the whole body where it was kept to the end. */
  onKept: ((body: Uint8Array) => void) | undefined
  /** Called once, however it ends. */
  onSettled: (() => void) | undefined

  attach(exchange: OriginExchange): void {
    this.#exchange = exchange
  }

  get totalBytes(): number {
    return this.#totalBytes
  }

  /** True while a newcomer can still have the body from its first byte. */
  get fromStart(): boolean {
    return this.#dropped === 0 && this.#fault === undefined
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Bytes held in memory now. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Holds everything until the end. */
  keep(): void {
    this.#keep = true
  }

  /** Goes on without being stored: too large, or its place was purged. */
  passThrough(): void {
    this.#keep = false
    this.#settleWindow()
  }

  /** True where the body will be stored. */
  get kept(): boolean {
    return this.#keep
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#heldBytes += chunk.length
    this.#totalBytes += chunk.length
    this.#announce()
    if (!this.#keep) this.#settleWindow()
  }

  end(): void {
    if (this.#ended || this.#fault) return
    this.#ended = true
    if (this.#keep) {
      const body = Buffer.concat(this.#chunks, this.#totalBytes)
      this.onKept?.(body)
    }
    this.#announce()
    this.#settle()
  }

  fail(fault: Fault): void {
    if (this.#ended || this.#fault) return
    this.#fault = fault
    this.#announce()
    this.#settle()
  }

  /** Stops the origin; readers fail. */
  abort(): void {
    this.#exchange?.abort()
    this.fail(new Fault('cancelled', 'nobody wants this any more'))
  }

  /**
   * The body from the first byte. Breaking off early is fine: see the file's head. `signal` is the
   * client's: a reader that waits for the next chunk must hear that its client has gone.
   */
  reader(signal?: AbortSignal): AsyncIterableIterator<Uint8Array> {
    const reader: Reader = { at: 0 }
    this.#readers.add(reader)
    const leave = (): IteratorResult<Uint8Array> => {
      signal?.removeEventListener('abort', leave)
      this.#readers.delete(reader)
      if (!this.#keep) this.#settleWindow()
      return { done: true, value: undefined }
    }
    signal?.addEventListener('abort', leave, { once: true })
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      for (;;) {
        const chunk = this.#chunks[reader.at - this.#dropped]
        if (chunk) {
          reader.at++
          if (!this.#keep) this.#settleWindow()
          return { done: false, value: chunk }
        }
        if (this.#ended) return leave()
        if (this.#fault) {
          leave()
          throw this.#fault
        }
        await this.#news.promise
      }
    }
    return {
      next,
      return: () => Promise.resolve(leave()),
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /** Says that whoever asked has its reader, or wants none: from now on a fill nobody reads ends. */
  release(): void {
    this.#released = true
    if (!this.#keep) this.#settleWindow()
  }

  #settleWindow(): void {
    let slowest = Infinity
    for (const reader of this.#readers) slowest = Math.min(slowest, reader.at)
    if (slowest === Infinity) {
      // Before `release` the reader is still on its way: the origin may be faster than a promise.
      if (this.#released && !this.#ended && !this.#fault) this.abort()
      slowest = this.#dropped
    }
    while (this.#dropped < slowest && this.#chunks.length > 0) {
      this.#heldBytes -= (this.#chunks.shift() as Uint8Array).length
      this.#dropped++
    }
    if (!this.#paused && this.#heldBytes > lagBytesMax) {
      this.#paused = true
      this.#exchange?.pause()
    } else if (this.#paused && this.#heldBytes <= lagBytesMax / 2) {
      this.#paused = false
      this.#exchange?.resume()
    }
  }

  #announce(): void {
    const news = this.#news
    this.#news = Promise.withResolvers<void>()
    news.resolve()
  }

  #settle(): void {
    this.onSettled?.()
    this.onSettled = undefined
    this.onKept = undefined
  }
}
