/**
 * One port, two parsers, one handler. Requests that are beyond doubt are parsed and answered on
 * `node:net` (`fast-path/`); all others go, with their socket, to `node:http` (`node-path/`).
 *
 * Node accepts one connection a turn of the event loop and listening socket, so a burst of 1000
 * clients waits 1000 turns. We open many listening sockets on the same port (SO_REUSEPORT): the
 * kernel spreads the burst over them.
 */
import type { AddressInfo, Server, Socket } from 'node:net'
import type { Clock, Timer } from '@spate/runtime/clock'
import type { Log } from '@spate/runtime/log'
import { Fault } from '@spate/runtime/fault'
import { noTelemetry, type Telemetry } from '@spate/telemetry/telemetry'
import { createClientAddress, type ForwardedHeader } from './client-address.ts'
import type { Answered, Handler } from './exchange.ts'
import { FastConnection } from './fast-path/fast-connection.ts'
import { FastPath } from './fast-path/fast-path.ts'
import { ListenerCounters } from './listener-counters.ts'
import { openDoors, openHeldDoors } from './listener-doors.ts'
import { defaultListenLimits, type ListenLimits } from './listener-limits.ts'
import { NodePath } from './node-path/node-path.ts'
import type { TlsOptions } from './node-path/secure-path.ts'
import { refusalBytes } from './refusal.ts'

/** How to listen. */
export interface ListenOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly handler: Handler
  readonly clock: Clock
  readonly log: Log
  /** Absent: nothing is recorded. */
  readonly telemetry?: Telemetry
  readonly limits?: Partial<ListenLimits>
  /** Hears of every answer that was sent, whichever path sent it. */
  readonly answered?: Answered | undefined
  /** Whom to believe about a client's address; see `createClientAddress`. Default nobody. */
  readonly trustedProxies?: readonly string[]
  readonly forwardedHeader?: ForwardedHeader
  /** Speak TLS: HTTP/2 and HTTP/1.1 by ALPN, through Node's own servers. */
  readonly tls?: TlsOptions
  /** Listening sockets on the port. Default 64; 1 where the platform cannot share a port. */
  readonly acceptors?: number
  /** Descriptors of sockets to listen on in place of `host` and `port`: those of a `HeldPort` that were inherited. */
  readonly sockets?: readonly number[] | undefined
  /** Connections the kernel may hold for each listening socket before we accept them. Default 4096. */
  readonly backlog?: number
}

/** A port that answers. */
export interface Listener {
  /** `http://127.0.0.1:8080`. */
  readonly url: string
  readonly port: number
  readonly counters: ListenerCounters
  /** Stops accepting, answers what was asked, closes. When `signal` aborts, cuts what is left. */
  close(signal?: AbortSignal): Promise<void>
  /** Listens on further sockets of a `HeldPort`, by their descriptors. */
  open(sockets: readonly number[]): Promise<void>
  /**
   * Stops accepting, where others accept from the same sockets; resolves once all connections are
   * gone, or `graceMs` are over. Each is closed behind its next answer, which says so: closing it
   * before might cross a request on its way. `close` ends what is left.
   */
  leave(graceMs: number): Promise<void>
}

/** Opens the port. Throws `Fault('address_in_use')` where somebody else has it. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const limits = { ...defaultListenLimits, ...options.limits }
  const house = new ListenerHouse(options, limits)
  const common = {
    backlog: options.backlog ?? 4096,
    onSocket: (socket: Socket) => house.enter(socket),
  }
  const { host: asked, acceptors = 64, sockets } = options
  const doors = [
    ...(sockets
      ? await openHeldDoors(sockets, common)
      : await openDoors({ host: asked, port: options.port, acceptors, ...common })),
  ]
  const { port } = (doors[0] as Server).address() as AddressInfo
  const host = asked.includes(':') ? `[${asked}]` : asked
  return {
    url: `${options.tls ? 'https' : 'http'}://${host}:${port}`,
    port,
    counters: house.counters,
    close: (signal) => house.close(doors, signal),
    open: async (more) => void doors.push(...(await openHeldDoors(more, common))),
    leave: (graceMs) => house.leave(doors, graceMs),
  }
}

/** All connections of a listener. */
class ListenerHouse {
  readonly counters = new ListenerCounters()
  readonly #limits: ListenLimits
  readonly #fast: FastPath
  readonly #node: NodePath
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Set<FastConnection>()
  readonly #byAddress = new Map<string, number>()
  readonly #clock: Clock
  readonly #sweeper: Timer
  readonly #exempt: (address: string) => boolean
  #closing: Promise<void> | undefined
  #emptied: (() => void) | undefined

