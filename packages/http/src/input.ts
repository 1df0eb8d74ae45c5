import type { Static, TSchema } from 'typebox'
import type { Handler, PreparedResponse, Request, Response } from './exchange.ts'
import { jsonReader, schemaCheck, type JsonReaderOptions } from './json.ts'
import { queryReader } from './query.ts'
import type { Route } from './router.ts'
import { nodeOf } from './field-rules.ts'

/** What a typed handler gets beside the request; a part without a schema is undefined. */
export interface Input<Body, Query, Params> {
  readonly body: Body
  readonly query: Query
  readonly params: Params
}

type Of<Schema> = Schema extends TSchema ? Static<Schema> : undefined

type Described = Omit<Route, 'handler' | 'body' | 'query' | 'answer'>

/** A route whose inputs are checked before its handler runs. */
export interface TypedRoute<Body, Query, Params> extends Described, JsonReaderOptions {
  readonly body?: Body
  readonly query?: Query
  /** Schema of the path's parameters, an object of texts. */
  readonly params?: Params
  readonly answer?: TSchema
  /** True where the body may be left out; the handler then gets undefined. */
  readonly bodyOptional?: boolean
  readonly handler: (
    request: Request,
    input: Input<Of<Body>, Of<Query>, Of<Params>>,
  ) => Response | PreparedResponse | Promise<Response | PreparedResponse>
}

/**
 * A route with typed inputs. Where the body is in hand when the handler runs, all of it happens
 * in one turn; nothing is awaited.
 */
export function typedRoute<
  const Body extends TSchema | undefined = undefined,
  const Query extends TSchema | undefined = undefined,
  const Params extends TSchema | undefined = undefined,
>(spec: TypedRoute<Body, Query, Params>): Route {
  const {
    body,
    query,
    params,
    answer,
    bodyOptional = false,
    bytesMax,
    depthMax,
    handler,
    ...described
  } = spec
  const limits = {
    ...(bytesMax === undefined ? {} : { bytesMax }),
    ...(depthMax === undefined ? {} : { depthMax }),
  }
  const bodyReader = body && jsonReader(body, limits)
  const readQuery = query && queryReader(query)
  const checkParams = params && schemaCheck(params)
  type In = Input<Of<Body>, Of<Query>, Of<Params>>
  const handle: Handler = (request) => {
    const queried = readQuery?.read(request)
    const named = checkParams?.check(request.params)
    const go = (read: unknown): ReturnType<Handler> =>
      handler(request, { body: read, query: queried, params: named } as In)
    if (!bodyReader || (bodyOptional && isEmpty(request))) return go(undefined)
    const read = bodyReader.read(request)
    return read instanceof Promise ? read.then(go) : go(read)
  }
  return {
    ...described,
    handler: handle,
    ...(bodyReader ? { body: bodyReader.schema } : {}),
    ...(readQuery ? { query: readQuery.schema } : {}),
    ...(answer ? { answer: nodeOf(answer) } : {}),
  }
}

function isEmpty(request: Request): boolean {
  return request.body.length === 0 || request.body.whole?.length === 0
}
