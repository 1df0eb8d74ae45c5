import type { Tracer } from '@opentelemetry/api'
import type { Request, Response } from '@spate/http/exchange'
import { Fault } from '@spate/runtime/fault'
import { refusal } from '../answers.ts'
import type { Gate, GateRefusal } from '../gate/gate.ts'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { OrderWatch } from '../order-watch.ts'
import type { TraceLinks } from '../orders/trace-links.ts'

/** What the routes work with. */
export interface Desk {
  readonly ledger: EmbeddedLedger
  readonly watch: OrderWatch
  readonly tracer: Tracer
  readonly links: TraceLinks
  readonly gate: Gate
}

/** What the gate's refusal says to the caller. */
export function gateAnswer(refused: GateRefusal, request: Request): Response {
  if (refused.code !== 'rate_limited') return refusal(refused.code, request)
  const { scope, retryAfterMs } = refused.excess
  return refusal('rate_limited', request, { limit: scope }, retryAfterMs / 1000)
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
