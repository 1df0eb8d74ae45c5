import type { Response } from '@spate/http/exchange'
import type { Html } from '@spate/http/html'

/** Sent with every page: nothing is kept, and nothing from elsewhere runs, loads or frames it. */
export const securityHeaders: readonly string[] = [
  'cache-control',
  'no-store',
  'content-security-policy',
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options',
  'nosniff',
  'referrer-policy',
  'same-origin',
]

/** `page` as an answer. */
export function pageResponse(page: Html, status = 200): Response {
  return {
    status,
    headers: ['content-type', 'text/html; charset=utf-8', ...securityHeaders],
    body: page.text,
  }
}
