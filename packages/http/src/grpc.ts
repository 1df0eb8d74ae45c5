import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation } from 'grpc-health-check'
import type { Clock } from '@spate/runtime/clock'
import { errorCode, Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { TSchema } from 'typebox'
import { CallRunner } from './grpc-call.ts'
import {
  grpcLimits,
  type GrpcCounters,
  type GrpcLimits,
  type GrpcMethod,
  type GrpcTelemetry,
} from './grpc-method.ts'
import { loadService, type ProtoService } from './grpc-proto.ts'

/**
 * A gRPC server from `.proto` files read at run time: typed handlers, health and reflection,
 * deadlines, trace context in, faults as statuses, bounded messages and calls, graceful drain.
 * Unary and server-streaming methods; no method of ours streams from the client.
 */

/** One service. */
export interface GrpcService {
  /** Path of the `.proto`. */
  readonly proto: string
  /** Full name: `spate.seckill.v1.Seckill`. */
  readonly name: string
  /** By method name as in the `.proto`: every method must be here, and no other. */
  readonly methods: Readonly<Record<string, GrpcMethod>>
  /** Schemas of request messages by method: ranges the `.proto` cannot state. */
  readonly requests?: Readonly<Record<string, TSchema>>
  readonly includeDirs?: readonly string[]
}

/** How to serve. */
export interface GrpcServerOptions {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  readonly services: readonly GrpcService[]
  readonly clock: Clock
  readonly log: Log
  readonly telemetry?: GrpcTelemetry
  readonly limits?: Partial<GrpcLimits>
  /** PEM texts; plain text where absent. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** A server that listens. */
export interface GrpcServer {
  readonly port: number
  /** `host:port`: the target for clients. */
  readonly address: string
  readonly counters: GrpcCounters
  /** What health says of every service. Serving from the start. */
  setServing(serving: boolean): void
  /** Says NOT_SERVING, lets calls under way finish, then closes; cuts them where `signal` aborts or `drainMs` is past. */
  close(signal?: AbortSignal): Promise<void>
}

/** Starts a gRPC server. Throws `address_in_use`, or `internal` where methods and `.proto` differ. */
export async function createGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const limits = { ...grpcLimits, ...options.limits }
  const server = new Server({
    'grpc.max_receive_message_length': limits.requestBytesMax,
    'grpc.max_send_message_length': limits.answerBytesMax,
    'grpc.max_metadata_size': limits.metadataBytesMax,
    'grpc.max_concurrent_streams': limits.streamsMax,
    // A peer that vanished without a word is noticed after 40 s.
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
  })
  const runner = new CallRunner({ ...options, limits })
  const names: string[] = []
  const packages: ProtoService['package'][] = []
  for (const service of options.services) {
    const loaded = await loadService(service.proto, service.name, service.includeDirs)
    server.addService(...implementation(loaded, service, runner))
    names.push(loaded.name)
    packages.push(loaded.package)
  }
  const health = new HealthImplementation(
    Object.fromEntries([...names, ''].map((name) => [name, 'SERVING'])),
  )
  health.addToServer(server)
  new ReflectionService(Object.assign({}, ...packages) as ProtoService['package'], {
    services: names,
  }).addToServer(server)
  const setServing = (serving: boolean): void => {
    for (const name of [...names, '']) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
  }
  const port = await bind(server, options)
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    port,
    address: `${host}:${port}`,
    counters: runner.counters,
    setServing,
    close: (signal) => {
      setServing(false)
      return drain(server, { clock: options.clock, drainMs: limits.drainMs, signal })
    },
  }
}

type Implementation = Parameters<Server['addService']>

function implementation(
  { name, definition }: ProtoService,
  service: GrpcService,
  runner: CallRunner,
): Implementation {
  const handlers: Record<string, unknown> = {}
  const guarded: Record<string, unknown> = {}
  const wanted = Object.keys(definition)
  const unknown = Object.keys(service.methods).find((method) => !wanted.includes(method))
  if (unknown !== undefined) throw new Fault('internal', `${name} has no method ${unknown}`)
  for (const [method, proto] of Object.entries(definition)) {
    const answer = service.methods[method]
    if (!answer) throw new Fault('internal', `${name}/${method} has no handler`)
    if (proto.requestStream)
      throw new Fault('internal', `${name}/${method} streams from the client`)
    guarded[method] = { ...proto, requestDeserialize: malformedAsValue(proto.requestDeserialize) }
    const schema = service.requests?.[method]
    const plan = runner.plan(`${name}/${method}`, answer, {
      streams: proto.responseStream,
      ...(schema ? { schema } : {}),
    })
    handlers[method] = proto.responseStream
      ? (call: ServerWritableStream<object, object>) => runner.stream(plan, call)
      : (call: ServerUnaryCall<object, object>, done: sendUnaryData<object>) =>
          runner.unary(plan, call, done)
  }
  return [guarded, handlers] as unknown as Implementation
}

/** grpc-js answers INTERNAL to bytes that are no message; it is the caller's fault, so we say so. */
function malformedAsValue(deserialize: (bytes: Buffer) => object): (bytes: Buffer) => object {
  return (bytes) => {
    try {
      return deserialize(bytes)
    } catch {
      return new Fault('invalid_request', 'the request is not a message of the declared type', {
        fields: [{ field: 'body', expected: 'a protobuf message of the declared type' }],
      })
    }
  }
}

function bind(server: Server, { host, port, tls }: GrpcServerOptions): Promise<number> {
  const credentials = tls
    ? ServerCredentials.createSsl(null, [
        { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) },
      ])
    : ServerCredentials.createInsecure()
  const name = host.includes(':') ? `[${host}]` : host
  return new Promise((resolve, reject) => {
    server.bindAsync(`${name}:${port}`, credentials, (caught, bound) => {
      if (!caught) return resolve(bound)
      const taken = errorCode(caught) === 'EADDRINUSE' || caught.message.includes('EADDRINUSE')
      reject(
        taken
          ? new Fault('address_in_use', `port ${port} is in use`, { cause: caught })
          : Fault.from(caught),
      )
    })
  })
}

function drain(
  server: Server,
  how: {
    readonly clock: Clock
    readonly drainMs: number
    readonly signal: AbortSignal | undefined
  },
): Promise<void> {
  return new Promise((resolve) => {
    const force = (): void => server.forceShutdown()
    const timer = how.clock.after(how.drainMs, force)
    how.signal?.addEventListener('abort', force, { once: true })
    server.tryShutdown(() => {
      timer.cancel()
      how.signal?.removeEventListener('abort', force)
      resolve()
    })
    if (how.signal?.aborted) force()
  })
}
