/**
 * Purges on all nodes. One round is not enough: a node that has purged may ask one that has not yet,
 * and store the old object again. So when all have purged, all purge once more: whatever was fetched
 * in between goes, and from the second round on nobody has anything old to give.
 *
 * A node that cannot be reached is named in the answer. It is told as soon as it is back, and is not
 * asked for anything before.
 */
import type { Client } from '@spate/http/client'
import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Peer } from './peer.ts'
import type { Peers } from './peers.ts'

/** Purges one node may be owed; at more it is owed a purge of everything. */
export const owedMax = 1000
/** Time one node has for one round, ms. */
export const purgeMs = 5000
/** How often nodes that are owed something are tried again, ms. */
export const owedRetryMs = 1000
/** Field of a purge that came from a peer: it is not passed on. */
export const purgeHopField = 'spate-purge-hop'

/** What became of a purge on all nodes. */
export interface FannedOut {
  /** Stored responses removed or softened on all nodes that answered. */
  readonly purged: number
  readonly acknowledged: readonly string[]
  /** Nodes that did not answer; they are told later. */
  readonly unreached: readonly string[]
}

/** Carries purges to the peers. */
export class PurgeFanOut {
  readonly #peers: Peers
  readonly #client: Client
  readonly #token: string
  readonly #log: Log

  constructor(parts: {
    readonly peers: Peers
    readonly client: Client
    readonly token: string
    readonly log: Log
  }) {
    this.#peers = parts.peers
    this.#client = parts.client
    this.#token = parts.token
    this.#log = parts.log
    this.#peers.every(owedRetryMs, () => {
      // Owner: this line; `#settle` keeps what could not be told.
      for (const peer of this.#peers.all) if (peer.owed.length > 0) void this.#settle(peer)
    })
  }

  /** True where there are other nodes. */
  get needed(): boolean {
    return this.#peers.all.length > 0
  }

  /** Carries out `body`, what `POST /purge` takes, here by `local` and on all peers. */
  async purge(body: object, local: () => Promise<number>): Promise<FannedOut> {
    const peers = this.#peers.all
    const own = local()
    const first = await Promise.all(peers.map((peer) => this.#tell(peer, body)))
    let purged = await own
    const acknowledged = peers.filter((_, at) => first[at] !== undefined)
    for (const count of first) purged += count ?? 0
    if (acknowledged.length === 0) return { purged, acknowledged: [], unreached: namesOf(peers) }
    const again = await Promise.all([
      local(),
      ...acknowledged.map((peer) => this.#tell(peer, body)),
    ])
    const sure = acknowledged.filter((_, at) => again[at + 1] !== undefined)
    return {
      purged,
      acknowledged: namesOf(sure),
      unreached: namesOf(peers.filter((peer) => !sure.includes(peer))),
    }
  }

  /** Tells one node; resolves to how many it purged, undefined where it did not answer. */
  async #tell(peer: Peer, body: object): Promise<number | undefined> {
    const count = peer.owed.length === 0 ? await this.#call(peer, body) : undefined
    if (count !== undefined) return count
    peer.owed.push(body)
    if (peer.owed.length > owedMax) peer.owed.splice(0, peer.owed.length, { all: true })
    return undefined
  }

  /** Tells a node what it is owed, oldest first. */
  async #settle(peer: Peer): Promise<void> {
    if (peer.settling) return
    peer.settling = true
    try {
      await this.#pay(peer)
    } finally {
      peer.settling = false
    }
  }

  async #pay(peer: Peer): Promise<void> {
    for (let body = peer.owed[0]; body; body = peer.owed[0]) {
      if ((await this.#call(peer, body)) === undefined) return
      if (peer.owed[0] === body) peer.owed.shift()
    }
    this.#log.info('a node has heard of all purges', { node: peer.url })
  }

  async #call(peer: Peer, body: object): Promise<number | undefined> {
    try {
      const answer = await this.#client.fetch(`${peer.admin}/purge`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.#token}`,
          'content-type': 'application/json',
          [purgeHopField]: '1',
        },
        body: JSON.stringify(body),
        timeoutMs: purgeMs,
      })
      const told: unknown = await answer.json()
      if (answer.status === 200 && typeof told === 'object' && told && 'purged' in told)
        return Number(told.purged)
      this.#log.warn('a node refused a purge', { node: peer.url, status: answer.status })
    } catch (caught) {
      this.#log.warn('a node did not hear of a purge', { node: peer.url, why: errorText(caught) })
    }
    return undefined
  }
}

function namesOf(peers: readonly Peer[]): string[] {
  return peers.map(({ url }) => url)
}
