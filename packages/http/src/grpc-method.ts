import type { Context, Meter, Span, TextMapPropagator, Tracer } from '@opentelemetry/api'
import type { Headers } from './exchange.ts'

/** What a method gets beside its request. */
export interface GrpcCall {
  /** Full name: `spate.seckill.v1.Seckill/Purchase`. */
  readonly method: string
  /** The call's metadata, as headers; binary values are base64. */
  readonly headers: Headers
  /** Address of the peer, no port. */
  readonly peerAddress: string
  /** Ms left until the deadline of the call, when it began. */
  readonly timeLeftMs: number
  /** Aborts when the client cancels or the deadline passes. */
  readonly signal: AbortSignal
  readonly span: Span
  /** Parent for child spans and outgoing calls. */
  readonly context: Context
}

/** Answers one method: a message, its promise, or many messages where the `.proto` says `stream`. */
export type GrpcMethod = (request: never, call: GrpcCall) => unknown

/** The parts of telemetry a gRPC server uses. */
export interface GrpcTelemetry {
  readonly tracer: Tracer
  readonly meter: Meter
  readonly propagator: TextMapPropagator
}

/** Limits of a gRPC server. */
export interface GrpcLimits {
  /** Largest request message, bytes. Default 64 KiB. */
  readonly requestBytesMax: number
  /** Largest answer message, bytes. Default 4 MiB. */
  readonly answerBytesMax: number
  /** Metadata of one call, bytes. Default 16 KiB. */
  readonly metadataBytesMax: number
  /** Calls under way on one connection. Default 1,000. */
  readonly streamsMax: number
  /** Calls under way in all; more get UNAVAILABLE. Default 10,000. */
  readonly callsMax: number
  /** Time a unary call may take where the client sets no sooner deadline, ms. Default 30,000. */
  readonly callMsMax: number
  /** Time calls may take to finish once the server closes, ms. Default 10,000. */
  readonly drainMs: number
}

/** Limits where nothing else is said. */
export const grpcLimits: GrpcLimits = {
  requestBytesMax: 64 * 1024,
  answerBytesMax: 4 * 1024 * 1024,
  metadataBytesMax: 16 * 1024,
  streamsMax: 1000,
  callsMax: 10_000,
  callMsMax: 30_000,
  drainMs: 10_000,
}

/** What a server has done. */
export interface GrpcCounters {
  started: number
  ok: number
  failed: number
  /** Calls refused because too many were under way. */
  refused: number
}
