import type { Indexed, PurgeOrder } from '../store/response-index.ts'

/** Most names of purges remembered; at more, everything before counts as purged. */
export const purgedNamesMax = 100_000
/** Most beginnings of keys among them: each is compared with every response that is asked for. */
export const purgedPrefixesMax = 1000

interface Purged {
  readonly epoch: number
  readonly atMs: number
}

/** What was purged lately, and when: by epoch, for responses that tell theirs. */
export class PurgedNames {
  /** By kind and name, oldest first. */
  readonly #names = new Map<string, Purged>()
  readonly #prefixes = new Map<string, Purged>()
  #allEpoch = 0

  /** Notes that `order` was carried out as number `epoch`. */
  add(order: PurgeOrder, epoch: number, nowMs: number): void {
    if (order.all) return this.addAll(epoch)
    const purged = { epoch, atMs: nowMs }
    for (const key of order.keys) put(this.#names, `key ${key}`, purged)
    for (const tag of order.tags) put(this.#names, `tag ${tag}`, purged)
    for (const host of order.hosts) put(this.#names, `host ${host}`, purged)
    for (const prefix of order.prefixes) put(this.#prefixes, prefix, purged)
    if (this.#names.size > purgedNamesMax || this.#prefixes.size > purgedPrefixesMax)
      this.addAll(epoch)
  }

  /** Everything up to `epoch` is purged. */
  addAll(epoch: number): void {
    this.#allEpoch = Math.max(this.#allEpoch, epoch)
    this.#names.clear()
    this.#prefixes.clear()
  }

  /** True where a purge after `epoch` concerns `response`. O(tags + prefixes). */
  concern({ key, host, tags }: Pick<Indexed, 'key' | 'host' | 'tags'>, epoch: number): boolean {
    const later = (name: string): boolean => (this.#names.get(name)?.epoch ?? 0) > epoch
    if (this.#allEpoch > epoch || later(`key ${key}`) || later(`host ${host}`)) return true
    if (tags.some((tag) => later(`tag ${tag}`))) return true
    for (const [prefix, purged] of this.#prefixes)
      if (purged.epoch > epoch && key.startsWith(prefix)) return true
    return false
  }

  /** Forgets what was purged before `beforeMs`. O(forgotten). */
  forget(beforeMs: number): void {
    for (const names of [this.#names, this.#prefixes])
      for (const [name, { atMs }] of names) {
        if (atMs >= beforeMs) break
        names.delete(name)
      }
  }
}

/** The newest stands last. */
function put(names: Map<string, Purged>, name: string, purged: Purged): void {
  names.delete(name)
  names.set(name, purged)
}
