import { INVALID_SPAN_CONTEXT, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { Headers, Request, RequestBody } from '@spate/http/exchange'

const nothing = new Uint8Array(0)

const noBody: RequestBody = {
  whole: nothing,
  length: 0,
  bytes: () => Promise.resolve(nothing),
  // oxlint-disable-next-line no-empty-function
  async *stream() {},
}

/**
 * A GET this node makes for itself, through its own handler: it goes where a client's would go, to
 * the origin that is configured for its host and nowhere else. Clients speak plain HTTP to this
 * node, so its keys are those of `http:`, whatever scheme `url` has.
 */
export function ownRequest(
  url: URL,
  { headers, signal }: { readonly headers: Headers; readonly signal: AbortSignal },
): Request {
  return {
    method: 'GET',
    target: url.pathname + url.search,
    path: url.pathname,
    query: url.search.slice(1),
    host: url.host,
    headers,
    body: noBody,
    httpVersion: '1.1',
    secure: false,
    peerAddress: '127.0.0.1',
    clientAddress: '127.0.0.1',
    arrivedMs: 0,
    signal,
    span: trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
    context: ROOT_CONTEXT,
    params: {},
    interim: () => {},
  }
}
