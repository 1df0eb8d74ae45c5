import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api'
import type { Fault } from '@spate/runtime/fault'

/** The client span of one try: semantic conventions for HTTP, stable. */
export function startSpan(
  { tracer }: { readonly tracer: Tracer },
  url: URL,
  call: { readonly method?: string; readonly template?: string; readonly context?: Context },
  attempt: number,
): Span {
  const method = call.method ?? 'GET'
  return tracer.startSpan(
    call.template === undefined ? method : `${method} ${call.template}`,
    {
      kind: SpanKind.CLIENT,
      attributes: {
        ...callAttributes(url, method),
        'url.full': fullUrl(url),
        ...(call.template === undefined ? {} : { 'url.template': call.template }),
        ...(attempt === 0 ? {} : { 'http.request.resend_count': attempt }),
      },
    },
    call.context ?? ROOT_CONTEXT,
  )
}

/** Attributes that span and metric share. */
export function callAttributes(url: URL, method: string): Attributes {
  return {
    'http.request.method': method,
    'server.address': url.hostname,
    'server.port': url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
    'url.scheme': url.protocol.slice(0, -1),
  }
}

/** Status and error type of a call that is over. */
export function outcome(status: number | undefined, fault: Fault | undefined): Attributes {
  const errorType = fault
    ? fault.code
    : status !== undefined && status >= 400
      ? `${status}`
      : undefined
  return {
    ...(status === undefined ? {} : { 'http.response.status_code': status }),
    ...(errorType === undefined ? {} : { 'error.type': errorType }),
  }
}

/** Ends `span`. To a client every 4xx and 5xx is an error. */
export function endSpan(span: Span, status: number | undefined, fault: Fault | undefined): void {
  const attributes = outcome(status, fault)
  span.setAttributes(attributes)
  if (attributes['error.type'] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

/** The URL without user and password. A query may hold personal data: values are left out. */
function fullUrl(url: URL): string {
  const query = [...url.searchParams.keys()].map((name) => `${encodeURIComponent(name)}=REDACTED`)
  return `${url.origin}${url.pathname}${query.length > 0 ? `?${query.join('&')}` : ''}`
}
