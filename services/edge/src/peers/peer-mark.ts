import { createHmac, timingSafeEqual } from 'node:crypto'

/** Field by which a node says that it asks as a peer. Never goes to an origin. */
export const peerField = 'spate-peer'

/** Ways a request has already taken between nodes; it takes none of them twice. */
export type PeerHop = 'peer' | 'shield'

/** What a request of another node is bound to. */
export interface MarkedRequest {
  readonly host: string
  /** Path and query. */
  readonly target: string
}

/** Value of the field for a request that goes by `hops`, signed with the token all nodes share. */
export function peerMark(token: string, request: MarkedRequest, hops: readonly PeerHop[]): string {
  const ways = hops.join('+')
  return `${ways};${sealOf(token, request, ways)}`
}

/** Ways a request has taken; undefined where the field is absent, or not of a node with our token. */
export function verifiedHops(
  token: string,
  request: MarkedRequest,
  value: string | undefined,
): readonly PeerHop[] | undefined {
  const form = /^((?:peer|shield)(?:\+(?:peer|shield))?);([0-9a-f]{64})$/.exec(value ?? '')
  if (!form) return undefined
  const [, ways = '', seal = ''] = form
  const right = timingSafeEqual(Buffer.from(seal), Buffer.from(sealOf(token, request, ways)))
  return right ? (ways.split('+') as PeerHop[]) : undefined
}

function sealOf(token: string, { host, target }: MarkedRequest, ways: string): string {
  return createHmac('sha256', token).update(`spate-peer\n${ways}\n${host}\n${target}`).digest('hex')
}
