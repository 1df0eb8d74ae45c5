import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { letterParams, lettersQuery, resolveBody } from '../contract.ts'
import type { LetterDesk } from '../orders/letter-desk.ts'

const path = '/seckill/dead-letters'
const noStore = ['cache-control', 'no-store']
const pageSize = 100

/** Work that failed for good: seen, retried, resolved. */
export function letterRoutes(desk: LetterDesk): Route[] {
  return [
    typedRoute({
      method: 'GET',
      path,
      name: 'listDeadLetters',
      summary: 'Changes of orders that could not be stored or sent, oldest first',
      admin: true,
      query: lettersQuery,
      refusals: [401],
      handler: async (_request, { query: { state, limit = pageSize, cursor: after = 0 } }) =>
        jsonResponse(200, await desk.letters.list({ state, limit, after }), noStore),
    }),
    typedRoute({
      method: 'POST',
      path: `${path}/{id}/retry`,
      name: 'retryDeadLetter',
      summary: 'Do the work of a letter again',
      admin: true,
      params: letterParams,
      refusals: [401, 404, 409],
      handler: async (_request, { params }) =>
        jsonResponse(200, await desk.retry(Number(params.id)), noStore),
    }),
    typedRoute({
      method: 'POST',
      path: `${path}/{id}/resolve`,
      name: 'resolveDeadLetter',
      summary: 'End a letter: compensate (the order is given up) or discard',
      admin: true,
      params: letterParams,
      body: resolveBody,
      refusals: [401, 404, 409],
      handler: async (_request, { params, body: { action, note = '' } }) =>
        jsonResponse(200, await desk.resolve(Number(params.id), action, note), noStore),
    }),
  ]
}
