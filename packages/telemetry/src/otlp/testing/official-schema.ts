import { createRequire } from 'node:module'

/** A message type of the official schema: what protobufjs generates for each. */
export interface OfficialType {
  decode(bytes: Uint8Array): object
  verify(plain: object): string | null
  toObject(message: object, options?: object): object
}

interface Collector {
  readonly trace: { readonly v1: { readonly ExportTraceServiceRequest: OfficialType } }
  readonly metrics: { readonly v1: { readonly ExportMetricsServiceRequest: OfficialType } }
  readonly logs: { readonly v1: { readonly ExportLogsServiceRequest: OfficialType } }
}

/**
 * The codecs that the OpenTelemetry project generated from its `.proto` files and shipped in
 * `@opentelemetry/otlp-transformer` 0.213, the last line to carry them: an outside judge.
 */
export const official = createRequire(import.meta.url)(
  'otlp-official/build/src/generated/root.js',
) as { readonly opentelemetry: { readonly proto: { readonly collector: Collector } } }
