import { Metadata, status, type StatusObject } from '@grpc/grpc-js'
import { fromJSON, type MessageTypeDefinition } from '@grpc/proto-loader'
import {
  Fault,
  faultKinds,
  type FaultCode,
  type FaultDetails,
  type FieldProblem,
  wireCode,
} from '@spate/runtime/fault'

/**
 * Faults as gRPC tells them: a status, and in `grpc-status-details-bin` a `google.rpc.Status` with
 * ErrorInfo (our code), BadRequest (the fields) and RetryInfo (the standard error model, AIP-193).
 */

/** Domain of our codes in ErrorInfo. */
export const errorDomain = 'spate'

const statusOf: Readonly<Record<FaultCode, status>> = {
  invalid_request: status.INVALID_ARGUMENT,
  invalid_field: status.INVALID_ARGUMENT,
  unauthorized: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  not_found: status.NOT_FOUND,
  method_not_allowed: status.UNIMPLEMENTED,
  request_timeout: status.DEADLINE_EXCEEDED,
  conflict: status.FAILED_PRECONDITION,
  payload_too_large: status.RESOURCE_EXHAUSTED,
  misdirected: status.NOT_FOUND,
  uri_too_long: status.INVALID_ARGUMENT,
  unsupported_media_type: status.INVALID_ARGUMENT,
  rate_limited: status.RESOURCE_EXHAUSTED,
  headers_too_large: status.RESOURCE_EXHAUSTED,
  cancelled: status.CANCELLED,
  internal: status.INTERNAL,
  not_implemented: status.UNIMPLEMENTED,
  bad_gateway: status.UNAVAILABLE,
  overloaded: status.UNAVAILABLE,
  store_unavailable: status.UNAVAILABLE,
  shutting_down: status.UNAVAILABLE,
  upstream_timeout: status.DEADLINE_EXCEEDED,
  settings_invalid: status.INTERNAL,
  address_in_use: status.INTERNAL,
  disk_full: status.UNAVAILABLE,
  disk_failed: status.UNAVAILABLE,
  data_corrupt: status.DATA_LOSS,
  data_locked: status.INTERNAL,
}

const codeOf: Readonly<Partial<Record<status, FaultCode>>> = {
  [status.CANCELLED]: 'cancelled',
  [status.INVALID_ARGUMENT]: 'invalid_request',
  [status.DEADLINE_EXCEEDED]: 'upstream_timeout',
  [status.NOT_FOUND]: 'not_found',
  [status.ALREADY_EXISTS]: 'conflict',
  [status.ABORTED]: 'conflict',
  [status.FAILED_PRECONDITION]: 'conflict',
  [status.PERMISSION_DENIED]: 'forbidden',
  [status.UNAUTHENTICATED]: 'unauthorized',
  [status.RESOURCE_EXHAUSTED]: 'rate_limited',
  [status.UNIMPLEMENTED]: 'not_implemented',
}

/** A fault that says more than its code: `reason` is a service's own code (`sold_out`). */
export class GrpcRefusal extends Fault {
  readonly reason: string
  /** Further facts, by name: the line of a cart. */
  readonly facts: Readonly<Record<string, string>>

  constructor(
    code: FaultCode,
    reason: string,
    message: string,
    more: FaultDetails & { readonly facts?: Readonly<Record<string, string>> } = {},
  ) {
    super(code, message, more)
    this.reason = reason
    this.facts = more.facts ?? {}
  }
}

/** What callers act on: a service's own code where there is one, else the fault's. */
export function reasonOfFault(fault: Fault): string {
  return fault instanceof GrpcRefusal ? fault.reason : wireCode(fault.code)
}

interface Details {
  readonly fields: readonly FieldProblem[]
  readonly reason: string | undefined
  readonly facts: Readonly<Record<string, string>>
  readonly retryAfterSeconds: number | undefined
}

/** What a server ends a failed call with. */
export function grpcStatus(fault: Fault): StatusObject {
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', encodeDetails(fault))
  return { code: statusOf[fault.code], details: fault.message, metadata }
}

/** Name of a status: `OK`, `NOT_FOUND`; the value of `rpc.response.status_code`. */
export function statusName(code: status): string {
  return status[code] ?? 'UNKNOWN'
}

