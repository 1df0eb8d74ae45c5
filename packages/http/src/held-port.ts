import { lookup } from 'node:dns/promises'
import { BoundSocket } from 'node:net'
import { errorCode, Fault } from '@spate/runtime/fault'

/** A port that this process keeps and others listen on: they may come and go, the port stays. */
export interface HeldPort {
  readonly port: number
  /** Descriptors of the sockets, for children to inherit; see `ListenOptions.sockets`. */
  readonly sockets: readonly number[]
  /** Lets go of the port, once nobody else has it. */
  close(): void
}

/**
 * Binds `sockets` sockets to one port; one where the platform cannot share a port. The queue of new
 * connections belongs to the socket, not to who accepts from it: while this process keeps it, a
 * child that ends takes no connection with it. Nothing is accepted here. Throws
 * `Fault('address_in_use')` where the port is taken.
 */
export async function holdPort(options: {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  readonly sockets: number
}): Promise<HeldPort> {
  const { address: host } = await lookup(options.host)
  // A shared port would let a second program of the same user in beside us, unseen: ask alone first.
  if (options.port !== 0) bound(host, options.port, false).close()
  const held = [shareable(host, options.port)]
  const port = portOf(held[0] as BoundSocket)
  try {
    while (held.length < options.sockets) held.push(bound(host, port, true))
  } catch (caught) {
    // One socket is enough to work; some platforms take the option and then refuse the second.
    if (held.length > 1) {
      for (const socket of held) socket.close()
      throw caught
    }
  }
  return {
    port,
    sockets: held.map((socket) => socket.fd()),
    close: () => {
      for (const socket of held.splice(0)) socket.close()
    },
  }
}

function shareable(host: string, port: number): BoundSocket {
  try {
    return bound(host, port, true)
  } catch (caught) {
    if (caught instanceof Fault) throw caught
    return bound(host, port, false)
  }
}

function bound(host: string, port: number, reusePort: boolean): BoundSocket {
  try {
    return new BoundSocket({ host, port, reusePort })
  } catch (caught) {
    if (errorCode(caught) !== 'EADDRINUSE') throw caught
    throw new Fault('address_in_use', `port ${port} of ${host} is in use`, { cause: caught })
  }
}

function portOf(socket: BoundSocket): number {
  const address = socket.address()
  return typeof address === 'object' ? address.port : 0
}
