import type { Tracer } from '@opentelemetry/api'
import type { Request } from '@spate/http/exchange'
import type { RateLimiter } from '@spate/http/rate-limit'
import { clientKey } from '@spate/http/client-address'
import { Fault } from '@spate/runtime/fault'
import { spanNames } from '@spate/telemetry/names'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { OrderWatch } from '../order-watch.ts'
import type { TraceLinks } from '../orders/trace-links.ts'

/** What the routes work with. */
export interface Desk {
  readonly ledger: EmbeddedLedger
  readonly watch: OrderWatch
  readonly tracer: Tracer
  readonly links: TraceLinks
  readonly limiter: RateLimiter | undefined
  /** The buyer a request speaks for. Throws `invalid_field` or `unauthorized`. */
  readonly buyer: (request: Request, named: string | undefined) => string
}

/** Seconds to wait where the client is over its rate; undefined where it may go on. */
export function overRate(desk: Desk, request: Request): number | undefined {
  if (!desk.limiter) return undefined
  const decision = desk.limiter.take(clientKey(request.clientAddress))
  const allowed = decision.kind === 'allowed'
  const span = desk.tracer.startSpan(spanNames.rateLimitCheck, {}, request.context)
  span.setAttribute('allowed', allowed)
  span.end()
  return allowed ? undefined : decision.retryAfterMs / 1000
}

/** The Idempotency-Key of a request; empty where there is none. Throws `invalid_field`. */
export function idempotencyKey(request: Request): string {
  const key = request.headers.get('idempotency-key')
  if (key === undefined) return ''
  // oxlint-disable-next-line no-control-regex
  if (key.length >= 1 && key.length <= 128 && !/[^\u0020-\u007e]/.test(key)) return key
  throw new Fault('invalid_field', undefined, {
    fields: [
      {
        field: 'Idempotency-Key',
        value: key.slice(0, 80),
        expected: '1 to 128 visible ASCII characters',
      },
    ],
  })
}

/** The buyer named in the body. */
export function bodyBuyer(_request: Request, named: string | undefined): string {
  if (named !== undefined) return named
  throw new Fault('invalid_field', undefined, {
    fields: [{ field: 'userId', expected: 'a user id: 1 to 128 characters' }],
  })
}
