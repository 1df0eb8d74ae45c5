import { fieldValue, type FieldList } from './fields.ts'

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** True for a method that may change something, unknown ones included (RFC 9111 section 4.4). */
export function isUnsafe(method: string): boolean {
  return !safeMethods.has(method)
}

/**
 * Absolute URLs whose stored responses a response to an unsafe request makes invalid: the target,
 * and Location and Content-Location of the same origin; none for an error (RFC 9111 section 4.4).
 */
export function invalidated(
  request: { readonly method: string; readonly url: string },
  response: { readonly status: number; readonly headers: FieldList },
): string[] {
  if (!isUnsafe(request.method) || response.status < 200 || response.status >= 400) return []
  const target = new URL(request.url)
  const urls = new Set([request.url])
  for (const name of ['location', 'content-location']) {
    const value = fieldValue(response.headers, name)
    if (value === undefined || !URL.canParse(value, target)) continue
    const other = new URL(value, target)
    other.hash = ''
    if (other.origin === target.origin) urls.add(other.href)
  }
  return [...urls]
}