/** The fault a client throws for a status: the server's own code where it is one of ours. */
export function grpcFault(told: Pick<StatusObject, 'code' | 'details' | 'metadata'>): Fault {
  const [bytes] = told.metadata.get('grpc-status-details-bin')
  const { reason, facts, fields, retryAfterSeconds } = Buffer.isBuffer(bytes)
    ? decodeDetails(bytes)
    : noDetails
  const known = reason !== undefined && Object.hasOwn(faultKinds, reason)
  const code = known ? (reason as FaultCode) : (codeOf[told.code] ?? 'bad_gateway')
  const more = { fields, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
  return reason === undefined || known
    ? new Fault(code, told.details, more)
    : new GrpcRefusal(code, reason, told.details, { ...more, facts })
}

const noDetails: Details = {
  fields: [],
  reason: undefined,
  facts: {},
  retryAfterSeconds: undefined,
}

interface Any {
  readonly typeUrl: string
  readonly value: Uint8Array
}

function encodeDetails(fault: Fault): Buffer {
  const facts = fault instanceof GrpcRefusal ? Object.entries(fault.facts) : []
  const metadata = facts.map(([key, value]) => ({ key, value }))
  const info = { reason: reasonOfFault(fault), domain: errorDomain, metadata }
  const details: Any[] = [any('ErrorInfo', info)]
  if (fault.fields.length > 0)
    details.push(
      any('BadRequest', {
        fieldViolations: fault.fields.map(({ field, value, expected }) => ({
          field,
          description: expected,
          // `reason` is where the standard has no place for the refused value.
          reason: value,
        })),
      }),
    )
  if (fault.retryAfterSeconds !== undefined) {
    const seconds = Math.floor(fault.retryAfterSeconds)
    const nanos = Math.round((fault.retryAfterSeconds - seconds) * 1e9)
    details.push(any('RetryInfo', { retryDelay: { seconds, nanos } }))
  }
  return messages('Status').serialize({
    code: statusOf[fault.code],
    message: fault.message,
    details,
  })
}

function decodeDetails(bytes: Buffer): Details {
  let fields: FieldProblem[] = []
  let reason: string | undefined
  let facts: Readonly<Record<string, string>> = {}
  let retryAfterSeconds: number | undefined
  try {
    const told = messages('Status').deserialize(bytes) as { details?: Any[] }
    for (const { typeUrl, value } of told.details ?? []) {
      const message = readDetail(typeUrl, Buffer.from(value))
      if (message?.domain === errorDomain) {
        reason = message.reason
        facts = Object.fromEntries((message.metadata ?? []).map(({ key, value }) => [key, value]))
      }
      if (message?.fieldViolations) fields = message.fieldViolations.map(problemOf)
      if (message?.retryDelay)
        retryAfterSeconds = message.retryDelay.seconds + message.retryDelay.nanos / 1e9
    }
  } catch {
    // Details of another server that we cannot read: the status itself still tells enough.
    return noDetails
  }
  return { fields, reason, facts, retryAfterSeconds }
}

/** One detail, whichever of the three it is; undefined for others. */
function readDetail(typeUrl: string, value: Buffer): Detail | undefined {
  const name = typeUrl.slice(typePrefix.length)
  const known = name === 'ErrorInfo' || name === 'BadRequest' || name === 'RetryInfo'
  if (!known || !typeUrl.startsWith(typePrefix)) return undefined
  return messages(name).deserialize(value)
}

interface Detail {
  readonly reason?: string
  readonly domain?: string
  readonly metadata?: readonly { readonly key: string; readonly value: string }[]
  readonly fieldViolations?: readonly Violation[]
  readonly retryDelay?: { readonly seconds: number; readonly nanos: number }
}

interface Violation {
  readonly field: string
  readonly description: string
  readonly reason?: string
}

function problemOf({ field, description, reason }: Violation): FieldProblem {
  return {
    field,
    expected: description,
    ...(reason === undefined || reason === '' ? {} : { value: reason }),
  }
}

type MessageName = 'Status' | 'ErrorInfo' | 'BadRequest' | 'RetryInfo'
const typePrefix = 'type.googleapis.com/google.rpc.'

function any(name: MessageName, message: object): Any {
  return { typeUrl: typePrefix + name, value: messages(name).serialize(message) }
}

function messages(name: MessageName): MessageTypeDefinition<object, object> {
  return rpc[`google.rpc.${name}`] as MessageTypeDefinition<object, object>
}

/** google/rpc/status.proto and error_details.proto, as far as we use them. */
const rpc = fromJSON(
  {
    nested: {
      google: {
        nested: {
          rpc: {
            nested: {
              Status: {
                fields: {
                  code: { type: 'int32', id: 1 },
                  message: { type: 'string', id: 2 },
                  details: { rule: 'repeated', type: 'Detail', id: 3 },
                },
              },
              // google.protobuf.Any by its fields: protobufjs would unpack the real one.
              Detail: {
                fields: { typeUrl: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } },
              },
              ErrorInfo: {
                fields: {
                  reason: { type: 'string', id: 1 },
                  domain: { type: 'string', id: 2 },
                  metadata: { rule: 'repeated', type: 'Fact', id: 3 },
                },
                // A map<string, string> as it is on the wire: our loader's types have no maps.
                nested: {
                  Fact: {
                    fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } },
                  },
                },
              },
              BadRequest: {
                fields: { fieldViolations: { rule: 'repeated', type: 'FieldViolation', id: 1 } },
                nested: {
                  FieldViolation: {
                    fields: {
                      field: { type: 'string', id: 1 },
                      description: { type: 'string', id: 2 },
                      reason: { type: 'string', id: 3 },
                    },
                  },
                },
              },
              RetryInfo: {
                fields: { retryDelay: { type: 'Duration', id: 1 } },
                nested: {
                  Duration: {
                    fields: { seconds: { type: 'int64', id: 1 }, nanos: { type: 'int32', id: 2 } },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
  { longs: Number, defaults: true, arrays: true },
)
