import { Fault } from '@spate/runtime/fault'
import type { Headers } from '../exchange.ts'
import type { RefusalReason } from '../listener-counters.ts'
import type { ListenLimits } from '../listener-limits.ts'

/** A request line and header section as `node:http` gives them. */
export interface ParsedHead {
  readonly method: string
  readonly url: string
  readonly httpVersion: string
  readonly headers: Headers
}

/** A head that passed: what the handler may rely on. */
export interface CheckedHead {
  readonly kind: 'taken'
  /** Origin form, or `*`. */
  readonly target: string
  readonly host: string
}

/** A head that did not. */
export interface RefusedHead {
  readonly kind: 'refused'
  readonly reason: RefusalReason
  readonly fault: Fault
}

const refused = (reason: RefusalReason, fault: Fault): RefusedHead => ({
  kind: 'refused',
  reason,
  fault,
})
const bad = (why: string): RefusedHead => refused('bad_request', new Fault('invalid_request', why))

/**
 * What llhttp lets through and we do not: two `Host` lines or one that is no authority, an absolute
 * target that names another host, a target with a fragment or bytes that are not visible ASCII
 * (RFC 9112 sections 3.2 and 3.2.2), and whatever is over a bound. O(bytes of the head).
 */
export function checkHead(head: ParsedHead, limits: ListenLimits): CheckedHead | RefusedHead {
  const { raw } = head.headers
  if (head.url.length > limits.urlBytesMax) {
    return refused('url_too_long', new Fault('uri_too_long'))
  }
  if (raw.length / 2 > limits.headersMax) {
    return refused('too_many_headers', new Fault('headers_too_large'))
  }
  if (headBytes(head) > limits.headBytesMax) {
    return refused('head_too_large', new Fault('headers_too_large'))
  }
  if (/[^\x21-\x7e]|#/.test(head.url)) return bad('the target is not a plain URL')
  const hosts = head.headers.all('host')
  if (hosts.length > 1) return bad('there is more than one Host')
  if (hosts.length === 0 && head.httpVersion === '1.1') return bad('there is no Host')
  const host = hosts[0]?.toLowerCase()
  if (host !== undefined && !isAuthority(host)) return bad('the Host is not valid')
  return target(head, host ?? '')
}

function target(head: ParsedHead, host: string): CheckedHead | RefusedHead {
  const { url } = head
  if (url.startsWith('/')) return { kind: 'taken', target: url, host }
  if (url === '*' && head.method === 'OPTIONS') return { kind: 'taken', target: url, host }
  const absolute = /^https?:\/\/([^/?]+)(.*)$/i.exec(url)
  if (!absolute) return bad('the target has no form we take')
  const authority = (absolute[1] as string).toLowerCase()
  if (!isAuthority(authority)) return bad('the authority of the target is not valid')
  if (host !== '' && authority !== host) return bad('the target names another host than Host')
  const rest = absolute[2] as string
  const path = rest === '' ? '/' : rest.startsWith('/') ? rest : `/${rest}`
  return { kind: 'taken', target: path, host: authority }
}

/** A name, an IPv4 address or a bracketed IPv6 address, with or without a port (RFC 9110 section 7.2). */
function isAuthority(text: string): boolean {
  return /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{0,5})?$/.test(text)
}

/** Bytes of the head in its plainest spelling. */
function headBytes({ method, url, headers }: ParsedHead): number {
  let bytes = method.length + url.length + 12 + 2
  for (const text of headers.raw) bytes += text.length + 2
  return bytes
}
