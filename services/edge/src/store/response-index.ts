import type { FieldSource } from '../domain/fields.ts'
import type { ContentRange } from '../domain/ranges.ts'
import { selects, type Selector } from '../domain/vary.ts'

/** What to purge; each member on its own, all of them together. */
export interface PurgeOrder {
  /** Cache keys. */
  readonly keys: readonly string[]
  readonly tags: readonly string[]
  /** Beginnings of cache keys: `http://host/path/`. */
  readonly prefixes: readonly string[]
  readonly hosts: readonly string[]
  readonly all: boolean
  /** Marks stale in place of removing: served while it is validated and where the origin fails. */
  readonly soft: boolean
}

/** An order that names nothing. */
export const emptyOrder: PurgeOrder = {
  keys: [],
  tags: [],
  prefixes: [],
  hosts: [],
  all: false,
  soft: false,
}

/** By what a stored response is found, in whichever tier it lies. */
export interface Indexed {
  readonly key: string
  readonly host: string
  readonly tags: readonly string[]
  readonly selector: Selector
  /** Which bytes it holds; undefined where it is whole. */
  readonly partial: ContentRange | undefined
  /** False once it is out of its tier: nobody is given it, though the index may name it for a moment yet. */
  readonly live: boolean
}

/** Stored responses of one tier by key, tag and host: a purge touches only what it removes. */
export class ResponseIndex<Item extends Indexed> {
  readonly #byKey = new Map<string, Item[]>()
  readonly #byTag = new Map<string, Set<Item>>()
  readonly #byHost = new Map<string, Set<Item>>()

  /** All of `key`, newest last; empty where there are none. */
  variants(key: string): readonly Item[] {
    const all = this.#byKey.get(key)
    if (!all) return []
    return all.every(isLive) ? all : all.filter(isLive)
  }

  /** The newest whole response of `key` that `request` selects; undefined where none. O(variants). */
  find(key: string, request: FieldSource): Item | undefined {
    const variants = this.#byKey.get(key)
    if (!variants) return undefined
    for (let at = variants.length - 1; at >= 0; at--) {
      const item = variants[at] as Item
      if (item.live && !item.partial && selects(item.selector, request)) return item
    }
    return undefined
  }

  /** What stands in the place that `other` would take: same key, same selector, whole or part alike. */
  same(other: Omit<Indexed, 'live'>): Item | undefined {
    return this.#byKey.get(other.key)?.find((item) => item.live && sameSelector(item, other))
  }

  add(item: Item): void {
    addTo(this.#byTag, item.tags, item)
    addTo(this.#byHost, [item.host], item)
    const variants = this.#byKey.get(item.key)
    if (variants) variants.push(item)
    else this.#byKey.set(item.key, [item])
  }

  /** O(variants + tags). */
  delete(item: Item): void {
    const variants = this.#byKey.get(item.key)
    const at = variants?.indexOf(item) ?? -1
    if (!variants || at < 0) return
    if (variants.length > 1) variants.splice(at, 1)
    else this.#byKey.delete(item.key)
    removeFrom(this.#byTag, item.tags, item)
    removeFrom(this.#byHost, [item.host], item)
  }

  /** All that `order` names. O(responses found), save prefixes: O(responses of their host). */
  named(order: PurgeOrder): Set<Item> {
    const found = new Set<Item>()
    const take = (items: Iterable<Item> | undefined): void => {
      if (items) for (const item of items) if (item.live) found.add(item)
    }
    for (const key of order.keys) take(this.#byKey.get(key))
    for (const tag of order.tags) take(this.#byTag.get(tag))
    for (const host of order.hosts) take(this.#byHost.get(host))
    for (const prefix of order.prefixes) {
      if (!URL.canParse(prefix)) continue
      for (const item of this.#byHost.get(new URL(prefix).host) ?? [])
        if (item.live && item.key.startsWith(prefix)) found.add(item)
    }
    if (order.all) for (const items of this.#byKey.values()) take(items)
    return found
  }
}

/** True for selectors that choose alike. */
export function sameSelectors(left: Selector, right: Selector): boolean {
  return (
    left.names.length === right.names.length &&
    left.names.every((name, at) => name === right.names[at] && left.values[at] === right.values[at])
  )
}

const isLive = ({ live }: Indexed): boolean => live

function sameSelector(one: Indexed, other: Omit<Indexed, 'live'>): boolean {
  if ((one.partial === undefined) !== (other.partial === undefined)) return false
  return sameSelectors(one.selector, other.selector)
}

function addTo<Item>(index: Map<string, Set<Item>>, names: readonly string[], item: Item): void {
  for (const name of names) {
    const set = index.get(name)
    if (set) set.add(item)
    else index.set(name, new Set([item]))
  }
}

function removeFrom<Item>(
  index: Map<string, Set<Item>>,
  names: readonly string[],
  item: Item,
): void {
  for (const name of names) {
    const set = index.get(name)
    set?.delete(item)
    if (set?.size === 0) index.delete(name)
  }
}
