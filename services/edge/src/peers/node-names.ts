import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { errorText } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import type { Peers } from './peers.ts'
import { peerAddress, type PeerAddress } from './peer.ts'
import type { PeerSettings } from './settings.ts'

/** Finds the addresses behind a name. Rejects where it cannot tell. */
export type Resolve = (name: string) => Promise<readonly string[]>

/** The machine's resolver. */
export const systemResolve: Resolve = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address)

/** True for an address of this machine, and for `localhost`. */
export function isLocalAddress(hostname: string): boolean {
  const plain = hostname.replace(/^\[|\]$/g, '')
  if (plain === 'localhost') return true
  const own = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return own.some(({ address }) => address === plain)
}

/** Keeps `peers` in step with settings and with the name that leads to them. */
export class NodeNames {
  readonly #peers: Peers
  readonly #log: Log
  readonly #resolve: Resolve
  #settings: PeerSettings | undefined
  #listening = ''
  #resolved: readonly PeerAddress[] = []

  constructor(peers: Peers, log: Log, resolve: Resolve = systemResolve) {
    this.#peers = peers
    this.#log = log
    this.#resolve = resolve
  }

  /** Takes up `settings`; `listening` is where this node's own traffic arrives. Resolves the name once. */
  async start(settings: PeerSettings, listening: string): Promise<void> {
    this.#settings = settings
    this.#listening = listening
    this.#peers.takeShields(settings.shields)
    this.#take()
    if (settings.peersName === undefined) return
    await this.#again()
    // Owner: `#again`, which never rejects.
    this.#peers.every(settings.peersResolveMs, () => void this.#again())
  }

  /** Takes up settings that were read again, where what they say of nodes is new. */
  take(settings: PeerSettings): void {
    const before = this.#settings
    if (JSON.stringify(placesOf(before)) === JSON.stringify(placesOf(settings))) return
    this.#settings = settings
    this.#peers.takeShields(settings.shields)
    this.#take()
  }

  #take(): void {
    const { peers, peerAdminPort, nodeUrl } = this.#settings as PeerSettings
    const named = peers.map((entry) => peerAddress(entry, peerAdminPort))
    const self = nodeUrl ?? this.#listening
    this.#peers.take([...named, ...this.#resolved], self)
  }

  /** A name that cannot be resolved changes nothing: the nodes known so far may well be there. */
  async #again(): Promise<void> {
    const { peersName = '', peerAdminPort } = this.#settings as PeerSettings
    const [name = '', port = ''] = peersName.split(':')
    try {
      const addresses = await this.#resolve(name)
      const hosts = addresses.map((each) => (each.includes(':') ? `[${each}]` : each)).sort()
      this.#resolved = hosts.map((host) => peerAddress(`http://${host}:${port}`, peerAdminPort))
      this.#take()
    } catch (caught) {
      this.#log.warn('the name of the peers is not resolved', { name, why: errorText(caught) })
    }
  }
}

function placesOf(settings: PeerSettings | undefined): unknown {
  return [settings?.peers, settings?.peerAdminPort, settings?.nodeUrl, settings?.shields]
}
