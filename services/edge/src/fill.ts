/**
 * A fill: one answer of an origin on its way in, shared by everybody who wants it.
 *
 * The naive way, every waiter waits until the body is stored, makes a waiter's first byte as late
 * as the origin's last one. Here a reader starts at the first byte the moment the head is known and
 * then follows; nobody copies anything.
 *
 * A fill that is kept (it will be stored) holds all its chunks until the end and runs at the
 * origin's pace; a client that goes away changes nothing. One that spills goes to disk instead, holds
 * a window only, and who reads slower than that reads back from the file. A fill that passes through drops each
 * chunk once its readers have it, pauses the origin while they lag, and ends with its last reader.
 */
import { Fault } from '@spate/runtime/fault'
import type { Spill } from './disk/spill.ts'
import type { OriginExchange } from './origins/origin.ts'
import type { Transient } from './transient.ts'

interface Reader {
  /** Index of the next chunk, counted from the fill's first; behind `bytes` where that was dropped. */
  at: number
  /** Bytes read so far. */
  bytes: number
}

/** The body of one origin response and those who read it. */
export class Fill {
  readonly #transient: Transient
  /** What of `#heldBytes` counts there. */
  #counted = 0
  #chunks: Uint8Array[] = []
  /** Chunks dropped so far: index of `#chunks[0]`. */
  #dropped = 0
  #droppedBytes = 0
  #heldBytes = 0
  #spill: Spill | undefined
  #abandon: () => void = () => {}
  #release: (() => Promise<void>) | undefined
  #totalBytes = 0
  #whole: Uint8Array | undefined
  #keep = false
  #paused = false
  #released = false
  #ended = false
  #fault: Fault | undefined
  #exchange: OriginExchange | undefined
  readonly #readers = new Set<Reader>()
  #news = Promise.withResolvers<void>()
  /** Called with the whole body where it was kept to the end; false where it is not stored after all. */
  onKept: ((body: Uint8Array | Spill, length: number) => boolean) | undefined
  /** Called once, however it ends. */
  onSettled: (() => void) | undefined

  constructor(transient: Transient) {
    this.#transient = transient
  }

  attach(exchange: OriginExchange): void {
    this.#exchange = exchange
  }

  get totalBytes(): number {
    return this.#totalBytes
  }

