/**
 * The other nodes. A key belongs to the node with the highest rendezvous weight: it asks the origin,
 * the others ask it, so that a cluster asks once. Where the owner does not answer the next one is
 * asked, and the origin where that would be this node. A request that came from a peer goes to the
 * origin, or to a shield of another region: never to a peer again, so that no circle can close.
 */
import type { Request } from '@spate/http/exchange'
import type { Clock, Timer } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import { AddressGuard } from '../origins/address-guard.ts'
import { httpOrigin, type OriginLimits } from '../origins/http-origin.ts'
import type { Origin } from '../origins/origin.ts'
import { rendezvousWeight } from '../origins/rendezvous.ts'
import type { Statistics } from '../statistics.ts'
import { peerField, peerMark, verifiedHops, type MarkedRequest, type PeerHop } from './peer-mark.ts'
import { PeerRoute, type Stop } from './peer-route.ts'
import { Peer, type PeerAddress } from './peer.ts'

/** What nodes need to find each other. */
export interface PeersParts {
  readonly clock: Clock
  readonly log: Log
  readonly statistics: Statistics
  /** The token all nodes share. */
  readonly token: string
  readonly limits: OriginLimits
  /** True where an address is one of this machine. */
  readonly isLocal: (hostname: string) => boolean
}

/** Most peers, and most shields. */
export const peersMax = 256

/** How one node does, as `GET /peers` shows it. */
export interface PeerFigures {
  readonly url: string
  readonly admin?: string
  readonly state: 'up' | 'down' | 'owed'
  readonly requests: number
  readonly failures: number
  /** Purges it has not heard of yet. */
  readonly owed: number
}

/** The other nodes of the region, and the shields before the origin. */
export class Peers {
  readonly #parts: PeersParts
  #self = ''
  #peers: readonly Peer[] = []
  #shields: readonly Peer[] = []
  #timers: Timer[] = []

  constructor(parts: PeersParts) {
    this.#parts = parts
  }

  /** This node's name among the others; empty until it is known. */
  get self(): string {
    return this.#self
  }

  /** Peers that can be told something. */
  get all(): readonly Peer[] {
    return this.#peers
  }

  /** Takes up who is there, this node included or not; `self` is what it is called where it is not. */
  take(addresses: readonly PeerAddress[], self: string): void {
    const own = addresses.find(({ url }) => this.#isSelf(url, self))
    this.#self = own?.url ?? new URL(self).origin
    const others = addresses.filter((address) => address !== own).slice(0, peersMax)
    this.#peers = this.#renewed(this.#peers, others)
  }

  /** Takes up the nodes that stand before the origin. */
  takeShields(urls: readonly string[]): void {
    const addresses = urls.map((url) => ({ url: new URL(url).origin, admin: undefined }))
    this.#shields = this.#renewed(this.#shields, addresses.slice(0, peersMax))
  }

  /** Runs `task` every `everyMs` until `close`. */
  every(everyMs: number, task: () => void): void {
    this.#timers.push(this.#parts.clock.every(everyMs, task))
  }

  /** Ways the request has taken between nodes; undefined where it is a client's. */
  hopsOf(request: MarkedRequest, value: string | undefined): readonly PeerHop[] | undefined {
    return verifiedHops(this.#parts.token, request, value)
  }

  /** The nodes a key is asked for, this one included, best first. O(nodes). */
  ranked(key: string): readonly string[] {
    const names = [this.#self, ...this.#peers.map(({ url }) => url)]
    const weighed = names.map((name) => ({ name, weight: rendezvousWeight(name, key) }))
    return weighed.sort((one, other) => other.weight - one.weight).map(({ name }) => name)
  }

  /** The way to the origin by other nodes; undefined where there is none to ask. */
  route(
    origin: Origin,
    request: MarkedRequest,
    hops: readonly PeerHop[] | undefined,
  ): Origin | undefined {
    const stops = this.#stops(request, hops ?? [])
    if (stops.length === 0) return undefined
    const { clock, statistics } = this.#parts
    return new PeerRoute({
      origin,
      stops,
      now: () => clock.elapsed(),
      onAsked: (whom) => {
        if (whom === 'peer') statistics.peerRequests++
        else statistics.originRequests++
      },
    })
  }

  get figures(): readonly PeerFigures[] {
    return this.#peers.map((peer) => this.#figuresOf(peer))
  }

  get shieldFigures(): readonly PeerFigures[] {
    return this.#shields.map((peer) => this.#figuresOf(peer))
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel()
    await Promise.all([...this.#peers, ...this.#shields].map(({ origin }) => origin.close()))
  }

  #stops(request: MarkedRequest, hops: readonly PeerHop[]): Stop[] {
    const { clock, token } = this.#parts
    if (this.#peers.length + this.#shields.length === 0) return []
    const nowMs = clock.elapsed()
    const key = `${request.host}${request.target}`
    const stops: Stop[] = []
    if (!hops.includes('peer')) {
      const mark = peerMark(token, request, [...hops, 'peer'])
      const byUrl = new Map(this.#peers.map((peer) => [peer.url, peer]))
      for (const name of this.#peers.length > 0 ? this.ranked(key) : []) {
        if (name === this.#self) break
        const peer = byUrl.get(name)
        if (peer?.usable(nowMs)) stops.push({ peer, mark })
      }
    }
    if (!hops.includes('shield') && this.#shields.length > 0) {
      const mark = peerMark(token, request, ['shield'])
      const usable = this.#shields.filter((shield) => shield.usable(nowMs))
      const weight = ({ url }: Peer): number => rendezvousWeight(url, key)
      const best = usable.sort((one, other) => weight(other) - weight(one))
      for (const peer of best) stops.push({ peer, mark })
    }
    return stops
  }

  #isSelf(url: string, self: string): boolean {
    const one = new URL(url)
    const own = new URL(self)
    if (one.origin === own.origin) return true
    return portOf(one) === portOf(own) && this.#parts.isLocal(one.hostname)
  }

  /** Keeps what is known of nodes that stay; lets go of those that left. */
  #renewed(before: readonly Peer[], addresses: readonly PeerAddress[]): readonly Peer[] {
    const { limits, log } = this.#parts
    const stays = new Map(before.map((peer) => [peer.url, peer]))
    const made = addresses.map((address) => {
      const known = stays.get(address.url)
      if (known?.admin === address.admin && known) {
        stays.delete(address.url)
        return known
      }
      // Peers are named by the operator: any network they are in is meant.
      const guard = new AddressGuard(['private', 'loopback', 'linklocal'])
      return new Peer(address, httpOrigin(address.url, limits, guard))
    })
    for (const peer of stays.values()) {
      // Owner: this line; what is under way ends as it would with a node that died.
      void peer.origin.close()
    }
    const names = made.map(({ url }) => url).join(' ')
    if (names !== before.map(({ url }) => url).join(' ')) log.info('nodes', { nodes: names })
    return made
  }

  #figuresOf(peer: Peer): PeerFigures {
    const { url, admin, requests, failures, owed } = peer
    const usable = peer.usable(this.#parts.clock.elapsed())
    return {
      url,
      ...(admin === undefined ? {} : { admin }),
      state: owed.length > 0 ? 'owed' : usable ? 'up' : 'down',
      requests,
      failures,
      owed: owed.length,
    }
  }
}

/** True for a request that another node makes for its clients. */
export function isOfPeer(peers: Peers, request: Request): boolean {
  const value = request.headers.get(peerField)
  return value !== undefined && peers.hopsOf(request, value) !== undefined
}

function portOf({ port, protocol }: URL): string {
  return port === '' ? (protocol === 'https:' ? '443' : '80') : port
}
