import type { OriginExchange } from '../origins/origin.ts'

/** An exchange that may begin later, or never: what is wanted of it meanwhile is remembered. */
export class LateExchange implements OriginExchange {
  #exchange: OriginExchange | undefined
  #aborted = false
  #paused = false

  /** True where nobody wants it any more. */
  get aborted(): boolean {
    return this.#aborted
  }

  attach(exchange: OriginExchange): void {
    this.#exchange = exchange
    if (this.#aborted) exchange.abort()
    else if (this.#paused) exchange.pause()
  }

  pause(): void {
    this.#paused = true
    this.#exchange?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#exchange?.resume()
  }

  abort(): void {
    this.#aborted = true
    this.#exchange?.abort()
  }
}
