import * as Type from 'typebox'
import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault, shown } from '@spate/runtime/fault'
import { peersMax, type PeerFigures, type Peers } from './peers.ts'

const nodeUrl = Type.String({ minLength: 8, maxLength: 300 })

/** Body of `PUT /peers`: all nodes of the region, and those before the origin. */
const peersBody = Type.Object(
  {
    peers: Type.Array(
      Type.Object({ url: nodeUrl, admin: Type.Optional(nodeUrl) }, { additionalProperties: false }),
      { maxItems: peersMax },
    ),
    shields: Type.Optional(Type.Array(nodeUrl, { maxItems: peersMax })),
  },
  { additionalProperties: false },
)

/** Answer of `GET` and `PUT /peers`. */
export interface PeersAnswer {
  /** What this node is called. */
  readonly self: string
  readonly peers: readonly PeerFigures[]
  readonly shields: readonly PeerFigures[]
}

/** Admin calls about other nodes. `adminPort` is that of nodes which name none. */
export function peerRoutes(peers: Peers, adminPort: number): Route[] {
  const answer = (): PeersAnswer => ({
    self: peers.self,
    peers: peers.figures,
    shields: peers.shieldFigures,
  })
  return [
    {
      method: 'GET',
      path: '/peers',
      name: 'peers',
      summary: 'The other nodes and how they do',
      admin: true,
      handler: () => jsonResponse(200, answer()),
    },
    typedRoute({
      method: 'PUT',
      path: '/peers',
      name: 'set peers',
      summary: 'Takes up other nodes until the settings are read again',
      admin: true,
      body: peersBody,
      bytesMax: 262_144,
      handler: (_, { body }) => {
        const addresses = body.peers.map(({ url, admin }) => {
          const { origin, protocol, hostname } = plainUrl(url, 'peers.url')
          const place = admin === undefined ? undefined : plainUrl(admin, 'peers.admin').origin
          return { url: origin, admin: place ?? `${protocol}//${hostname}:${adminPort}` }
        })
        const shields = body.shields?.map((url) => plainUrl(url, 'shields').origin)
        peers.take(addresses, peers.self)
        if (shields) peers.takeShields(shields)
        return jsonResponse(200, answer())
      },
    }),
  ]
}

/** A URL of scheme, host and port. Throws `Fault('invalid_field')` where it is none. */
function plainUrl(value: string, field: string): URL {
  const parsed = URL.canParse(value) ? new URL(value) : undefined
  const plain = parsed && /^https?:$/.test(parsed.protocol) && parsed.pathname === '/'
  if (plain && parsed.search === '' && parsed.username === '') return parsed
  const expected = 'a URL of scheme, host and port'
  throw new Fault('invalid_field', 'not the address of a node', {
    fields: [{ field, value: shown(value), expected }],
  })
}