  constructor(options: ListenOptions, limits: ListenLimits) {
    const { handler, clock, log, trustedProxies = [], forwardedHeader } = options
    this.#limits = limits
    this.#clock = clock
    const clientAddressOf = createClientAddress(trustedProxies, forwardedHeader)
    // A trusted peer's forwarded address is believed: so the probe comes back as the client.
    const probe = { all: (): readonly string[] => ['192.0.2.1'] }
    this.#exempt = (address) =>
      forwardedHeader !== 'forwarded' && clientAddressOf(address, probe) === '192.0.2.1'
    const common = {
      handler,
      limits,
      counters: this.counters,
      clock,
      log,
      telemetry: options.telemetry ?? noTelemetry,
      clientAddressOf,
      answered: options.answered,
    }
    this.#node = new NodePath(common, options.tls)
    this.#fast = new FastPath({
      ...common,
      handOver: (connection, unread) => this.#handOver(connection as FastConnection, unread),
    })
    const shortest = Math.min(
      limits.slowHeadMs,
      limits.slowBodyMs,
      limits.slowReadMs,
      limits.idleMs,
    )
    this.#sweeper = clock.every(Math.min(1_000, Math.max(10, shortest / 4)), () => {
      const nowMs = clock.elapsed()
      for (const connection of this.#connections) connection.sweep(nowMs)
    })
  }

  /** Takes a new socket, or refuses it. */
  enter(socket: Socket): void {
    const { counters } = this
    const limits = this.#limits
    counters.accepted++
    socket.on('error', () => {})
    if (this.#closing) {
      socket.destroy()
      return
    }
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '')
    const count = (this.#byAddress.get(address) ?? 0) + 1
    if (this.#sockets.size >= limits.connectionsMax) return this.#refuse(socket, 'connections')
    if (count > limits.connectionsPerAddressMax && !this.#exempt(address)) {
      return this.#refuse(socket, 'connections_per_address')
    }
    this.#byAddress.set(address, count)
    this.#sockets.add(socket)
    counters.open++
    let connection: FastConnection | undefined
    if (this.#node.secure) counters.openNode++
    else this.#connections.add((connection = new FastConnection(this.#fast, socket, address)))
    socket.once('close', () => {
      counters.open--
      if (!connection || !this.#connections.delete(connection)) counters.openNode--
      this.#sockets.delete(socket)
      const left = (this.#byAddress.get(address) ?? 1) - 1
      if (left > 0) this.#byAddress.set(address, left)
      else this.#byAddress.delete(address)
      if (this.#sockets.size === 0) this.#emptied?.()
    })
    if (!connection) this.#node.takeSecure(socket)
  }

  #refuse(socket: Socket, reason: 'connections' | 'connections_per_address'): void {
    this.counters.refused[reason]++
    this.counters.byStatus[503]!++
    socket.resume()
    socket.end(
      refusalBytes(new Fault('overloaded', 'too many connections', { retryAfterSeconds: 1 })),
    )
    socket.once('finish', () => socket.destroySoon())
  }

  #handOver(connection: FastConnection, unread: Buffer): void {
    this.#connections.delete(connection)
    this.counters.handedOver++
    this.counters.openNode++
    this.#node.take(connection.socket, unread)
  }

  close(doors: readonly Server[], signal: AbortSignal | undefined): Promise<void> {
    this.#closing ??= this.#close(doors, signal)
    return this.#closing
  }

  async leave(doors: Server[], graceMs: number): Promise<void> {
    // Node would tell when their last connection is gone; we count those ourselves.
    for (const door of doors.splice(0)) door.close()
    for (const connection of this.#connections) connection.drain('after one more')
    this.#node.drain('after one more')
    const timer = this.#clock.after(graceMs, () => this.#emptied?.())
    if (this.#sockets.size > 0) await new Promise<void>((resolve) => (this.#emptied = resolve))
    timer.cancel()
  }

  async #close(doors: readonly Server[], signal: AbortSignal | undefined): Promise<void> {
    const closed = doors.map((door) => new Promise((resolve) => door.close(resolve)))
    const cut = (): void => {
      for (const socket of this.#sockets) socket.destroy()
    }
    for (const connection of this.#connections) connection.drain('now')
    this.#node.drain('now')
    if (this.#sockets.size > 0) {
      const empty = new Promise<void>((resolve) => (this.#emptied = resolve))
      if (signal?.aborted) cut()
      else signal?.addEventListener('abort', cut, { once: true })
      await empty
      signal?.removeEventListener('abort', cut)
    }
    await Promise.all(closed)
    this.#sweeper.cancel()
    this.#node.close()
  }
}
