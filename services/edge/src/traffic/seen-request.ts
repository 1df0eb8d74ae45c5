import {
  isPrepared,
  type PreparedResponse,
  type Request,
  type Response,
} from '@spate/http/exchange'
import { networkOf } from '@spate/telemetry/privacy'
import { cacheResultOf, type CacheResult } from '../domain/cache-result.ts'
import { cacheName } from '../domain/cache-status.ts'
import { fieldValue } from '../domain/fields.ts'
import type { LogRecord } from '../domain/log-filter.ts'

/** Letters of a path, and of a User-Agent, that are kept. */
export const pathLettersMax = 256
const agentLettersMax = 160

/** The result an answer of the edge tells; a prepared one is a hit, for nothing else is prepared. */
export function resultOf(answer: Response | PreparedResponse): CacheResult {
  return isPrepared(answer) ? 'hit' : cacheResultOf(fieldValue(answer.headers, 'cache-status'))
}

/** True where nothing was asked for the answer: not even an origin that then failed. */
export function fromStore(answer: Response | PreparedResponse): boolean {
  if (isPrepared(answer)) return true
  const field = fieldValue(answer.headers, 'cache-status') ?? ''
  return field.startsWith('hit', field.lastIndexOf(`${cacheName}; `) + cacheName.length + 2)
}

/** The client as it may be shown: its network, or its address where `whole`. */
export function shownClient({ clientAddress }: Request, whole: boolean): string {
  return whole ? clientAddress : networkOf(clientAddress)
}

/** `path` cut to what is kept; a cut one ends in `…`. */
export function keptPath(path: string): string {
  return path.length <= pathLettersMax ? path : `${path.slice(0, pathLettersMax)}…`
}

/** The User-Agent of a request, cut; empty where it has none. */
export function agentOf({ headers }: Request): string {
  return (headers.get('user-agent') ?? '').slice(0, agentLettersMax)
}

/** A request that was answered, as a record of the log. Never its query: that may hold anything. */
export function recordOf(
  request: Request,
  answer: Response | PreparedResponse,
  more: {
    readonly bytes: number
    readonly ms: number
    readonly time: string
    readonly wholeAddresses: boolean
  },
): LogRecord {
  return {
    time: more.time,
    method: request.method,
    host: request.host,
    path: keptPath(request.path),
    status: answer.status,
    cache: resultOf(answer),
    bytes: more.bytes,
    ms: Math.round(more.ms * 1000) / 1000,
    client: shownClient(request, more.wholeAddresses),
    agent: agentOf(request),
  }
}
