/** Languages the shop speaks; each is the first step of a path: `/en/...`, `/zh/...`. */
export const languages = ['zh', 'en'] as const

/** One of `languages`. */
export type Language = (typeof languages)[number]

/** The same words in every language. */
export type Words = Readonly<Record<Language, string>>

/** A shelf of the shop. */
export interface Category {
  readonly id: string
  readonly name: Words
  /** One line under the heading of its page. */
  readonly line: Words
}

/** One thing that can be bought. */
export interface Product {
  /** `<category>-<nn>`, the same string in seckill and recommend. */
  readonly id: string
  readonly categoryId: string
  /** What kind of thing it is: picks its drawing. */
  readonly form: string
  readonly name: Words
  /** Two sentences. */
  readonly description: Words
  /** Lower-case English words, for search and recommendations. */
  readonly tags: readonly string[]
  /** Price in fen (1/100 CNY): whole numbers, so that sums are exact. */
  readonly priceFen: number
  /** Units on the shelf when the shop opened. */
  readonly stock: number
  /** Wall time of its first day on the shelf, ms. */
  readonly publishedAtMs: number
  /** Seed of its picture. */
  readonly look: number
}

/** `12900` -> `¥129.00`. */
export function price(fen: number): string {
  return `¥${(fen / 100).toFixed(2)}`
}
