import type { Response } from '@spate/http/exchange'
import { jsonReader } from '@spate/http/json'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { orderJson } from '../answers.ts'
import { webhookBody } from '../contract.ts'
import type { PaymentNotice } from '../payments/cashier.ts'
import type { WebhookKey } from '../payments/webhook-key.ts'
import { orderAnswer, type OrderDesk } from './order-routes.ts'

/** Largest webhook, bytes. */
export const webhookBytesMax = 4096

const kinds: Readonly<Record<string, PaymentNotice['kind']>> = {
  'payment.pending': 'pending',
  'payment.succeeded': 'succeeded',
  'payment.failed': 'failed',
}

/** What the payment provider calls. */
export function paymentRoutes(desk: OrderDesk, key: WebhookKey): Route[] {
  const reader = jsonReader(webhookBody, { bytesMax: webhookBytesMax })
  return [
    {
      method: 'POST',
      path: '/seckill/payments/webhook',
      name: 'paymentWebhook',
      summary: 'A signed notice of the payment provider (Standard Webhooks); twice is once',
      body: reader.schema,
      refusals: [401, 404, 503],
      handler: async (request) => {
        const bytes = request.body.whole ?? (await request.body.bytes(webhookBytesMax))
        // Nothing of the body is looked at before it is known whose it is.
        key.check(request.headers, bytes, desk.ledger.now())
        const { type, data } = reader.parse(bytes)
        const kind = kinds[type]
        // Providers add kinds of events: one we do not know is taken, or they would send it for ever.
        if (!kind) return jsonResponse(200, { received: true, ignored: true })
        return await take(desk, { kind, ...data })
      },
    },
  ]
}

async function take(desk: OrderDesk, notice: PaymentNotice): Promise<Response> {
  const outcome = await desk.cashier.take(notice)
  if (outcome) return orderAnswer(desk, outcome, { received: true })
  const order = await desk.ledger.durableOrder(notice.orderId)
  return jsonResponse(200, { received: true, ...(order && orderJson(order)) })
}
