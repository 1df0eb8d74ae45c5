import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
} from '@opentelemetry/api'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { GrpcTelemetry } from './grpc-method.ts'
import { grpcFault, statusName } from './grpc-status.ts'
import { loadService, type ProtoMethod, type ProtoService } from './grpc-proto.ts'

/** Whom to call. */
export interface GrpcClientOptions {
  /** Path of the `.proto`. */
  readonly proto: string
  /** Full name of the service. */
  readonly name: string
  /** `host:port`. */
  readonly address: string
  readonly clock: Clock
  readonly telemetry?: Pick<GrpcTelemetry, 'tracer' | 'propagator'>
  /** Time a call may take where it says nothing, ms. Default 10,000. */
  readonly timeoutMs?: number
  readonly includeDirs?: readonly string[]
}

/** One call. */
export interface GrpcCallOptions {
  readonly timeoutMs?: number
  /** Parent of the call's span; it goes along as `traceparent` and `tracestate`. */
  readonly context?: Context
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** Request and answer types by method: `{ Purchase: [PurchaseRequest, PurchaseAnswer] }`. */
export type GrpcMethodTypes = Readonly<Record<string, readonly [request: object, answer: object]>>

/** Calls one service. */
export interface GrpcClient<Methods extends GrpcMethodTypes> {
  /** One answer. Throws a Fault with the server's own code, fields and retry time. */
  call<Name extends keyof Methods & string>(
    method: Name,
    request: Methods[Name][0],
    options?: GrpcCallOptions,
  ): Promise<Methods[Name][1]>
  /** Many answers; leaving the loop cancels the call. */
  stream<Name extends keyof Methods & string>(
    method: Name,
    request: Methods[Name][0],
    options?: GrpcCallOptions,
  ): AsyncGenerator<Methods[Name][1], void, undefined>
  close(): void
}

/** A client for one service; it connects on its first call. */
export async function createGrpcClient<Methods extends GrpcMethodTypes = GrpcMethodTypes>(
  options: GrpcClientOptions,
): Promise<GrpcClient<Methods>> {
  const service = await loadService(options.proto, options.name, options.includeDirs)
  return new ServiceClient<Methods>(service, options)
}

class ServiceClient<Methods extends GrpcMethodTypes> implements GrpcClient<Methods> {
  readonly #options: GrpcClientOptions
  readonly #service: ProtoService
  readonly #client: Client

  constructor(service: ProtoService, options: GrpcClientOptions) {
    this.#service = service
    this.#options = options
    this.#client = new Client(options.address, credentials.createInsecure())
  }

  call<Name extends keyof Methods & string>(
    method: Name,
    request: Methods[Name][0],
    options: GrpcCallOptions = {},
  ): Promise<Methods[Name][1]> {
    const proto = this.#method(method)
    const { metadata, deadline, span } = this.#begin(method, options)
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest<object, object>(
        proto.path,
        proto.requestSerialize,
        proto.responseDeserialize,
        request,
        metadata,
        { deadline },
        (caught, answer) => {
          options.signal?.removeEventListener('abort', cancel)
          if (caught) reject(endSpan(span, caught))
          else {
            endSpan(span, undefined)
            resolve(answer as Methods[Name][1])
          }
        },
      )
      const cancel = (): void => call.cancel()
      options.signal?.addEventListener('abort', cancel, { once: true })
      if (options.signal?.aborted) cancel()
    })
  }

  async *stream<Name extends keyof Methods & string>(
    method: Name,
    request: Methods[Name][0],
    options: GrpcCallOptions = {},
  ): AsyncGenerator<Methods[Name][1], void, undefined> {
    const proto = this.#method(method)
    const { metadata, deadline, span } = this.#begin(method, options)
    const call = this.#client.makeServerStreamRequest<object, object>(
      proto.path,
      proto.requestSerialize,
      proto.responseDeserialize,
      request,
      metadata,
      { deadline },
    )
    const cancel = (): void => call.cancel()
    options.signal?.addEventListener('abort', cancel, { once: true })
    let failed: Fault | undefined
    try {
      for await (const answer of call as AsyncIterable<object>) yield answer as Methods[Name][1]
    } catch (caught) {
      failed = endSpan(span, caught as ServiceError)
      throw failed
    } finally {
      call.cancel()
      options.signal?.removeEventListener('abort', cancel)
      if (!failed) endSpan(span, undefined)
    }
  }

  close(): void {
    this.#client.close()
  }

  #method(name: string): ProtoMethod {
    const method = this.#service.definition[name]
    if (!method) throw new Fault('not_implemented', `${this.#service.name} has no method ${name}`)
    return method
  }

  #begin(
    method: string,
    call: GrpcCallOptions,
  ): { metadata: Metadata; deadline: number; span: Span | undefined } {
    const { clock, telemetry, timeoutMs = 10_000 } = this.#options
    const context = call.context ?? ROOT_CONTEXT
    const name = `${this.#service.name}/${method}`
    const span = telemetry?.tracer.startSpan(
      name,
      { kind: SpanKind.CLIENT, attributes: { 'rpc.system.name': 'grpc', 'rpc.method': name } },
      context,
    )
    const metadata = new Metadata()
    for (const [key, value] of Object.entries(call.headers ?? {})) metadata.set(key, value)
    telemetry?.propagator.inject(span ? trace.setSpan(context, span) : context, metadata, {
      set: (carrier: Metadata, key, value) => carrier.set(key, value),
    })
    return { metadata, deadline: clock.now() + (call.timeoutMs ?? timeoutMs), span }
  }
}

function endSpan(span: Span | undefined, caught: ServiceError): Fault
function endSpan(span: Span | undefined, caught: undefined): undefined
function endSpan(span: Span | undefined, caught: ServiceError | undefined): Fault | undefined {
  const fault = caught && grpcFault(caught)
  span?.setAttribute('rpc.response.status_code', statusName(caught?.code ?? 0))
  if (fault) span?.setAttribute('error.type', fault.code).setStatus({ code: SpanStatusCode.ERROR })
  span?.end()
  return fault
}
