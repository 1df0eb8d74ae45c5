import { Fault, errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { AdminToken } from './admin-token.ts'
import type { Handler, PreparedResponse, Request, Response } from './exchange.ts'
import { isPrepared } from './exchange.ts'
import { problem, problemText, textResponse } from './problem.ts'
import { RouteTable } from './route-table.ts'
import type { SchemaNode } from './field-rules.ts'

/** One thing a program answers. */
export interface Route {
  readonly method: string
  /**
   * Pattern: segments that are equal after percent-decoding, `{name}` for one segment, and
   * `{name...}` at the end for one or more. Equal segments win over `{name}`, that over `{name...}`.
   */
  readonly path: string
  readonly handler: Handler
  /** Name of the operation in the API document: `createCampaign`. */
  readonly name?: string
  /** Needs the admin token. */
  readonly admin?: boolean
  /** Schema of the JSON body, of the query, and of the answer on success: for the API document. */
  readonly body?: SchemaNode
  readonly query?: SchemaNode
  readonly answer?: SchemaNode
  /** One line for the API document. */
  readonly summary?: string
  /** Status on success, for the API document. Default 200. */
  readonly status?: number
  /** Statuses the handler refuses with, beside those of its inputs: for the API document. */
  readonly refusals?: readonly number[]
  /** Media types of the body and of the answer. Default `application/json`. */
  readonly consumes?: string
  readonly produces?: string
  /** Left out of the API document. */
  readonly hidden?: boolean
}

/** What a router needs beside its routes. */
export interface RouterOptions {
  readonly log: Log
  /** Needed where a route has `admin`. */
  readonly adminToken?: AdminToken
  /** Answers what no pattern matches, whatever its method; a 404 problem where absent. */
  readonly fallback?: Handler
  /** What `/problems/{code}` says of codes beyond those of faults; undefined where it has none. */
  readonly problemText?: (code: string) => string | undefined
  /** Turns a fault into an answer. Default `problem`. */
  readonly refuse?: (fault: Fault, request: Request) => Response
}

type Answer = Response | PreparedResponse

/** What the `type` of a problem leads to. */
function problemPage(own: RouterOptions['problemText']): Route {
  return {
    method: 'GET',
    path: '/problems/{code}',
    hidden: true,
    handler: ({ params }) => {
      const code = params['code'] ?? ''
      const text = own?.(code) ?? problemText(code)
      if (text === undefined) throw new Fault('not_found')
      return textResponse(200, text)
    },
  }
}

/** Most log lines on unexpected errors in a second; the rest are counted on the next line. */
export const errorLinesPerSecondMax = 20

/**
 * One handler for many routes. A request costs O(segments of its path). What a handler throws
 * becomes a problem: a `Fault` as it is; anything else `internal`, its text in the log only.
 * A handler that answers without a promise is answered without one.
 */
export function createRouter(routes: readonly Route[], options: RouterOptions): Handler {
  const { adminToken, fallback, refuse = problem } = options
  // A proxy has no paths of its own beyond its routes.
  const table = new RouteTable(fallback ? routes : [...routes, problemPage(options.problemText)])
  if (!adminToken && routes.some((route) => route.admin))
    throw new Fault('internal', 'a route is for admins, but the router has no admin token')
  const report = errorReport(options.log)

  const fail = (caught: unknown, request: Request, route: Route | undefined): Response => {
    const fault = Fault.from(caught)
    if (fault.code === 'internal') report(caught, request, route)
    const answer = refuse(fault, request)
    return route === undefined || answer.route !== undefined
      ? answer
      : { ...answer, route: route.path }
  }

  const run = (route: Route, request: Request): Answer | Promise<Answer> => {
    try {
      if (route.admin) adminToken?.require(request)
      const answer = route.handler(request)
      if (!(answer instanceof Promise)) return named(answer, route)
      return answer.then(
        (settled) => named(settled, route),
        (caught: unknown) => fail(caught, request, route),
      )
    } catch (caught) {
      return fail(caught, request, route)
    }
  }

  const unmatched = (request: Request): Answer | Promise<Answer> => {
    if (!fallback) return fail(new Fault('not_found'), request, undefined)
    try {
      const answer = fallback(request)
      return answer instanceof Promise
        ? answer.catch((caught: unknown) => fail(caught, request, undefined))
        : answer
    } catch (caught) {
      return fail(caught, request, undefined)
    }
  }

  return (request) => {
    const exact = table.exact(request.path)?.get(request.method)
    if (exact) return run(exact, request)
    if (request.path === '*') return allowed(table.methods())
    const match = table.match(request.path)
    if (match === 'malformed')
      return fallback ? unmatched(request) : fail(badPath(request.path), request, undefined)
    if (!match) return unmatched(request)
    const method = request.method
    const route =
      match.methods.get(method) ?? (method === 'HEAD' ? match.methods.get('GET') : undefined)
    if (route) {
      if (match.params) (request as { params: Request['params'] }).params = match.params
      return run(route, request)
    }
    const allow = allowOf(match.methods.keys())
    if (method === 'OPTIONS') return allowed(allow)
    const refusal = fail(notAllowed(method, allow), request, undefined)
    return { ...refusal, headers: [...refusal.headers, 'allow', allow] }
  }
}

function named(answer: Answer, route: Route): Answer {
  return isPrepared(answer) || answer.route !== undefined
    ? answer
    : { ...answer, route: route.path }
}

function allowed(allow: string): Response {
  return { status: 204, headers: ['allow', allow] }
}

/** Value of `Allow` (RFC 9110 section 10.2.1): HEAD comes with GET, OPTIONS always. */
function allowOf(methods: Iterable<string>): string {
  const names = new Set(methods)
  if (names.has('GET')) names.add('HEAD')
  names.add('OPTIONS')
  return [...names].sort().join(', ')
}

function notAllowed(method: string, allow: string): Fault {
  return new Fault('method_not_allowed', undefined, {
    fields: [{ field: 'method', value: method.slice(0, 80), expected: `one of ${allow}` }],
  })
}

function badPath(path: string): Fault {
  return new Fault('invalid_request', 'the path has bad percent-encoding', {
    fields: [{ field: 'path', value: path.slice(0, 80), expected: 'percent-encoded UTF-8' }],
  })
}

/** Logs an unexpected error, a bounded number of times a second, and puts it on the span. */
function errorReport(
  log: Log,
): (caught: unknown, request: Request, route: Route | undefined) => void {
  let windowStartMs = Number.NEGATIVE_INFINITY
  let lines = 0
  let suppressed = 0
  return (caught, request, route) => {
    // `internal` Faults that wrap something: the cause is what went wrong.
    const origin = caught instanceof Fault ? (caught.cause ?? caught) : caught
    request.span.recordException(origin instanceof Error ? origin : errorText(origin))
    if (request.arrivedMs - windowStartMs >= 1000) {
      windowStartMs = request.arrivedMs
      lines = 0
    }
    if (++lines > errorLinesPerSecondMax) return void suppressed++
    const { traceId, spanId } = request.span.spanContext()
    const stack = origin instanceof Error ? origin.stack?.split('\n')[1]?.trim() : undefined
    log.error(
      'a handler failed',
      {
        method: request.method,
        route: route?.path,
        at: stack,
        traceId,
        spanId,
        suppressed: suppressed || undefined,
      },
      caught,
    )
    suppressed = 0
  }
}
