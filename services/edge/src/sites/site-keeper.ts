import type { OriginPool } from '../origins/origin-pool.ts'
import type { OriginSet } from '../origins/origin-set.ts'
import type { OriginSettings } from '../origins/settings.ts'
import { sitesOf, type SitesSource } from './compile.ts'
import { Sites } from './sites.ts'

/** The sites of a node and the origins behind them, as the settings of now say. */
export class SiteKeeper {
  readonly #pool: OriginPool
  #sites: Sites = new Sites([])
  #sets: ReadonlyMap<string, OriginSet> = new Map()

  constructor(pool: OriginPool) {
    this.#pool = pool
  }

  get sites(): Sites {
    return this.#sites
  }

  /** Origins by the name of their site. */
  get origins(): ReadonlyMap<string, OriginSet> {
    return this.#sets
  }

  /**
   * Takes up `settings`. Throws `Fault('settings_invalid')` and keeps what was where they are bad.
   * Origins that are in both keep their connections and what is known of them; those that are gone
   * answer what they were asked and are let go in the background: resolve `gone` to see it.
   */
  take(settings: SitesSource & OriginSettings): { readonly gone: Promise<void> } {
    const sets = new Map<string, OriginSet>()
    let sites: Sites
    try {
      sites = sitesOf(settings, (site, urls, healthPath) => {
        const set = this.#pool.set(urls, { ...settings, healthPath })
        sets.set(site, set)
        return set
      })
    } catch (caught) {
      this.#pool.forget()
      throw caught
    }
    this.#sites = sites
    this.#sets = sets
    return { gone: this.#pool.settle() }
  }
}
