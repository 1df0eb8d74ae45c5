import type { Context } from '@opentelemetry/api'
import { uuidv7 } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Catalogue } from './catalogue/catalogue.ts'
import type { Language, Product } from './catalogue/product.ts'
import type { Pick } from './pages/browse.ts'
import { isRecord, textOf, type Upstream } from './upstream.ts'

/** Something a visitor did. */
export interface Deed {
  readonly userId: string
  readonly itemId: string
  readonly type: 'view' | 'click' | 'purchase'
  /** The recommendation it came from. */
  readonly requestId?: string
  /** The same id counts once; one is made where absent. */
  readonly eventId?: string
}

/** What is recommended to one visitor. */
export interface Recommended {
  readonly picks: readonly Pick[]
  readonly requestId: string
}

/** Most products looked up for one reason. */
const evidenceMax = 20

/** How many products a block shows. */
export const picksMax = 8

/** The recommender as the shop sees it: every call has a deadline, and the shop lives without. */
export class Recommend {
  readonly #upstream: Upstream
  readonly #catalogue: Catalogue
  readonly #clock: Clock
  readonly #glanceMs: number

  constructor(
    upstream: Upstream,
    options: { readonly catalogue: Catalogue; readonly clock: Clock; readonly glanceMs: number },
  ) {
    this.#upstream = upstream
    this.#catalogue = options.catalogue
    this.#clock = options.clock
    this.#glanceMs = options.glanceMs
  }

  /** For one visitor, on the page of `itemId` where given; empty where no answer came in time. */
  async forVisitor(
    visitor: { readonly userId: string; readonly itemId?: string; readonly language: Language },
    context: Context,
  ): Promise<Recommended> {
    const { userId, itemId, language } = visitor
    try {
      const answer = await this.#upstream.call('/recommend', {
        method: 'POST',
        body: {
          userId,
          numItems: picksMax,
          ...(itemId === undefined ? {} : { context: { itemId }, exclude: [itemId] }),
        },
        headers: { 'accept-language': language === 'zh' ? 'zh-CN' : 'en' },
        timeoutMs: this.#glanceMs,
        context,
      })
      if (answer.status !== 200) return { picks: [], requestId: '' }
      return {
        picks: this.#picks(answer.value['items'], language),
        requestId: textOf(answer.value, 'requestId'),
      }
    } catch {
      // The block then says that nothing arrived; the page around it stands already.
      return { picks: [], requestId: '' }
    }
  }

  /** Products near `itemId`, the same for everybody. `complete` is false where no answer came. */
  async similar(
    itemId: string,
    context: Context,
  ): Promise<{ readonly products: readonly Product[]; readonly complete: boolean }> {
    return this.#list(
      `/recommend/similar/${encodeURIComponent(itemId)}`,
      '/recommend/similar/{itemId}',
      context,
    )
  }

  /** What most people look at now. */
  async popular(
    context: Context,
  ): Promise<{ readonly products: readonly Product[]; readonly complete: boolean }> {
    return this.#list('/recommend/popular', '/recommend/popular', context)
  }

  /** Tells of a deed; true where it was taken. Never throws: a lost view must not spoil a page. */
  async tell(deed: Deed, context: Context): Promise<boolean> {
    try {
      const answer = await this.#upstream.call('/recommend/events', {
        method: 'POST',
        body: { eventId: uuidv7(this.#clock.now()), timestamp: this.#clock.now(), ...deed },
        timeoutMs: this.#glanceMs * 4,
        context,
      })
      return answer.status === 202
    } catch {
      return false
    }
  }

  async #list(
    path: string,
    template: string,
    context: Context,
  ): Promise<{ readonly products: readonly Product[]; readonly complete: boolean }> {
    try {
      const answer = await this.#upstream.call(path, {
        timeoutMs: this.#glanceMs,
        context,
        template,
      })
      const items = Array.isArray(answer.value['items']) ? answer.value['items'] : answer.list
      const products = items
        .filter(isRecord)
        .map((item) => this.#catalogue.product(textOf(item, 'itemId')))
        .filter((product) => product !== undefined)
        .slice(0, picksMax)
      return { products, complete: answer.status === 200 }
    } catch {
      return { products: [], complete: false }
    }
  }

  #picks(items: unknown, language: Language): readonly Pick[] {
    if (!Array.isArray(items)) return []
    const picks: Pick[] = []
    for (const item of items.filter(isRecord)) {
      const product = this.#catalogue.product(textOf(item, 'itemId'))
      const reason = isRecord(item['reason']) ? item['reason'] : {}
      if (product) picks.push({ product, reason: this.#reason(reason, language) })
    }
    return picks.slice(0, picksMax)
  }

  /** The reason as recommend wrote it, with the names of products in the visitor's language. */
  #reason(reason: Readonly<Record<string, unknown>>, language: Language): string {
    const evidence = isRecord(reason['evidence']) ? reason['evidence'] : {}
    let text = textOf(reason, 'text')
    for (const value of Object.values(evidence).flat().slice(0, evidenceMax)) {
      const product = typeof value === 'string' ? this.#catalogue.product(value) : undefined
      if (product) text = text.replaceAll(product.name.en, product.name[language])
    }
    return text
  }
}
