import { fileURLToPath } from 'node:url'
import { createClientAddress } from '@spate/http/client-address'
import type { Handler } from '@spate/http/exchange'
import type { GrpcService } from '@spate/http/grpc'
import type { GrpcCall, GrpcMethod } from '@spate/http/grpc-method'
import { loadService } from '@spate/http/grpc-proto'
import { routeMethods, type Message } from '@spate/http/grpc-routes'
import type { Route } from '@spate/http/router'
import type { ProxySettings } from '@spate/http/settings'
import { Fault } from '@spate/runtime/fault'
import { wireLimits, type EventsAnswer } from '../contract.ts'
import type { Item } from '../domain/catalogue.ts'
import { describe, type Ingest } from '../ingest.ts'

/** The service's `.proto`. */
export const recommendProto: string = fileURLToPath(new URL('recommend.proto', import.meta.url))

/** The service's full name. */
export const recommendService = 'spate.recommend.v1.Recommend'

/** What the gRPC methods stand on. */
export interface GrpcParts {
  readonly routes: readonly Route[]
  readonly handler: Handler
  readonly ingest: Ingest
  /** Resolves once what was published before this call is applied, or after a short while. */
  readonly applied: () => Promise<void>
  readonly proxies: ProxySettings
  readonly elapsed: () => number
}

/** Methods whose HTTP body is a list, or lines. */
const lists: ReadonlySet<string> = new Set(['RecordEvents', 'PutItems'])

type Method = (message: Message, call: GrpcCall) => Promise<Message>

/** The engine by gRPC: the HTTP routes under their names, and many items in one message. */
export async function grpcService(parts: GrpcParts): Promise<GrpcService> {
  const { definition } = await loadService(recommendProto, recommendService)
  const { trustedProxies, forwardedHeader } = parts.proxies
  const names = Object.keys(definition).filter((name) => !lists.has(name))
  const adapt = Object.fromEntries(names.map((name) => [name, adapters[name] ?? plain]))
  const methods = routeMethods(names, {
    routes: parts.routes,
    handler: parts.handler,
    clientAddress: createClientAddress(trustedProxies, forwardedHeader),
    elapsed: parts.elapsed,
    adapt,
  }) as unknown as Record<string, Method>
  const answering = (name: string, change: (answer: Message) => Message): Method => {
    const method = methods[name] as Method
    return async (message, call) => change(await method(message, call))
  }
  const own: Record<string, GrpcMethod> = {
    RecordEvents: (message: Message, call: GrpcCall) => recordEvents(parts, message, call),
    PutItems: (message: Message, call: GrpcCall) => putItems(parts, message, call),
    PutItem: answering('PutItem', itemMessage),
    GetItem: answering('GetItem', itemMessage),
    GetFeatures: answering('GetFeatures', featuresMessage),
    PutFeatures: answering('PutFeatures', featuresMessage),
    Models: answering('Models', (answer) => ({ ...answer, json: JSON.stringify(answer) })),
  }
  return { proto: recommendProto, name: recommendService, methods: { ...methods, ...own } }
}

const adapters: Readonly<Record<string, (message: Message) => Message>> = {
  PutFeatures: (message) => ({ ...plain(message), features: valuesOf(message['features']) }),
  Recommend: (message) => {
    const values = valuesOf(message['context'])
    const { context: _, ...rest } = plain(message)
    return Object.keys(values).length === 0 ? rest : { ...rest, context: values }
  },
}

/** A message without what nobody set: empty lists say nothing in proto3, and absent messages are null. */
function plain(message: Message): Message {
  const members = Object.entries(message).flatMap(([name, value]) => {
    if (value === null || value === undefined) return []
    if (Array.isArray(value)) return value.length === 0 ? [] : [[name, value] as const]
    return [[name, typeof value === 'object' ? plain(value as Message) : value] as const]
  })
  return Object.fromEntries(members)
}

interface WireValue {
  readonly text?: string
  readonly number?: number
  readonly flag?: boolean
}

function valuesOf(given: unknown): Record<string, string | number | boolean> {
  const values: Record<string, string | number | boolean> = {}
  for (const [name, { text, number, flag }] of Object.entries(given as Record<string, WireValue>)) {
    const value = text ?? number ?? flag
    if (value === undefined) throw new Fault('invalid_field', undefined, { fields: [unset(name)] })
    values[name] = value
  }
  return values
}

const unset = (name: string): { field: string; expected: string } => ({
  field: name,
  expected: 'one of text, number, flag',
})

function featuresMessage(answer: Message): Message {
  const features = Object.entries(answer['features'] as Message).map(([name, value]) => [
    name,
    typeof value === 'string'
      ? { text: value }
      : typeof value === 'number'
        ? { number: value }
        : { flag: value },
  ])
  return { ...answer, features: Object.fromEntries(features) as Message }
}

/** `publishedAtMs` is what the engine calls it; on the wire it is the field it was sent in. */
function itemMessage({ publishedAtMs, ...item }: Message): Message {
  return publishedAtMs === undefined ? item : { ...item, publishedAt: publishedAtMs }
}

function recordEvents(
  { ingest }: GrpcParts,
  message: Message,
  call: GrpcCall,
): Promise<EventsAnswer> {
  return ingest.events(listOf(message, 'events').map(plain), call.context)
}

/** The list in `field`. Throws `payload_too_large` where it is longer than one call may be. */
function listOf(message: Message, field: string): readonly Message[] {
  const list = message[field] as readonly Message[]
  const most = wireLimits.eventsPerCallMax
  if (list.length <= most) return list
  throw new Fault('payload_too_large', undefined, {
    fields: [{ field, value: `${list.length} ${field}`, expected: `at most ${most} ${field}` }],
  })
}

async function putItems(
  { ingest, applied }: GrpcParts,
  message: Message,
  call: GrpcCall,
): Promise<Message> {
  const bodies = listOf(message, 'items')
  const items: Item[] = []
  const rejected: Message[] = []
  bodies.forEach((body, index) => {
    try {
      items.push(ingest.item(plain(body)))
    } catch (caught) {
      rejected.push({ index, ...describe(caught) })
    }
  })
  if (items.length > 0) await ingest.items(items, call.context)
  await applied()
  return { accepted: items.length, rejected }
}
