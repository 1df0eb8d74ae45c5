import type { KeyRules } from './domain/cache-key.ts'
import type { StoringRules } from './domain/storing.ts'
import type { Origin } from './origins/origin.ts'

/** How requests of one site under one rule are answered. Compared by identity; never changes. */
export interface EdgePolicy {
  /** Name of the site. */
  readonly site: string
  /** Place of the rule in the settings, `rules[2] /assets/*`; `otherwise` where none fits. */
  readonly rule: string
  readonly origin: Origin
  readonly keys: KeyRules
  /** What selects a stored response beside Vary: see `KeyedFields`. Sorted. */
  readonly keyed: readonly string[]
  readonly storing: StoringRules
  /** Pass on, store nothing. */
  readonly bypass: boolean
  /** Obey Cache-Control and Pragma of clients (RFC 9111 section 5.2.1). */
  readonly honourClient: boolean
  /** Largest body kept in memory, bytes. */
  readonly objectBytesMax: number
}
