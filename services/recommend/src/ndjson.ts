import Type from 'typebox'
import type { Request } from '@spate/http/exchange'
import { jsonReader } from '@spate/http/json'
import { Fault } from '@spate/runtime/fault'
import { describe } from './ingest.ts'

/** Longest line of NDJSON, bytes. */
export const lineBytesMax: number = 64 * 1024
/** Refused lines that are named; further ones are only counted. */
export const rejectedMax = 1000

/** A line that was refused, and why; lines count from 1. */
export interface RejectedLine {
  readonly line: number
  readonly code: string
  readonly message: string
}

/** What became of the lines of a body. */
export interface TakenLines {
  readonly rejectedCount: number
  readonly rejected: readonly RejectedLine[]
}

/** What to do with lines. */
export interface LineTaker<Value> {
  /** What a line says; throws where it is refused. */
  readonly read: (value: unknown) => Value
  /** Takes some of them; the next lines are read when it is done. */
  readonly take: (batch: readonly Value[]) => Promise<unknown>
  readonly batchMax: number
}

/** True where the body was declared to be lines of JSON. */
export function isLines(request: Pick<Request, 'headers'>): boolean {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  return type === 'application/x-ndjson' || type === 'application/jsonl'
}

/**
 * Reads the body line by line; each bad line is named and the others are taken. As many lines as the
 * caller sends: what is held is one batch, and the connection waits while it is taken.
 */
export async function takeLines<Value>(
  request: Request,
  taker: LineTaker<Value>,
): Promise<TakenLines> {
  const reader = jsonReader(Type.Unknown(), { bytesMax: lineBytesMax })
  const rejected: RejectedLine[] = []
  let rejectedCount = 0
  let batch: Value[] = []
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await taker.take(batch)
    batch = []
  }
  let line = 0
  for await (const lines of linesOf(request.body.stream()))
    for (const bytes of lines) {
      line++
      const text = line === 1 ? withoutMark(bytes) : bytes
      if (isBlank(text)) continue
      try {
        batch.push(taker.read(reader.parse(text)))
      } catch (caught) {
        rejectedCount++
        if (rejected.length < rejectedMax) rejected.push({ line, ...describe(caught) })
      }
      if (batch.length >= taker.batchMax) await flush()
    }
  await flush()
  return { rejectedCount, rejected }
}

/** Throws `unsupported_media_type` where the body is not declared as lines of JSON, or JSON. */
export function requireLines(request: Request): void {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (!isLines(request) && type !== 'application/json')
    throw new Fault('unsupported_media_type', 'send application/x-ndjson')
}

const newline = 0x0a

/** The bytes behind a byte order mark, which some exports begin with. */
function withoutMark(bytes: Uint8Array): Uint8Array {
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  return marked ? bytes.subarray(3) : bytes
}

function isBlank(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) return false
  return true
}

const noBytes = new Uint8Array(0)

/**
 * Lines of a byte stream without their ends, those of a piece together; what runs past the limit is
 * cut just above it.
 */
async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Iterable<Uint8Array>> {
  let rest: Uint8Array = noBytes
  for await (const piece of pieces) {
    const last = piece.lastIndexOf(newline)
    if (last >= 0) {
      yield linesIn(rest, piece.subarray(0, last + 1))
      rest = noBytes
    }
    rest = joined(rest, piece.subarray(last + 1)).slice()
  }
  if (rest.length > 0) yield [rest]
}

/** Lines of a piece that ends with one; the first goes on with `rest`. */
function* linesIn(rest: Uint8Array, piece: Uint8Array): Generator<Uint8Array> {
  let from = 0
  for (let at = piece.indexOf(newline); at >= 0; at = piece.indexOf(newline, from)) {
    yield from === 0
      ? joined(rest, piece.subarray(0, at))
      : joined(noBytes, piece.subarray(from, at))
    from = at + 1
  }
}

/** Both one behind the other; no more than a line may hold and one byte, so that it is refused. */
function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = first.length === 0 ? second : Buffer.concat([first, second])
  return bytes.length > lineBytesMax ? bytes.subarray(0, lineBytesMax + 1) : bytes
}
