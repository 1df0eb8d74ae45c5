import { INVALID_SPAN_CONTEXT, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { Fault } from '@spate/runtime/fault'
import type { Request, RequestBody } from './exchange.ts'
import { HeaderList } from './header-list.ts'

/** What a test says of a request; the rest is plain. */
export interface TestRequest {
  readonly method?: string
  /** Path and query. Default `/`. */
  readonly target?: string
  /** By name. A text or bytes as `body` with no content type counts as `application/json`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** True makes the handler wait for the body. */
  readonly bodyLater?: boolean
  readonly clientAddress?: string
  readonly arrivedMs?: number
  readonly signal?: AbortSignal
}

/** A request for calling a handler without a listener. */
export function testRequest(given: TestRequest = {}): Request {
  const target = given.target ?? '/'
  const mark = target.indexOf('?')
  const headers = { ...given.headers }
  const bytes =
    typeof given.body === 'string' ? Buffer.from(given.body) : (given.body ?? Buffer.alloc(0))
  if (given.body !== undefined && headers['content-type'] === undefined)
    headers['content-type'] = 'application/json'
  const address = given.clientAddress ?? '127.0.0.1'
  return {
    method: given.method ?? (given.body === undefined ? 'GET' : 'POST'),
    target,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? '' : target.slice(mark + 1),
    host: headers['host'] ?? 'localhost',
    headers: new HeaderList(Object.entries(headers).flat()),
    body: testBody(bytes, given.bodyLater ?? false),
    httpVersion: '1.1',
    secure: false,
    peerAddress: address,
    clientAddress: address,
    arrivedMs: given.arrivedMs ?? 0,
    signal: given.signal ?? new AbortController().signal,
    span: trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
    context: ROOT_CONTEXT,
    params: {},
    interim: () => {},
  }
}

function testBody(bytes: Uint8Array, later: boolean): RequestBody {
  return {
    whole: later ? undefined : bytes,
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
