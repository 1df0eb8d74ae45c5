import type { Signal } from './model.ts'

/** One OTLP request, encoded and gzipped, on its way. */
export interface Parcel {
  readonly signal: Signal
  readonly format: 'protobuf' | 'json'
  /** Spans, points or records in it. */
  readonly count: number
  readonly body: Uint8Array
}

const signals: readonly Signal[] = ['traces', 'metrics', 'logs']
const headBytes = 6

/** A parcel as a journal record: signal, format, count (uint32), body. */
export function writeParcel(parcel: Parcel): Uint8Array {
  const bytes = Buffer.allocUnsafe(headBytes + parcel.body.length)
  bytes[0] = signals.indexOf(parcel.signal)
  bytes[1] = parcel.format === 'json' ? 1 : 0
  bytes.writeUInt32LE(parcel.count, 2)
  bytes.set(parcel.body, headBytes)
  return bytes
}

/** Reads what `writeParcel` wrote; undefined where it is something else. */
export function readParcel(record: Uint8Array): Parcel | undefined {
  const signal = signals[record[0] ?? -1]
  if (signal === undefined || record.length < headBytes) return undefined
  const view = Buffer.from(record.buffer, record.byteOffset, record.length)
  return {
    signal,
    format: record[1] === 1 ? 'json' : 'protobuf',
    count: view.readUInt32LE(2),
    body: new Uint8Array(view.subarray(headBytes)),
  }
}
