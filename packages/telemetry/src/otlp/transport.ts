import type { Signal } from './model.ts'
import { ProtoReader } from './proto-reader.ts'

/**
 * Sending one OTLP request and what its answer means (OTLP specification 1.7, "Failures"): accepted,
 * perhaps in part, which is never sent again; worth another try; or refused for good.
 */

/** What became of a request. */
export type Sent =
  | { readonly kind: 'accepted'; readonly rejected: number; readonly message: string }
  | { readonly kind: 'retry'; readonly afterMs: number | undefined; readonly text: string }
  | { readonly kind: 'refused'; readonly text: string }

/** A way to send. Bodies are gzipped already. */
export interface Transport {
  readonly format: 'protobuf' | 'json'
  /** Sends `body`; never rejects. */
  send(signal: Signal, body: Uint8Array, timeoutMs: number): Promise<Sent>
  close(): void
}

/** Bytes of an answer that are read. */
export const answerBytesMax: number = 64 * 1024

/** Reads the partial success of an Export...ServiceResponse; broken bytes mean all was accepted. */
export function readAnswer(bytes: Uint8Array): Sent {
  let rejected = 0
  let message = ''
  try {
    const answer = new ProtoReader(bytes)
    while (answer.next()) {
      if (answer.field !== 1) {
        answer.skip()
        continue
      }
      const partial = answer.message()
      while (partial.next()) {
        if (partial.field === 1) rejected = Math.max(0, partial.int())
        else if (partial.field === 2) message = partial.string()
        else partial.skip()
      }
    }
  } catch {
    // The receiver said yes; what else it said cannot be read and changes nothing.
  }
  return { kind: 'accepted', rejected, message }
}

/** Like `readAnswer`, for JSON. */
export function readJsonAnswer(text: string): Sent {
  try {
    const { partialSuccess = {} } = JSON.parse(text) as {
      partialSuccess?: Record<string, unknown>
    }
    const rejected =
      partialSuccess['rejectedSpans'] ??
      partialSuccess['rejectedDataPoints'] ??
      partialSuccess['rejectedLogRecords'] ??
      0
    const message = partialSuccess['errorMessage']
    return {
      kind: 'accepted',
      rejected: Math.max(0, Number(rejected) || 0),
      message: typeof message === 'string' ? message : '',
    }
  } catch {
    return { kind: 'accepted', rejected: 0, message: '' }
  }
}

/** ms a `Retry-After` asks for: seconds or an HTTP date; undefined where it says nothing usable. */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)
}
