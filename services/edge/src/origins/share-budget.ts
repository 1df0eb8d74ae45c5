/** Most tokens a budget saves up: what may be spent at once after a calm. */
export const budgetBurst = 100

/**
 * Extra requests (retries, hedges) as a share of ordinary ones, so that help for one slow answer
 * can never become a flood on an origin that is down.
 */
export class ShareBudget {
  readonly #share: number
  #tokens: number

  /** `share`: 0 to 1; 0 allows none. */
  constructor(share: number) {
    this.#share = share
    this.#tokens = share > 0 ? budgetBurst : 0
  }

  /** An ordinary request was made. */
  earn(): void {
    this.#tokens = Math.min(budgetBurst, this.#tokens + this.#share)
  }

  /** True where one more extra request may be made. */
  get affordable(): boolean {
    return this.#tokens >= 1
  }

  /** Takes one extra request. */
  spend(): void {
    this.#tokens--
  }
}
