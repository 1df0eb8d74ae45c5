import { SpanShape } from './span-shape.ts'

/** Hosts told apart; a request to another one carries attributes of its own. */
export const hostsMax = 256

/** What server spans say of the host and protocol a request came to, made once a host. */
export class HostTable {
  readonly #byVersion = new Map<string, Map<string, SpanShape>>()

  /** The attributes of requests to `host` (`name` or `name:port`). O(1) for a known host. */
  of(host: string, httpVersion: string): SpanShape {
    let hosts = this.#byVersion.get(httpVersion)
    if (!hosts) {
      hosts = new Map()
      // Versions come from the listener, not from the client: there are few.
      this.#byVersion.set(httpVersion, hosts)
    }
    const known = hosts.get(host)
    if (known) return known
    const made = shapeOf(host, httpVersion)
    if (hosts.size < hostsMax) hosts.set(host, made)
    return made
  }
}

function shapeOf(host: string, httpVersion: string): SpanShape {
  const version = { 'network.protocol.version': httpVersion }
  if (host === '') return new SpanShape(version)
  const colon = host.lastIndexOf(':')
  if (colon <= 0 || !/^\d+$/.test(host.slice(colon + 1)))
    return new SpanShape({ ...version, 'server.address': host })
  return new SpanShape({
    ...version,
    'server.address': host.slice(0, colon),
    'server.port': Number(host.slice(colon + 1)),
  })
}
