import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { errorCode, Fault } from '@spate/runtime/fault'

/** Where to listen, and who takes the sockets. */
export interface DoorOptions {
  readonly host: string
  readonly port: number
  readonly acceptors: number
  readonly backlog: number
  readonly onSocket: (socket: Socket) => void
}

/**
 * Opens `acceptors` listening sockets on one port; one where the platform cannot share a port.
 * Throws `Fault('address_in_use')` where the port is taken.
 */
export async function openDoors(options: DoorOptions): Promise<readonly Server[]> {
  const { acceptors } = options
  if (acceptors <= 1) return [await openDoor(options, options.port, false)]
  // A shared port would let a second program of the same user in beside us, unseen: ask alone first.
  if (options.port !== 0) await close(await openDoor(options, options.port, false))
  const first = await openDoor(options, options.port, true).catch((caught: unknown) => {
    if (caught instanceof Fault) throw caught
    return openDoor(options, options.port, false)
  })
  const doors = [first]
  const { port } = first.address() as AddressInfo
  try {
    for (let count = 1; count < acceptors; count++) doors.push(await openDoor(options, port, true))
  } catch (caught) {
    // One door is enough to work; some platforms take the option and then refuse the second.
    if (doors.length > 1) {
      await Promise.all(doors.map(close))
      throw caught
    }
  }
  return doors
}

/** Listens on sockets that are bound already, by their descriptors: a port that another process holds. */
export function openHeldDoors(
  sockets: readonly number[],
  options: Pick<DoorOptions, 'backlog' | 'onSocket'>,
): Promise<readonly Server[]> {
  const { backlog, onSocket } = options
  return Promise.all(
    sockets.map(
      (fd) =>
        new Promise<Server>((resolve, reject) => {
          const server = createServer({ allowHalfOpen: true, noDelay: true }, onSocket)
          server.once('error', reject)
          server.listen({ fd }, backlog, () => {
            server.off('error', reject)
            server.on('error', () => {})
            resolve(server)
          })
        }),
    ),
  )
}

function openDoor(options: DoorOptions, port: number, reusePort: boolean): Promise<Server> {
  const { host, backlog, onSocket } = options
  return new Promise((resolve, reject) => {
    // Half-open: a client may end its side and still wait for its answer.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, onSocket)
    server.once('error', (caught) => {
      reject(
        errorCode(caught) === 'EADDRINUSE'
          ? new Fault('address_in_use', `port ${port} of ${host} is in use`, { cause: caught })
          : caught,
      )
    })
    server.listen({ host, port, backlog, reusePort }, () => {
      server.removeAllListeners('error')
      server.on('error', () => {})
      resolve(server)
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}
