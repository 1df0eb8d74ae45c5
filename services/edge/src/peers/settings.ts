import { duration, integer, list, text, url, type TableOf } from '@spate/runtime/settings'

/** Settings of the way to other nodes. */
export interface PeerSettings {
  readonly peers: readonly string[]
  readonly peersName: string | undefined
  readonly peersResolveMs: number
  readonly peerAdminPort: number
  readonly peerConnectMs: number
  readonly nodeUrl: string | undefined
  readonly shields: readonly string[]
}

/** What a peer looks like: its traffic, and its admin port where that is not `peerAdminPort`. */
export const peerPattern: RegExp = /^https?:\/\/[^/?#@\s;]+\/?(?:;admin=\d{1,5})?$/

/** The table of `PeerSettings`. */
export const peerSettings: TableOf<PeerSettings> = {
  peers: list(
    [],
    'Edge nodes of this region; all have one SPATE_ADMIN_TOKEN, and together ask the origin once',
    { pattern: peerPattern, expected: 'URLs of traffic ports: http://10.0.0.2:8080;admin=8070' },
  ),
  peersName: text(
    undefined,
    'Name and traffic port whose addresses are the peers: edge.internal:8080',
    { pattern: /^[\w.-]+:\d{1,5}$/, expected: 'name:port' },
  ),
  peersResolveMs: duration(10_000, 100, 3_600_000, 'How often that name is resolved again'),
  peerAdminPort: integer(8070, 1, 65_535, 'Admin port of peers that name none of their own'),
  peerConnectMs: duration(500, 10, 60_000, 'Time a connection to a peer or shield may take'),
  nodeUrl: url(
    undefined,
    'This node as the others call it; needed where their list does not name an address of this machine',
    { pattern: /^https?:\/\/[^/?#@\s]+\/?$/, expected: 'a URL of scheme, host and port' },
  ),
  shields: list(
    [],
    'Edge nodes of another region that are asked in place of the origin, and the origin where they fail',
    { pattern: /^https?:\/\/[^/?#@\s;]+\/?$/, expected: 'URLs of scheme, host and port' },
  ),
}
