import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import { explainQuery, purgeBody, purgeBytesMax, type PurgeAnswer } from './contract.ts'
import { explain } from './explain.ts'
import type { Edge } from './edge.ts'
import { purgeHopField, type PurgeFanOut } from './peers/purge-fan-out.ts'
import type { ReloadAnswer } from './reload.ts'

/** What the admin calls act on. */
export interface AdminParts {
  readonly edge: Edge
  /** Takes up the settings as they are now. Throws `settings_invalid` and changes nothing where they are bad. */
  readonly reload: () => ReloadAnswer
  /** Carries purges to other nodes; absent where there can be none. */
  readonly fanOut?: PurgeFanOut
}

/** Admin calls of the edge. */
export function adminRoutes({ edge, reload, fanOut }: AdminParts): Route[] {
  return [
    typedRoute({
      method: 'POST',
      path: '/purge',
      name: 'purge',
      summary: 'Removes stored responses, or marks them stale',
      admin: true,
      body: purgeBody,
      bytesMax: purgeBytesMax,
      handler: async (request, { body }) => {
        const { urls = [], tags = [], prefixes = [], hosts = [], all = false, soft = false } = body
        if (!all && urls.length + tags.length + prefixes.length + hosts.length === 0)
          throw new Fault('invalid_request', 'name urls, tags, prefixes or hosts, or say all')
        const keys = urls.flatMap((url) => edge.keysOfUrl(url))
        const order = {
          keys,
          tags,
          prefixes,
          hosts: hosts.map((host) => host.toLowerCase()),
          all,
          soft,
        }
        const hop = request.headers.has(purgeHopField)
        const local = (): Promise<number> => edge.transfers.purgeForGood(order, hop)
        // A peer's purge is for this node; a client's for all of them.
        if (!fanOut || hop || !fanOut.needed) {
          const purged = await local()
          return jsonResponse(200, { purged, ...sharedNews(edge) })
        }
        const { purged, ...peers } = await fanOut.purge(body, local)
        return jsonResponse(200, { purged, peers, ...sharedNews(edge) })
      },
    }),
    typedRoute({
      method: 'GET',
      path: '/explain',
      name: 'explain',
      summary: 'Says how a URL is cached: key, variants, freshness arithmetic',
      admin: true,
      query: explainQuery,
      handler: (_, { query }) => jsonResponse(200, explain(edge, query.url)),
    }),
    {
      method: 'POST',
      path: '/reload',
      name: 'reload',
      summary: 'Reads the settings again; bad ones are refused whole and nothing changes',
      admin: true,
      refusals: [422],
      handler: () => jsonResponse(200, reloadOrRefuse(reload)),
    },
  ]
}

/** What the shared tier has not heard of yet; nothing where there is none. */
function sharedNews({ shared }: Edge): Pick<PurgeAnswer, 'shared'> {
  return shared ? { shared: { owed: shared.figures.owed } } : {}
}

/** Bad settings are the caller's affair here: 422 with every field, not a fault of this node. */
function reloadOrRefuse(reload: () => ReloadAnswer): ReloadAnswer {
  try {
    return reload()
  } catch (caught) {
    const fault = Fault.from(caught)
    if (fault.code !== 'settings_invalid') throw fault
    throw new Fault('invalid_field', fault.message, { fields: fault.fields, cause: fault })
  }
}
