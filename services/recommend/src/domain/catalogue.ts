/** What is known of an item. */
export interface Item {
  readonly itemId: string
  readonly title: string
  readonly categories: readonly string[]
  readonly tags: readonly string[]
  /** In the shop's currency; absent where unknown. */
  readonly price?: number
  /** Units left; absent where stock does not matter. */
  readonly stock?: number
  readonly hidden: boolean
  /** Ms since the Unix epoch; absent where unknown. */
  readonly publishedAtMs?: number
  readonly vector?: readonly number[]
  /** When it was first described, ms since the Unix epoch. */
  readonly addedAtMs?: number
  /** True where only events named the item so far, and nobody described it. */
  readonly undescribed?: true
}

/** Items by number: every table of the engine speaks of an item by its place here. */
export class Catalogue {
  readonly itemsMax: number
  readonly #numbers = new Map<string, number>()
  readonly #items: Item[] = []
  /** 1 where the item may be shown: asked for each candidate of each list. */
  #showable = new Uint8Array(64)
  #version = 0
  #refused = 0

  /** `itemsMax`: most items held; further ones are refused. */
  constructor(itemsMax: number) {
    this.itemsMax = itemsMax
  }

  /** Items held. */
  get size(): number {
    return this.#items.length
  }

  /** Times a new item found no room. */
  get refused(): number {
    return this.#refused
  }

  /** Goes up with every change of a described item. */
  get version(): number {
    return this.#version
  }

  /** The item's number; undefined where it is not known. */
  numberOf(itemId: string): number | undefined {
    return this.#numbers.get(itemId)
  }

  at(number: number): Item | undefined {
    return this.#items[number]
  }

  /** The item's number, making a place for a new one; undefined where the catalogue is full. */
  intern(itemId: string): number | undefined {
    const known = this.#numbers.get(itemId)
    if (known !== undefined) return known
    return this.#append({
      itemId,
      title: itemId,
      categories: [],
      tags: [],
      hidden: false,
      undescribed: true,
    })
  }

  /** Adds or replaces an item; its number, or undefined where the catalogue is full. */
  put(item: Item): number | undefined {
    const known = this.#numbers.get(item.itemId)
    if (known === undefined) return this.#append(item)
    const { addedAtMs } = this.#items[known] as Item
    this.#set(known, addedAtMs === undefined ? item : { ...item, addedAtMs })
    this.#version++
    return known
  }

  /** Changes the stock of a known item by `delta`, never below 0; does nothing where none is kept. */
  moveStock(number: number, delta: number): void {
    const item = this.#items[number]
    if (item?.stock === undefined) return
    this.#set(number, { ...item, stock: Math.max(0, item.stock + delta) })
  }

  /** True where the item may be shown at all: not hidden, not sold out. */
  showable(number: number): boolean {
    return this.#showable[number] === 1
  }

  /** All items in order of number. Do not change it. */
  get items(): readonly Item[] {
    return this.#items
  }

  #append(item: Item): number | undefined {
    if (this.#items.length >= this.itemsMax) {
      this.#refused++
      return undefined
    }
    const number = this.#items.length
    this.#set(number, item)
    this.#numbers.set(item.itemId, number)
    this.#version++
    return number
  }

  #set(number: number, item: Item): void {
    this.#items[number] = item
    if (number >= this.#showable.length) {
      const room = new Uint8Array(2 * number)
      room.set(this.#showable)
      this.#showable = room
    }
    this.#showable[number] = item.hidden || item.stock === 0 ? 0 : 1
  }
}
