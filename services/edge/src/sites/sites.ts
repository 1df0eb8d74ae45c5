import type { EdgePolicy } from '../policy.ts'
import type { FieldSource } from '../domain/fields.ts'
import type { Site } from './site.ts'

/** All sites of a node, by host. Never changes: a reload puts another one in its place. */
export class Sites {
  readonly all: readonly Site[]
  readonly #exact = new Map<string, Site>()
  readonly #below: (readonly [suffix: string, site: Site])[] = []
  readonly #others: Site | undefined

  /** No two of `sites` have a host in common. */
  constructor(sites: readonly Site[]) {
    this.all = sites
    let others: Site | undefined
    for (const site of sites) {
      for (const host of site.hosts) {
        if (host === '*') others = site
        else if (host.startsWith('*.')) this.#below.push([host.slice(1), site])
        else this.#exact.set(host, site)
      }
    }
    // The longest suffix is the nearest.
    this.#below.sort(([one], [other]) => other.length - one.length)
    this.#others = others
  }

  /** The site of `host`, a port left aside; undefined where nobody serves it. O(1), save hosts below `*.`: O(such). */
  of(host: string): Site | undefined {
    if (this.#exact.size === 0 && this.#below.length === 0) return this.#others
    const name = hostName(host)
    const exact = this.#exact.get(name)
    if (exact) return exact
    for (const [suffix, site] of this.#below) if (name.endsWith(suffix)) return site
    return this.#others
  }

  /** The policy for a request; undefined where nobody serves its host. */
  policyFor(host: string, path: string, request: FieldSource): EdgePolicy | undefined {
    return this.of(host)?.policyFor(path, request)
  }
}

/** `host` without its port and the root's dot. */
function hostName(host: string): string {
  const colon = host.lastIndexOf(':')
  const name = colon > 0 && !host.endsWith(']') ? host.slice(0, colon) : host
  return name.endsWith('.') ? name.slice(0, -1) : name
}
