import ipaddr from 'ipaddr.js'
import { Fault } from '@spate/runtime/fault'
import type { Headers } from './exchange.ts'

/**
 * Who is calling. Naive way: take the first entry of X-Forwarded-For; anyone can write one, so a
 * limiter keyed by it limits nobody. Ours: walk the hops from the right, the end our own proxies
 * wrote, and stop at the first one that is not a proxy we trust.
 */

/** Most hops looked at; the entries left of them are never reached. */
export const forwardedHopsMax = 32

/** Header values whose client is remembered, and the letters of one: reading an address is slow. */
const linesKnownMax = 4096
const lineLettersMax = 64

/** Which header our proxies write. Only this one is read: the other may come from the client. */
export type ForwardedHeader = 'x-forwarded-for' | 'forwarded'

/** Finds the client of a request. */
export type ClientAddress = (peerAddress: string, headers: Pick<Headers, 'all'>) => string

/** Networks that can be named in place of a CIDR. */
export const namedNetworks: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
}

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Network = readonly [Address, number]

/** Reads `trusted` once. Throws `Fault('settings_invalid')` for an entry that is no address, CIDR or name. */
export function createClientAddress(
  trusted: readonly string[],
  header: ForwardedHeader = 'x-forwarded-for',
): ClientAddress {
  const networks = trusted.flatMap((entry) => namedNetworks[entry] ?? [entry]).map(parseNetwork)
  const isTrusted = (address: Address): boolean =>
    networks.some(([network, bits]) =>
      network.kind() === address.kind() ? address.match(network, bits) : false,
    )
  // Peers are few (our proxies) or seen once (clients): remember the answer for the former.
  const known = new Map<string, boolean>()
  const isTrustedPeer = (peer: string): boolean => {
    let answer = known.get(peer)
    if (answer === undefined) {
      const address = parseAddress(peer)
      answer = address !== undefined && isTrusted(address)
      if (known.size >= 1024) known.clear()
      known.set(peer, answer)
    }
    return answer
  }
  const clients = new Map<string, string>()
  return (peerAddress, headers) => {
    if (networks.length === 0 || !isTrustedPeer(peerAddress)) return plain(peerAddress)
    const lines = headers.all(header)
    if (lines.length === 0) return plain(peerAddress)
    const line = lines.join(',')
    const remembered = clients.get(line)
    if (remembered !== undefined) return remembered
    const peer = plain(peerAddress)
    const client = walk(line, peer, { header, isTrusted })
    // Where the peer itself is the client, the line alone does not tell.
    if (client !== peer && line.length <= lineLettersMax) {
      if (clients.size >= linesKnownMax) clients.clear()
      clients.set(line, client)
    }
    return client
  }
}

/** Right-most untrusted hop of `line`; what cannot be read ends the walk at the hop before it. */
function walk(
  line: string,
  peer: string,
  rule: {
    readonly header: ForwardedHeader
    readonly isTrusted: (address: Address) => boolean
  },
): string {
  const entries = rule.header === 'forwarded' ? splitQuoted(line, ',') : line.split(',')
  let client = peer
  const last = Math.max(0, entries.length - forwardedHopsMax)
  for (let at = entries.length - 1; at >= last; at--) {
    const entry = (entries[at] as string).trim()
    const address = parseAddress(rule.header === 'forwarded' ? forwardedFor(entry) : entry)
    if (!address) return client
    client = address.toString()
    if (!rule.isTrusted(address)) return client
  }
  return client
}

/** Value of `for=` in one element of Forwarded (RFC 7239 section 4); empty where there is none. */
function forwardedFor(element: string): string {
  for (const pair of splitQuoted(element, ';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim().toLowerCase() === 'for') {
      const value = pair.slice(equals + 1).trim()
      return value.startsWith('"') && value.endsWith('"') && value.length > 1
        ? value.slice(1, -1).replaceAll(/\\(.)/g, '$1')
        : value
    }
  }
  return ''
}

/** Splits at `separator` outside quoted strings. O(line). */
function splitQuoted(line: string, separator: string): string[] {
  const parts: string[] = []
  let from = 0
  let quoted = false
  for (let at = 0; at < line.length; at++) {
    const char = line[at]
    if (quoted && char === '\\') at++
    else if (char === '"') quoted = !quoted
    else if (char === separator && !quoted) {
      parts.push(line.slice(from, at))
      from = at + 1
    }
  }
  parts.push(line.slice(from))
  return parts
}

/** An address with or without port, brackets and zone; undefined where it is none. */
function parseAddress(text: string): Address | undefined {
  let bare = text
  if (bare.startsWith('[')) {
    const match = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(bare)
    if (!match) return undefined
    bare = match[1] as string
  } else if (/^[\d.]+:\d{1,5}$/.test(bare)) bare = bare.slice(0, bare.indexOf(':'))
  const zone = bare.indexOf('%')
  if (zone >= 0) bare = bare.slice(0, zone)
  // ipaddr.js also reads `1`, `0x7f.1` and the like as IPv4: spellings no proxy writes.
  if (!bare.includes(':'))
    return ipaddr.IPv4.isValidFourPartDecimal(bare) ? ipaddr.IPv4.parse(bare) : undefined
  return ipaddr.IPv6.isValid(bare) ? ipaddr.process(bare) : undefined
}

function parseNetwork(entry: string): Network {
  const slash = entry.indexOf('/')
  const address = parseAddress(slash < 0 ? entry : entry.slice(0, slash))
  const width = address?.kind() === 'ipv4' ? 32 : 128
  const bits = slash < 0 ? width : Number(entry.slice(slash + 1))
  if (!address || !Number.isInteger(bits) || bits < 0 || bits > width || /\/\D|\/$/.test(entry))
    throw new Fault('settings_invalid', `not a network: ${entry}`, {
      fields: [
        {
          field: 'trustedProxies',
          value: entry,
          expected: 'an address, a CIDR, or one of loopback, private, linklocal',
        },
      ],
    })
  return [address, bits]
}

/** `peer` as we write addresses: IPv4-mapped IPv6 as IPv4, no zone. */
function plain(peer: string): string {
  if (!peer.includes(':')) return peer
  return parseAddress(peer)?.toString() ?? peer
}

/**
 * What a limit per client counts by: the address for IPv4, the /64 for IPv6 (one household or
 * server holds a whole /64, RFC 6177). Unreadable text is returned as it is.
 */
export function clientKey(address: string): string {
  if (!address.includes(':')) return address
  const parsed = parseAddress(address)
  if (!parsed) return address
  if (parsed.kind() === 'ipv4') return parsed.toString()
  const parts = (parsed as ipaddr.IPv6).parts.slice(0, 4)
  return `${parts.map((part) => part.toString(16)).join(':')}::/64`
}
