/** What is to be forgotten: cache keys, and URLs for those who make other keys of them. */
export interface Forgotten {
  readonly keys: readonly string[]
  readonly urls: readonly string[]
  /** Too much to name. */
  readonly all: boolean
}

/** Most URLs that wait to be told; at more, everything is to be forgotten. */
export const waitingMax = 10_000

/** Tells what is to be forgotten, one message under way at a time: what comes meanwhile goes together. */
export class Telling {
  readonly #tell: (what: Forgotten) => Promise<void>
  readonly #keys = new Set<string>()
  readonly #urls = new Set<string>()
  #all = false
  #busy = false

  /** `tell` resolves once the message is on its way, and never rejects. */
  constructor(tell: (what: Forgotten) => Promise<void>) {
    this.#tell = tell
  }

  add({ keys, urls, all }: Forgotten): void {
    for (const key of keys) this.#keys.add(key)
    for (const url of urls) this.#urls.add(url)
    if (all || this.#keys.size + this.#urls.size > waitingMax) {
      this.#all = true
      this.#keys.clear()
      this.#urls.clear()
    }
    if (this.#busy) return
    this.#busy = true
    // Owner: this object; `tell` never rejects.
    void this.#run()
  }

  async #run(): Promise<void> {
    while (this.#all || this.#keys.size + this.#urls.size > 0) {
      const what = { keys: [...this.#keys], urls: [...this.#urls], all: this.#all }
      this.#keys.clear()
      this.#urls.clear()
      this.#all = false
      await this.#tell(what)
    }
    this.#busy = false
  }
}
