import type { Origin } from '../origins/origin.ts'

/** Where a node is reached. Its traffic URL is its name: all nodes must call it alike. */
export interface PeerAddress {
  readonly url: string
  /** URL of its admin port; undefined where it is only asked, never told (a shield). */
  readonly admin: string | undefined
}

/** First pause after a failure and the longest, ms; each failure doubles it. */
const restMsMin = 500
const restMsMax = 10_000

/** Requests that may be under way to one node; at more, the next one is asked. */
export const activeMax = 4096

/** Another node and how it does. */
export class Peer {
  readonly url: string
  readonly admin: string | undefined
  readonly origin: Origin
  /** Purges it has not heard of; it is not asked before it has. */
  readonly owed: object[] = []
  /** True while it is being told what it is owed. */
  settling = false
  /** Requests under way. */
  active = 0
  requests = 0
  failures = 0
  #inARow = 0
  #restsUntilMs = 0

  constructor({ url, admin }: PeerAddress, origin: Origin) {
    this.url = url
    this.admin = admin
    this.origin = origin
  }

  /** True where it may be asked for what it has. */
  usable(nowMs: number): boolean {
    if (this.active >= activeMax) return false
    return this.owed.length === 0 && nowMs >= this.#restsUntilMs
  }

  answered(): void {
    this.#inARow = 0
    this.#restsUntilMs = 0
  }

  failed(nowMs: number): void {
    this.failures++
    const restMs = Math.min(restMsMin * 2 ** this.#inARow++, restMsMax)
    this.#restsUntilMs = nowMs + restMs
  }
}

/** Reads `http://host:port;admin=8070`. */
export function peerAddress(entry: string, adminPort: number): PeerAddress {
  const [place = '', admin] = entry.split(';admin=')
  const { origin, protocol, hostname } = new URL(place)
  return { url: origin, admin: `${protocol}//${hostname}:${admin ?? adminPort}` }
}
