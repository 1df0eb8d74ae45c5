/**
 * The one typed error. Three kinds of bad news exist in Spate: an outcome (expected, returned as a
 * value), a fault (this class, thrown), and a bug (an assertion, the process stops).
 */

/** Where a fault began: the caller's request, our own code, or something we depend on. */
export type FaultSource = 'downstream' | 'internal' | 'upstream'

/** A stable name a program can act on. */
export type FaultCode =
  | 'invalid_request'
  | 'invalid_field'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'conflict'
  | 'payload_too_large'
  | 'uri_too_long'
  | 'misdirected'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'headers_too_large'
  | 'cancelled'
  | 'internal'
  | 'not_implemented'
  | 'bad_gateway'
  | 'overloaded'
  | 'store_unavailable'
  | 'shutting_down'
  | 'upstream_timeout'
  | 'settings_invalid'
  | 'address_in_use'
  | 'disk_full'
  | 'disk_failed'
  | 'data_corrupt'
  | 'data_locked'

interface FaultKind {
  readonly status: number
  readonly title: string
  readonly source: FaultSource
  /** True where the same call may succeed later. */
  readonly retryable: boolean
}

/** Every fault code with its HTTP status. `docs/reference/errors.md` lists exactly these. */
export const faultKinds: Readonly<Record<FaultCode, FaultKind>> = {
  invalid_request: {
    status: 400,
    title: 'The request cannot be understood',
    source: 'downstream',
    retryable: false,
  },
  invalid_field: {
    status: 422,
    title: 'A field of the request is not valid',
    source: 'downstream',
    retryable: false,
  },
  unauthorized: {
    status: 401,
    title: 'Credentials are missing or wrong',
    source: 'downstream',
    retryable: false,
  },
  forbidden: { status: 403, title: 'This is not allowed', source: 'downstream', retryable: false },
  not_found: {
    status: 404,
    title: 'There is nothing here',
    source: 'downstream',
    retryable: false,
  },
  method_not_allowed: {
    status: 405,
    title: 'The method is not allowed here',
    source: 'downstream',
    retryable: false,
  },
  request_timeout: {
    status: 408,
    title: 'The request took too long to arrive',
    source: 'downstream',
    retryable: true,
  },
  conflict: {
    status: 409,
    title: 'The request conflicts with the present state',
    source: 'downstream',
    retryable: false,
  },
  payload_too_large: {
    status: 413,
    title: 'The body is too large',
    source: 'downstream',
    retryable: false,
  },
  uri_too_long: {
    status: 414,
    title: 'The request target is too long',
    source: 'downstream',
    retryable: false,
  },
  misdirected: {
    status: 421,
    title: 'This host is not served here',
    source: 'downstream',
    retryable: false,
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not supported',
    source: 'downstream',
    retryable: false,
  },
  rate_limited: { status: 429, title: 'Too many requests', source: 'downstream', retryable: true },
  headers_too_large: {
    status: 431,
    title: 'The header section is too large',
    source: 'downstream',
    retryable: false,
  },
  cancelled: { status: 499, title: 'The caller went away', source: 'downstream', retryable: false },
  internal: {
    status: 500,
    title: 'Something went wrong on our side',
    source: 'internal',
    retryable: false,
  },
  not_implemented: {
    status: 501,
    title: 'This is not supported',
    source: 'downstream',
    retryable: false,
  },
  bad_gateway: {
    status: 502,
    title: 'An upstream gave an unusable answer',
    source: 'upstream',
    retryable: true,
  },
  overloaded: { status: 503, title: 'Too busy to answer now', source: 'internal', retryable: true },
  store_unavailable: {
    status: 503,
    title: 'A store cannot be reached',
    source: 'upstream',
    retryable: true,
  },
  shutting_down: {
    status: 503,
    title: 'The program is shutting down',
    source: 'internal',
    retryable: true,
  },
  upstream_timeout: {
    status: 504,
    title: 'An upstream did not answer in time',
    source: 'upstream',
    retryable: true,
  },
  settings_invalid: {
    status: 500,
    title: 'The settings are not valid',
    source: 'downstream',
    retryable: false,
  },
  address_in_use: {
    status: 500,
    title: 'The address is already in use',
    source: 'internal',
    retryable: false,
  },
  disk_full: { status: 503, title: 'The disk is full', source: 'upstream', retryable: true },
  disk_failed: { status: 503, title: 'The disk failed', source: 'upstream', retryable: false },
  data_corrupt: {
    status: 500,
    title: 'Stored data is damaged',
    source: 'upstream',
    retryable: false,
  },
  data_locked: {
    status: 500,
    title: 'The data folder is in use by another process',
    source: 'internal',
    retryable: false,
  },
}

