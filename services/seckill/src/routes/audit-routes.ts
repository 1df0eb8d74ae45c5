import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { refusal } from '../answers.ts'
import type { Auditor } from '../audit/auditor.ts'
import { productParams } from '../contract.ts'
import type { Desk } from './desk.ts'

/** The three books compared. */
export function auditRoutes(desk: Desk, auditor: Auditor): Route[] {
  return [
    typedRoute({
      method: 'GET',
      path: '/seckill/audit/{productId}',
      name: 'audit',
      summary: 'Ledger, order store and log compared for one product',
      admin: true,
      params: productParams,
      refusals: [401, 404],
      handler: async (request, { params }) => {
        const campaign = desk.ledger.campaign(params.productId)
        if (!campaign) return refusal('product_not_found', request)
        return jsonResponse(200, await auditor.audit(campaign), ['cache-control', 'no-store'])
      },
    }),
  ]
}
