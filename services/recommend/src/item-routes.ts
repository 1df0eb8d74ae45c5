import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault, shown } from '@spate/runtime/fault'
import { itemBody } from './contract.ts'
import type { RecommendState } from './domain/state.ts'
import type { Ingest } from './ingest.ts'
import { requireLines, takeLines } from './ndjson.ts'

/** Items made durable together. */
const itemsPerBatch = 500

/** What the item routes stand on. */
export interface ItemRouteParts {
  readonly ingest: Ingest
  readonly state: RecommendState
  /** Resolves once what was published before this call is applied, or after a short while. */
  readonly applied: () => Promise<void>
}

/** Routes that write and read items. */
export function itemRoutes({ ingest, state, applied }: ItemRouteParts): Route[] {
  return [
    typedRoute({
      method: 'PUT',
      path: '/recommend/items/{itemId}',
      name: 'putItem',
      summary: 'Describes an item, new or known',
      body: itemBody,
      handler: async (request, { body }) => {
        const itemId = request.params['itemId'] ?? ''
        if (itemId.length > 200)
          throw new Fault('invalid_field', undefined, {
            fields: [{ field: 'itemId', value: shown(itemId), expected: 'at most 200 characters' }],
          })
        const item = ingest.item(body, itemId)
        if (state.catalogue.numberOf(itemId) === undefined) refuseWhenFull(state.catalogue)
        await ingest.items([item], request.context)
        await applied()
        return jsonResponse(200, item)
      },
    }),
    {
      method: 'GET',
      path: '/recommend/items/{itemId}',
      name: 'getItem',
      summary: 'An item as the engine knows it',
      refusals: [404],
      handler: (request) => {
        const itemId = request.params['itemId'] ?? ''
        const number = state.catalogue.numberOf(itemId)
        if (number === undefined) throw new Fault('not_found', `no item "${shown(itemId)}"`)
        return jsonResponse(200, state.catalogue.at(number))
      },
    },
    {
      method: 'POST',
      path: '/recommend/items',
      name: 'putItems',
      summary: 'Describes many items, one JSON object a line; bad lines are named, the rest taken',
      consumes: 'application/x-ndjson',
      handler: async (request) => {
        requireLines(request)
        let accepted = 0
        const taken = await takeLines(request, {
          read: (value) => ingest.item(value),
          take: async (batch) => {
            refuseWhenFull(state.catalogue)
            await ingest.items(batch, request.context)
            accepted += batch.length
          },
          batchMax: itemsPerBatch,
        })
        await applied()
        return jsonResponse(200, { accepted, ...taken })
      },
    },
  ]
}

function refuseWhenFull(catalogue: { readonly size: number; readonly itemsMax: number }): void {
  if (catalogue.size >= catalogue.itemsMax)
    throw new Fault('overloaded', `the catalogue is full (${catalogue.itemsMax} items)`)
}
