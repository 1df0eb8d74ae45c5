import type { AdminToken } from '@spate/http/admin-token'
import { createClient } from '@spate/http/client'
import type { Clock } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import type { OriginSettings } from '../origins/settings.ts'
import { Statistics } from '../statistics.ts'
import { isLocalAddress, NodeNames } from './node-names.ts'
import { Peers } from './peers.ts'
import { PurgeFanOut } from './purge-fan-out.ts'
import type { PeerSettings } from './settings.ts'

/** Connections to one other node. */
const connectionsMax = 64
const headBytesMax = 65_536

/** All that has to do with other nodes. */
export interface Nodes {
  readonly peers: Peers
  readonly names: NodeNames
  readonly fanOut: PurgeFanOut
  /** Counts of this node; requests to peers are among them. */
  readonly statistics: Statistics
  close(): Promise<void>
}

/** Makes what `settings` ask for; nobody is known before `names.start`. */
export function nodesOf(
  settings: PeerSettings & OriginSettings,
  on: { readonly clock: Clock; readonly log: Log; readonly adminToken: AdminToken },
): Nodes {
  const { clock, log } = on
  const token = on.adminToken.value
  const statistics = new Statistics()
  const peers = new Peers({
    clock,
    log,
    statistics,
    token,
    limits: {
      connectionsMax,
      connectMs: settings.peerConnectMs,
      // A peer waits for the origin in turn: it must be the first to give up.
      headMs: settings.originTotalMs + settings.peerConnectMs,
      bodyMs: settings.originBodyMs,
      headerBytesMax: headBytesMax,
    },
    isLocal: isLocalAddress,
  })
  const client = createClient({ clock, limits: { connectMs: settings.peerConnectMs } })
  return {
    peers,
    names: new NodeNames(peers, log),
    fanOut: new PurgeFanOut({ peers, client, token, log }),
    statistics,
    close: async () => {
      await peers.close()
      await client.close(AbortSignal.abort())
    },
  }
}
