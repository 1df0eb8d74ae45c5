import type { Span } from '@opentelemetry/api'
import { Fault, faultKinds, wireCode, type FaultCode } from '@spate/runtime/fault'
import type { Request, Response } from './exchange.ts'

/**
 * Failures as callers see them: `application/problem+json` (RFC 9457) with our stable `code` and
 * the trace to quote. The text of an unexpected error never gets here: `Fault.from` keeps it out.
 */

/** The part of a request a problem needs. */
export type ProblemRequest = Pick<Request, 'span'>

/** What a service may add to a problem. */
export interface ProblemOptions {
  /** Further members of the body; they win over ours (`success: false`, a code of the service). */
  readonly members?: Readonly<Record<string, unknown>>
  /** Further header lines, flat: `name, value`. */
  readonly headers?: readonly string[]
  /** Status in place of the fault's own. */
  readonly status?: number
}

/** Media type of every problem. */
export const problemType = 'application/problem+json'

/** The answer for `fault`; `request` undefined leaves `traceId` out. */
export function problem(
  fault: Fault,
  request: ProblemRequest | undefined,
  options: ProblemOptions = {},
): Response {
  const status = options.status ?? fault.status
  const traceId = request === undefined ? undefined : traceIdOf(request.span)
  const headers = ['content-type', problemType, 'cache-control', 'no-store']
  if (fault.retryAfterSeconds !== undefined)
    headers.push('retry-after', String(Math.max(0, Math.ceil(fault.retryAfterSeconds))))
  if (fault.code === 'unauthorized') headers.push('www-authenticate', 'Bearer realm="spate"')
  if (options.headers) headers.push(...options.headers)
  const body = JSON.stringify({
    type: `/problems/${wireCode(fault.code)}`,
    title: faultKinds[fault.code].title,
    status,
    detail: fault.message,
    code: wireCode(fault.code),
    ...(traceId === undefined ? {} : { traceId }),
    ...(fault.fields.length === 0 ? {} : { errors: fault.fields }),
    ...options.members,
  })
  return { status, headers, body, errorType: fault.code }
}

/** Any value as a JSON answer. `headers` is flat: `name, value`. */
export function jsonResponse(
  status: number,
  value: unknown,
  headers?: readonly string[],
): Response {
  return {
    status,
    headers: headers ? [...jsonHeaders, ...headers] : jsonHeaders,
    body: JSON.stringify(value),
  }
}

const jsonHeaders: readonly string[] = Object.freeze(['content-type', 'application/json'])

/** Hex trace id of `span`; undefined where it belongs to no trace. */
export function traceIdOf(span: Span): string | undefined {
  const { traceId } = span.spanContext()
  return traceId === '' || traceId === noTrace ? undefined : traceId
}

const noTrace = '0'.repeat(32)

/** Plain text in UTF-8. */
export function textResponse(
  status: number,
  text: string,
  headers: readonly string[] = [],
): Response {
  return {
    status,
    headers: ['content-type', 'text/plain; charset=utf-8', ...headers],
    body: text,
  }
}

/** What `/problems/{code}` says; undefined where there is no such code. */
export function problemText(code: string): string | undefined {
  const named = Object.entries(faultKinds).filter(([own]) => wireCode(own as FaultCode) === code)
  if (named.length === 0) return undefined
  const lines = named.map(([, { status, title, retryable }]) => {
    const again = retryable ? 'The same call may succeed later.' : 'The same call will fail again.'
    return `${title} (status ${status}). ${again}\n`
  })
  return `${code}\n\n${lines.join('')}`
}
