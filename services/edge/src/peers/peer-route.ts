import type { Origin, OriginExchange, OriginRequest, OriginSink } from '../origins/origin.ts'
import type { Peer } from './peer.ts'
import { peerField } from './peer-mark.ts'

/** A node to ask, and the mark to ask it with. */
export interface Stop {
  readonly peer: Peer
  readonly mark: string
}

/** What a route needs. */
export interface RouteParts {
  readonly origin: Origin
  readonly stops: readonly Stop[]
  readonly now: () => number
  /** Called for each request that goes to a node, or to the origin in the end. */
  readonly onAsked: (whom: 'peer' | 'origin') => void
}

/** A node that does not speak for that host has other settings than we: ask elsewhere. */
const misdirected = 421

/** The nodes to ask one after the other, and the origin where none of them answers. */
export class PeerRoute implements Origin {
  readonly #parts: RouteParts

  constructor(parts: RouteParts) {
    this.#parts = parts
  }

  send(request: OriginRequest, sink: OriginSink): OriginExchange {
    const { origin, stops, now, onAsked } = this.#parts
    let exchange: OriginExchange | undefined
    let gone = false
    let release = (): void => {}
    const attempt = (at: number): void => {
      if (gone) return
      const stop = stops[at]
      if (!stop) {
        onAsked('origin')
        exchange = origin.send(request, sink)
        return
      }
      const { peer, mark } = stop
      onAsked('peer')
      peer.requests++
      peer.active++
      sink.chosen?.(new URL(peer.url).host)
      const headers = [...request.headers, peerField, mark]
      let active = true
      release = () => {
        if (active) peer.active--
        active = false
      }
      const done = release
      const next = (): void => attempt(at + 1)
      const watched = watch({ peer, now, sink, next, done, abort: () => exchange?.abort() })
      exchange = peer.origin.send({ ...request, headers, retry: true }, watched)
    }
    attempt(0)
    return {
      pause: () => exchange?.pause(),
      resume: () => exchange?.resume(),
      abort: () => {
        gone = true
        release()
        exchange?.abort()
      },
    }
  }

  async close(): Promise<void> {
    // Peers and origins belong to others.
  }
}

/** Passes an answer on; where there is none, the next one is asked. */
function watch(of: {
  readonly peer: Peer
  readonly now: () => number
  readonly sink: OriginSink
  readonly next: () => void
  /** Called once nothing of it is under way. */
  readonly done: () => void
  readonly abort: () => void
}): OriginSink {
  const { peer, now, sink, next, done, abort } = of
  let headed = false
  return {
    interim: (status, headers) => sink.interim(status, headers),
    head: (status, headers) => {
      peer.answered()
      if (status === misdirected) {
        done()
        abort()
        next()
        return
      }
      headed = true
      sink.head(status, headers)
    },
    data: (chunk) => sink.data(chunk),
    end: () => {
      done()
      sink.end()
    },
    fail: (fault) => {
      done()
      peer.failed(now())
      if (headed) sink.fail(fault)
      else next()
    },
  }
}
