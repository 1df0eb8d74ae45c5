import type { FieldSource } from '../domain/fields.ts'
import type { EdgePolicy } from '../policy.ts'
import { globMatches, obligingPath } from './glob.ts'

/** Request header a rule asks for. */
export interface HeaderTest {
  /** Lower case. */
  readonly name: string
  readonly pattern: string
}

/** A rule: what it holds for, and what it does. */
export interface Rule {
  readonly path: string
  readonly headers: readonly HeaderTest[]
  readonly policy: EdgePolicy
}

/** What a site is made of. */
export interface SiteParts {
  readonly name: string
  readonly hosts: readonly string[]
  readonly rules: readonly Rule[]
  /** Where no rule fits. */
  readonly otherwise: EdgePolicy
  /** Where the path may be read as one rule's or another's. */
  readonly doubtful: EdgePolicy
}

/** Hosts that are served alike: finds the policy of each request. */
export class Site {
  readonly name: string
  readonly hosts: readonly string[]
  readonly #parts: SiteParts

  constructor(parts: SiteParts) {
    this.name = parts.name
    this.hosts = parts.hosts
    this.#parts = parts
  }

  /**
   * The policy for `path`. A path that an obliging origin would read as another one, under another
   * rule, is passed on and never stored: so `/assets/..%2faccount` cannot have the freshness of
   * `/assets/*` for the page of `/account` (web cache deception). O(rules).
   */
  policyFor(path: string, request: FieldSource): EdgePolicy {
    if (this.#parts.rules.length === 0) return this.#parts.otherwise
    const policy = this.#first(path, request)
    const plain = obligingPath(path)
    if (plain === undefined || this.#first(plain, request) === policy) return policy
    return this.#parts.doubtful
  }

  /** Policies `path` can have, whatever the headers. */
  policiesOf(path: string): readonly EdgePolicy[] {
    const { rules, otherwise } = this.#parts
    const fitting = rules.filter((rule) => globMatches(rule.path, path))
    return [...new Set([...fitting.map(({ policy }) => policy), otherwise])]
  }

  #first(path: string, request: FieldSource): EdgePolicy {
    for (const { path: pattern, headers, policy } of this.#parts.rules) {
      if (!globMatches(pattern, path)) continue
      const fits = headers.every(({ name, pattern: wanted }) => {
        const value = request.get(name)
        return value !== undefined && globMatches(wanted, value)
      })
      if (fits) return policy
    }
    return this.#parts.otherwise
  }
}
