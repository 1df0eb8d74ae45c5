import { cacheName } from './cache-status.ts'
import { fieldValue, listMembers, withoutFields, type FieldList } from './fields.ts'

/** Fields that concern one connection only (RFC 9110 section 7.6.1, RFC 9111 section 3.1). */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Fields `Connection` may name without losing them: without these a message changes its meaning. */
const endToEnd: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'content-length',
  'content-type',
  'cookie',
  'date',
  'host',
  'set-cookie',
  'vary',
])

/** `headers` without hop-by-hop fields and those that `Connection` names; a new list. */
export function endToEndFields(headers: FieldList): string[] {
  const named = fieldValue(headers, 'connection')
  if (named === undefined) return withoutFields(headers, hopByHop)
  const dropped = new Set(hopByHop)
  for (const name of listMembers(named)) {
    const lower = name.toLowerCase()
    if (!endToEnd.has(lower)) dropped.add(lower)
  }
  return withoutFields(headers, dropped)
}

/**
 * Request fields a client could use to change what the origin answers without changing the cache
 * key (web cache poisoning), or that this node states itself. They never go on.
 */
const unkeyedFields: ReadonlySet<string> = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-prefix',
  'x-host',
  'x-http-host-override',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-host',
  'x-original-url',
  'x-real-ip',
  'x-rewrite-url',
  'http2-settings',
  'expect',
  'spate-peer',
  'traceparent',
  'tracestate',
  // Said anew for each hop.
  'host',
  'via',
  'content-length',
])

/** Conditions and ranges of the client: the cache asks for the whole and answers them itself. */
export const conditionFields: ReadonlySet<string> = new Set([
  'if-none-match',
  'if-modified-since',
  'if-range',
  'range',
])

/** What the node adds about the client. */
export interface Forwarded {
  readonly clientAddress: string
  readonly secure: boolean
  readonly host: string
  readonly httpVersion: string
}

/** Fields of the request that goes to the origin, without `Host` (RFC 9110 section 7.6). */
export function forwardedFields(
  headers: FieldList,
  by: Forwarded,
  drop: ReadonlySet<string>,
): string[] {
  const via = fieldValue(headers, 'via')
  const kept = withoutFields(endToEndFields(headers), unkeyedFields)
  const fields = drop.size === 0 ? kept : withoutFields(kept, drop)
  fields.push('via', viaValue(via, by.httpVersion))
  if (by.clientAddress !== '') fields.push('x-forwarded-for', by.clientAddress)
  fields.push('x-forwarded-proto', by.secure ? 'https' : 'http')
  if (by.host !== '') fields.push('x-forwarded-host', by.host)
  return fields
}

/** `Via` with this hop appended (RFC 9110 section 7.6.3). */
export function viaValue(received: string | undefined, httpVersion: string): string {
  const own = `${httpVersion} ${cacheName}`
  return received === undefined || received === '' ? own : `${received}, ${own}`
}

/** Times this node's pseudonym already stands in `Via`: more than a few means a loop. */
export function viaLoops(received: string | undefined): number {
  return listMembers(received).filter((hop) => hop.split(/\s+/)[1] === cacheName).length
}
