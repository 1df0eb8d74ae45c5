import { Fault, faultKinds, type FaultCode, type FieldProblem } from '@spate/runtime/fault'
import type { ClientAddress } from './client-address.ts'
import { isPrepared, type Handler, type Request, type RequestBody } from './exchange.ts'
import type { GrpcCall, GrpcMethod } from './grpc-method.ts'
import { GrpcRefusal } from './grpc-status.ts'
import { HeaderList } from './header-list.ts'
import type { Route } from './router.ts'

/**
 * gRPC methods that are the HTTP routes: method `PayOrder` is the route named `payOrder`. Fields of
 * the message that stand in the route's path go there; the others are its query (GET) or its JSON
 * body. So both wires run the same checks and the same use case, and cannot come to differ.
 */
export interface RouteMethodsOptions {
  readonly routes: readonly Route[]
  /** The router over `routes`. */
  readonly handler: Handler
  readonly clientAddress: ClientAddress
  /** Monotonic time, ms. */
  readonly elapsed: () => number
  /** Codes of the service whose gRPC status is not the one their HTTP status leads to. */
  readonly faults?: Readonly<Record<string, FaultCode>>
  /** Changes a message before it becomes a request, by method. */
  readonly adapt?: Readonly<Record<string, (message: Message) => Message>>
}

/** A message by its fields. */
export type Message = Readonly<Record<string, unknown>>

/** One handler for each of `names`. Throws `internal` where there is no route of that name. */
export function routeMethods(
  names: readonly string[],
  options: RouteMethodsOptions,
): Record<string, GrpcMethod> {
  const methods: Record<string, GrpcMethod> = {}
  for (const name of names) {
    const wanted = `${name.charAt(0).toLowerCase()}${name.slice(1)}`
    const route = options.routes.find((each) => each.name === wanted)
    if (!route) throw new Fault('internal', `no route is named ${wanted}`)
    const adapt = options.adapt?.[name]
    methods[name] = async (message: Message, call: GrpcCall) => {
      const request = requestOf(route, adapt ? adapt(message) : message, call, options)
      const answer = await options.handler(request)
      const { status, headers, body } = isPrepared(answer) ? answer.response() : answer
      const value = JSON.parse(typeof body === 'string' ? body : '{}') as Problem
      if (status < 400) return value
      throw refusalOf(status, value, new HeaderList(headers).get('retry-after'), options.faults)
    }
  }
  return methods
}

function requestOf(
  route: Route,
  message: Message,
  call: GrpcCall,
  { clientAddress, elapsed }: RouteMethodsOptions,
): Request {
  const rest: Record<string, unknown> = { ...message }
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest[name]
    delete rest[name]
    if (typeof value === 'string' && value !== '') return encodeURIComponent(value)
    throw new Fault('invalid_field', undefined, {
      fields: [{ field: name, value: '', expected: 'text of at least 1 characters' }],
    })
  })
  const reads = route.method === 'GET'
  const query = reads ? queryOf(rest) : ''
  const headers = call.headers.raw.filter((_, at, all) => !framing.has(nameAt(all, at)))
  const bytes = reads ? Buffer.alloc(0) : Buffer.from(JSON.stringify(rest))
  if (!reads) headers.push('content-type', 'application/json')
  return {
    method: route.method,
    target: query === '' ? path : `${path}?${query}`,
    path,
    query,
    host: '',
    headers: new HeaderList(headers),
    body: wholeBody(bytes),
    httpVersion: '2',
    secure: false,
    peerAddress: call.peerAddress,
    clientAddress: clientAddress(call.peerAddress, call.headers),
    arrivedMs: elapsed(),
    signal: call.signal,
    span: call.span,
    context: call.context,
    params: {},
    interim: () => {},
  }
}

/** Metadata that speaks of the message as gRPC frames it, not of the body we make. */
const framing = new Set(['content-type', 'content-length', 'content-encoding'])

const nameAt = (raw: readonly string[], at: number): string =>
  (raw[at - (at % 2)] ?? '').toLowerCase()

function queryOf(fields: Message): string {
  return Object.entries(fields)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
    .join('&')
}

function wholeBody(bytes: Buffer): RequestBody {
  return {
    whole: bytes,
    length: bytes.length,
    bytes: (bytesMax = Number.POSITIVE_INFINITY) =>
      bytes.length > bytesMax
        ? Promise.reject(new Fault('payload_too_large'))
        : Promise.resolve(bytes),
    async *stream() {
      yield bytes
    },
  }
}

interface Problem extends Message {
  readonly code?: string
  readonly detail?: string
  readonly message?: string
  readonly errors?: readonly FieldProblem[]
}

const problemMembers = new Set(
  'type title status detail code traceId errors success message'.split(' '),
)

/** A problem as gRPC tells it: status by HTTP's, the code as reason, other members as facts. */
function refusalOf(
  status: number,
  { code = '', message, detail, errors = [], ...others }: Problem,
  retryAfter: string | undefined,
  faults: Readonly<Record<string, FaultCode>> = {},
): GrpcRefusal {
  const facts: Record<string, string> = {}
  for (const [name, value] of Object.entries(others))
    if (!problemMembers.has(name)) facts[name] = String(value)
  const fault = faults[code] ?? (Object.hasOwn(faultKinds, code) ? code : faultOfStatus(status))
  return new GrpcRefusal(fault as FaultCode, code, message ?? detail ?? '', {
    fields: errors,
    facts,
    ...(retryAfter === undefined ? {} : { retryAfterSeconds: Number(retryAfter) }),
  })
}

function faultOfStatus(status: number): FaultCode {
  const found = Object.entries(faultKinds).find(([, kind]) => kind.status === status)
  return (found?.[0] ?? 'internal') as FaultCode
}
