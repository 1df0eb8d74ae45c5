import { createHash } from 'node:crypto'
import type { Request, Response } from '@spate/http/exchange'
import type { Html } from '@spate/http/html'

/**
 * Answers with the right headers. There are three kinds: shared (any cache may keep it and it holds
 * nothing of a visitor), own (made for one visitor, never kept) and frozen (its name changes with
 * its bytes, kept for a year).
 */

/** Sent with every page: nothing from elsewhere runs, loads or frames it. */
export const securityHeaders: readonly string[] = [
  'content-security-policy',
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options',
  'nosniff',
  'referrer-policy',
  'same-origin',
  'cross-origin-opener-policy',
  'same-origin',
  'permissions-policy',
  'camera=(), geolocation=(), microphone=()',
]

const htmlType = 'text/html; charset=utf-8'

/** A strong validator for `body`. O(length). */
export function etagOf(body: string): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
}

/** True where `If-None-Match` names `etag` (RFC 9110 section 13.1.2, weak comparison). */
export function noneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header.trim() === '*') return true
  return header.split(',').some((given) => given.trim().replace(/^W\//, '') === etag)
}

/** Most pages whose last change is remembered; the oldest is forgotten first. */
export const stampsMax = 2000

/** Remembers when the bytes of a page last changed, so that `Last-Modified` tells the truth. */
export class PageStamps {
  readonly #stamps = new Map<string, { readonly etag: string; readonly changedMs: number }>()

  /** Wall time, ms, at which `path` was first seen with `etag` in a row. */
  changed(path: string, etag: string, nowMs: number): number {
    const before = this.#stamps.get(path)
    if (before?.etag === etag) return before.changedMs
    this.#stamps.delete(path)
    this.#stamps.set(path, { etag, changedMs: nowMs })
    const oldest = this.#stamps.keys().next()
    if (this.#stamps.size > stampsMax && !oldest.done) this.#stamps.delete(oldest.value)
    return nowMs
  }
}

/** How a shared answer may be kept. */
export interface Sharing {
  /** Time shared caches may keep it, ms; browsers keep it a tenth of that. */
  readonly freshMs: number
  /** Names for purging: `product-tea-01`. */
  readonly tags: readonly string[]
  /** Wall time of the last change, ms. */
  readonly changedMs: number
  /** True where a part was missing: kept for 2 s only, so that it comes back soon. */
  readonly partial?: boolean
}

/** A page any cache may keep. Answers 304 where the caller has these bytes already. */
export function sharedPage(request: Request, page: Html, sharing: Sharing): Response {
  return shared(request, { body: page.text, type: htmlType }, sharing)
}

/** Anything any cache may keep. */
export function shared(
  request: Request,
  content: { readonly body: string; readonly type: string },
  sharing: Sharing,
): Response {
  const etag = etagOf(content.body)
  const seconds = sharing.partial ? 2 : Math.floor(sharing.freshMs / 1000)
  const tags = sharing.tags.join(',')
  const headers = [
    'content-type',
    content.type,
    'cache-control',
    `public, max-age=${Math.floor(seconds / 10)}, s-maxage=${seconds}, stale-while-revalidate=${Math.max(1, Math.floor(seconds / 2))}, stale-if-error=600`,
    'cache-tag',
    tags,
    'surrogate-key',
    sharing.tags.join(' '),
    'etag',
    etag,
    'last-modified',
    new Date(sharing.changedMs).toUTCString(),
    ...securityHeaders,
  ]
  return noneMatch(request.headers.get('if-none-match'), etag)
    ? { status: 304, headers }
    : { status: 200, headers, body: content.body }
}

/** Bytes that never change under this name. */
export function frozen(request: Request, body: string, type: string): Response {
  const etag = etagOf(body)
  const headers = [
    'content-type',
    type,
    'cache-control',
    'public, max-age=31536000, immutable',
    'cache-tag',
    'assets',
    'etag',
    etag,
    ...securityHeaders,
  ]
  return noneMatch(request.headers.get('if-none-match'), etag)
    ? { status: 304, headers }
    : { status: 200, headers, body }
}

/** A page for one visitor, which no cache keeps. `cookie` is the value of `Set-Cookie`. */
export function ownPage(page: Html, cookie: string | undefined, status = 200): Response {
  return {
    status,
    headers: ['content-type', htmlType, ...privately(cookie), ...securityHeaders],
    body: page.text,
  }
}

/** Sends one visitor on with GET (303), without being kept. `path` is a path of ours. */
export function seeOther(path: string, cookie: string | undefined): Response {
  return { status: 303, headers: ['location', path, ...privately(cookie)], body: '' }
}

/** Headers of an answer no cache keeps. */
export function privately(cookie: string | undefined): string[] {
  const headers = ['cache-control', 'private, no-store']
  if (cookie !== undefined) headers.push('set-cookie', cookie)
  return headers
}
