import type { Fault } from '@spate/runtime/fault'
import type { FieldList } from '../domain/fields.ts'

/** A request to an origin. */
export interface OriginRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Value of `Host`. */
  readonly host: string
  /** Lower-case names; without `host` and framing. */
  readonly headers: FieldList
  /** True where another try may be made on a connection the origin closed as we used it. */
  readonly retry: boolean
  /** Absent where there is none. */
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array
}

/** Takes an origin's answer as it comes. After `fail` or `end` nothing more is called. */
export interface OriginSink {
  /** Host and port of the origin that is asked now; again where another one is tried. */
  chosen?(name: string): void
  interim(status: number, headers: FieldList): void
  /** Final status and fields, names in lower case. */
  head(status: number, headers: FieldList): void
  data(chunk: Uint8Array): void
  end(): void
  /** `upstream_timeout` or `bad_gateway`; before or after `head`. */
  fail(fault: Fault): void
}

/** A request that is under way. */
export interface OriginExchange {
  pause(): void
  resume(): void
  /** Lets go of it; the sink hears nothing more. Idempotent. */
  abort(): void
}

/** Something that answers requests for the cache: one origin, a set of them, a peer. */
export interface Origin {
  send(request: OriginRequest, sink: OriginSink): OriginExchange
  /** Names of who would be asked for the key `host` + `target`, best first; absent where it is but one. */
  choices?(key: string): readonly string[]
  close(): Promise<void>
}
