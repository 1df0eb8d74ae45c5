import { recordHeaderBytes, sealRecord, type RecordKind } from './record.ts'

const smallBytes = 256 * 1024
/** A buffer that a burst has grown past this is let go again once it is empty. */
const keptBytesMax = 4 * 1024 * 1024

/** Records that will be written with one write and made durable with one sync. Used again and again. */
export class Batch {
  #bytes: Uint8Array = new Uint8Array(smallBytes)
  #view: DataView = new DataView(this.#bytes.buffer)
  #used = 0
  #firstSequence = 0
  #lastSequence = 0
  #promise: Promise<void> | undefined
  #resolve: () => void = nothing
  #reject: (cause: unknown) => void = nothing

  get used(): number {
    return this.#used
  }

  get firstSequence(): number {
    return this.#firstSequence
  }

  get lastSequence(): number {
    return this.#lastSequence
  }

  /** The bytes to write; valid until `clear`. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#used)
  }

  /** Adds a record. All records of a batch name the same newest durable sequence: the one before it. */
  add(kind: RecordKind, sequence: number, payload: Uint8Array): void {
    if (this.#used === 0) this.#firstSequence = sequence
    const at = this.#used
    const end = at + recordHeaderBytes + payload.length
    if (end > this.#bytes.length) this.#grow(end)
    this.#bytes.set(payload, at + recordHeaderBytes)
    sealRecord(this.#bytes, this.#view, at, {
      kind,
      sequence,
      durableSequence: this.#firstSequence - 1,
      length: payload.length,
    })
    this.#used = end
    this.#lastSequence = sequence
  }

  /** Settles with this batch; one promise for all who ask. */
  settled(): Promise<void> {
    if (!this.#promise) {
      this.#promise = new Promise((resolve, reject) => {
        this.#resolve = resolve
        this.#reject = reject
      })
      // Whoever asked hears of a failure; a caller that stopped waiting must not end the process.
      this.#promise.catch(nothing)
    }
    return this.#promise
  }

  /** Empties the batch and wakes those who waited for it. */
  resolve(): void {
    this.#resolve()
    this.#clear()
  }

  /** Empties the batch and fails those who waited for it. */
  reject(cause: unknown): void {
    this.#reject(cause)
    this.#clear()
  }

  #clear(): void {
    this.#used = 0
    this.#promise = undefined
    this.#resolve = nothing
    this.#reject = nothing
    if (this.#bytes.length > keptBytesMax) this.#resize(smallBytes)
  }

  #grow(needed: number): void {
    let size = this.#bytes.length
    while (size < needed) size *= 2
    this.#resize(size)
  }

  #resize(size: number): void {
    const next = new Uint8Array(size)
    next.set(this.#bytes.subarray(0, this.#used))
    this.#bytes = next
    this.#view = new DataView(next.buffer)
  }
}

function nothing(): void {}