/**
 * The code callers see: a request that cannot be read (400) and one with a field that is not valid
 * (422) are both `invalid_request`; the status and `errors` tell them apart.
 */
export function wireCode(code: FaultCode): string {
  return code === 'invalid_field' ? 'invalid_request' : code
}

/** One field that was refused, and what would have been accepted. */
export interface FieldProblem {
  /** Path of the field, as the caller wrote it: `items[2].quantity`. */
  readonly field: string
  /** The refused value, cut to 80 characters; absent where it was missing or is secret. */
  readonly value?: string
  /** What is accepted: `a whole number from 1 to 100`. */
  readonly expected: string
  /** Line of the settings file, from 1; absent elsewhere. */
  readonly line?: number
}

/** What may be said about a fault beside its code and message. */
export interface FaultDetails {
  readonly cause?: unknown
  readonly source?: FaultSource
  readonly retryable?: boolean
  /** Seconds after which a retry may succeed; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number
  readonly fields?: readonly FieldProblem[]
}

/** A failure with a code from the closed list and a message that is safe to show. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  readonly status: number
  readonly source: FaultSource
  readonly retryable: boolean
  readonly retryAfterSeconds: number | undefined
  readonly fields: readonly FieldProblem[]

  /** `message` is shown to callers: never put secrets or personal data in it. */
  constructor(code: FaultCode, message?: string, details: FaultDetails = {}) {
    const kind = faultKinds[code]
    super(message ?? kind.title, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.status = kind.status
    this.source = details.source ?? kind.source
    this.retryable = details.retryable ?? kind.retryable
    this.retryAfterSeconds = details.retryAfterSeconds
    this.fields = details.fields ?? []
  }

  /**
   * Makes anything that was caught a `Fault`. A `Fault` comes back as it is; an abort becomes
   * `cancelled`; anything else becomes `code`, with the original as `cause` and its text kept out
   * of the message.
   */
  static from(caught: unknown, code: FaultCode = 'internal'): Fault {
    if (caught instanceof Fault) return caught
    const systemCode = errorCode(caught)
    if (systemCode === 'ENOSPC' || systemCode === 'EDQUOT')
      return new Fault('disk_full', undefined, { cause: caught })
    if (systemCode === 'EIO' || systemCode === 'EROFS')
      return new Fault('disk_failed', undefined, { cause: caught })
    if (caught instanceof Error && caught.name === 'AbortError')
      return new Fault('cancelled', undefined, { cause: caught })
    return new Fault(code, undefined, { cause: caught })
  }
}

/** The system's error code (`ENOENT`, `ECONNRESET` ...) of anything caught; undefined if it has none. */
export function errorCode(caught: unknown): string | undefined {
  if (typeof caught !== 'object' || caught === null || !('code' in caught)) return undefined
  return typeof caught.code === 'string' ? caught.code : undefined
}

/** The text of anything caught, for logs; never for callers. */
export function errorText(caught: unknown): string {
  return caught instanceof Error ? caught.message : String(caught)
}

/** `value` as it may be shown in a problem: one line, at most 80 characters. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  // oxlint-disable-next-line no-control-regex
  const line = text.replaceAll(/[\u0000-\u001f\u007f]/g, '?')
  return line.length <= 80 ? line : `${line.slice(0, 79)}…`
}