  /** True while a newcomer can still have the body from its first byte. */
  get fromStart(): boolean {
    return (this.#dropped === 0 || this.#spill !== undefined) && this.#fault === undefined
  }

  get ended(): boolean {
    return this.#ended
  }

  /** The body where all of it has come and is in memory: nobody need read it piece by piece. Undefined otherwise. */
  get whole(): Uint8Array | undefined {
    if (!this.#ended || this.#spill || this.#dropped > 0) return undefined
    return (this.#whole ??= this.#together())
  }

  /** Holds everything until the end. */
  keep(): void {
    this.#keep = true
  }

  /** True where it goes to disk as it comes. */
  get spilling(): boolean {
    return this.#spill !== undefined
  }

  /** Takes the body to disk, what has come included; `abandon` is called where it is not stored there. */
  spillTo(spill: Spill, abandon: () => void): void {
    this.#spill = spill
    this.#abandon = abandon
    this.#release = spill.file.hold()
    spill.onProgress = () => this.#spillWindow()
    for (const chunk of this.#chunks) spill.write(chunk)
    this.#spillWindow()
  }

  /** Goes on without being stored: too large, or its place was purged. */
  passThrough(): void {
    this.#keep = false
    this.#letGo()
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
    this.#count()
    this.#announce()
    if (!this.#keep) this.#settleWindow()
    else if (this.#spill) {
      this.#spill.write(chunk)
      this.#spillWindow()
    }
  }

  end(): void {
    if (this.#ended || this.#fault) return
    this.#ended = true
    if (this.#keep) {
      // A copy: a chunk may be a small part of a large block that it would keep in memory.
      this.#whole = this.#spill ? undefined : Buffer.concat(this.#chunks, this.#totalBytes)
      const body = this.#spill ?? (this.#whole as Uint8Array)
      if (this.onKept?.(body, this.#totalBytes)) this.#abandon = () => {}
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
    const reader: Reader = { at: 0, bytes: 0 }
    this.#readers.add(reader)
    this.#count()
    const leave = (): IteratorResult<Uint8Array> => {
      signal?.removeEventListener('abort', leave)
      this.#readers.delete(reader)
      this.#letFileGo()
      this.#count()
      if (!this.#keep) this.#settleWindow()
      return { done: true, value: undefined }
    }
    signal?.addEventListener('abort', leave, { once: true })
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      for (;;) {
        if (reader.bytes < this.#droppedBytes)
          return { done: false, value: await this.#readBack(reader) }
        const chunk = this.#chunks[reader.at - this.#dropped]
        if (chunk) {
          reader.at++
          reader.bytes += chunk.length
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

  #together(): Uint8Array {
    const [first] = this.#chunks
    return first && this.#chunks.length === 1
      ? first
      : Buffer.concat(this.#chunks, this.#totalBytes)
  }

  /** Says that whoever asked has its reader, or wants none: from now on a fill nobody reads ends. */
  release(): void {
    this.#released = true
    if (!this.#keep) this.#settleWindow()
  }

  /** The next bytes for a reader that the window has left behind. */
  async #readBack(reader: Reader): Promise<Uint8Array> {
    const spill = this.#spill as Spill
    const piece = await spill.read(reader.bytes, this.#droppedBytes - reader.bytes)
    reader.bytes += piece.length
    // Caught up with the window: from here on the chunks are in memory.
    if (reader.bytes === this.#droppedBytes) reader.at = this.#dropped
    return piece
  }

  /** Drops what is on disk, holds the origin back while the disk lags, gives up where it failed. */
  #spillWindow(): void {
    const spill = this.#spill
    if (!spill || !this.#keep) return
    if (spill.fault && !this.#ended) {
      this.passThrough()
      return
    }
    for (let first = this.#chunks[0]; first; first = this.#chunks[0]) {
      if (this.#heldBytes <= this.#transient.lagBytes) break
      if (this.#droppedBytes + first.length > spill.writtenBytes) break
      this.#drop()
    }
    this.#pace(spill.pendingBytes)
  }

  #drop(): void {
    const chunk = this.#chunks.shift() as Uint8Array
    this.#heldBytes -= chunk.length
    this.#droppedBytes += chunk.length
    this.#dropped++
    this.#count()
  }

  /** Held until the fill is over and read: a slow reader holds a whole body as much as one on its way. */
  #count(): void {
    const over = (this.#ended || this.#fault !== undefined) && this.#readers.size === 0
    const counts = over ? 0 : this.#heldBytes
    this.#transient.bytes += counts - this.#counted
    this.#counted = counts
  }

  /** Pauses the origin while `bytes` are more than the lag allows. */
  #pace(bytes: number): void {
    const { lagBytes } = this.#transient
    if (!this.#paused && bytes > lagBytes) {
      this.#paused = true
      this.#exchange?.pause()
    } else if (this.#paused && bytes <= lagBytes / 2) {
      this.#paused = false
      this.#exchange?.resume()
    }
  }

  /** Gives the spill up where it was not stored. */
  #letGo(): void {
    const abandon = this.#abandon
    this.#abandon = () => {}
    abandon()
  }

  #settleWindow(): void {
    let slowest = Infinity
    for (const reader of this.#readers) slowest = Math.min(slowest, reader.at)
    if (slowest === Infinity) {
      // Before `release` the reader is still on its way: the origin may be faster than a promise.
      if (this.#released && !this.#ended && !this.#fault) this.abort()
      slowest = this.#dropped
    }
    while (this.#dropped < slowest && this.#chunks.length > 0) this.#drop()
    this.#pace(this.#heldBytes)
  }

  #announce(): void {
    const news = this.#news
    this.#news = Promise.withResolvers<void>()
    news.resolve()
  }

  /** The file may go once nobody can need it: the fill is over, and read. */
  #letFileGo(): void {
    if (this.#readers.size > 0 || !(this.#ended || this.#fault)) return
    // Owner: the file, whose closing is nobody's concern here.
    void this.#release?.()
    this.#release = undefined
  }

  #settle(): void {
    this.#letGo()
    this.#count()
    this.#letFileGo()
    this.onSettled?.()
    this.onSettled = undefined
    this.onKept = undefined
  }
}
