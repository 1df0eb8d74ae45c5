/**
 * Where names of origins may lead. A name is somebody else's word: its owner can point it at
 * 169.254.169.254 or at a database in our own network, today or a second after we looked
 * (server-side request forgery by DNS rebinding). So the check is made on the very addresses the
 * connection is opened to, each time one is opened. An address that stands in the settings itself
 * is the operator's own word and is not checked.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { BlockList, isIPv6 } from 'node:net'
import { namedNetworks } from '@spate/http/client-address'
import { Fault } from '@spate/runtime/fault'

/** Answers of a resolver: all addresses of a name. */
export type Lookup = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: Error | null, addresses: readonly LookupAddress[]) => void,
) => void

/** Networks that a public name has no business in (RFC 6890 and its registry). */
const closedNetworks: readonly string[] = (
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 ' +
  '224.0.0.0/4 240.0.0.0/4 ::/128 ::1/128 64:ff9b::/96 2002::/16 fc00::/7 fe80::/10 ff00::/8'
).split(' ')

/** Addresses a name may lead to. */
export class AddressGuard {
  readonly #closed = blockList(closedNetworks)
  readonly #allowed: BlockList
  readonly #loopback = blockList(namedNetworks['loopback'] ?? [])
  readonly #resolve: Lookup

  /** `allowed`: closed networks that are open here: CIDRs, or `private`, `loopback`, `linklocal`. */
  constructor(allowed: readonly string[], resolve: Lookup = systemLookup) {
    this.#allowed = blockList(allowed.flatMap((each) => namedNetworks[each] ?? [each]))
    this.#resolve = resolve
  }

  /** True where a connection for `hostname` may go to `address`. `localhost` may be loopback (RFC 6761 section 6.3). */
  permits(hostname: string, address: string): boolean {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
    const family = isIPv6(plain) ? 'ipv6' : 'ipv4'
    if (this.#allowed.check(plain, family)) return true
    if (/(?:^|\.)localhost\.?$/i.test(hostname)) return this.#loopback.check(plain, family)
    return !this.#closed.check(plain, family)
  }

  /** A `lookup` for `net.connect` that yields permitted addresses only; a `Fault` where none is. */
  readonly lookup = (
    hostname: string,
    options: { readonly all?: boolean | undefined },
    callback: (error: Error | null, found: string | LookupAddress[], family?: number) => void,
  ): void => {
    this.#resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, [])
      const permitted = addresses.filter(({ address }) => this.permits(hostname, address))
      const [first] = permitted
      if (!first) return callback(refusal(hostname, addresses), [])
      if (options.all) callback(null, permitted)
      else callback(null, first.address, first.family)
    })
  }
}

function refusal(hostname: string, addresses: readonly LookupAddress[]): Fault {
  const where = addresses.map(({ address }) => address).join(', ')
  return new Fault(
    'bad_gateway',
    `${hostname} leads into a closed network (${where || 'nowhere'}); originNetworks opens networks`,
  )
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
