import { SeededChance, type Chance } from '@spate/runtime/chance'
import { forms } from './forms.ts'
import type { Category, Product } from './product.ts'
import { categories, materials, series, type Form } from './vocabulary.ts'

/** Most products one form can have: one for each series name, so that no two share a name. */
export const productsPerFormMax: number = series.length

/** Day the first product went on the shelf: a fixed date, so that the same seed gives the same shop. */
const openedAtMs = Date.UTC(2026, 0, 5)
const dayMs = 86_400_000

/** Everything the shop sells. */
export interface Catalogue {
  readonly categories: readonly Category[]
  readonly products: readonly Product[]
  /** Undefined where there is no such product. */
  product(id: string): Product | undefined
  category(id: string): Category | undefined
  /** In shelf order; empty where there is no such category. */
  inCategory(id: string): readonly Product[]
  /** Best matches first, at most `limit`; every word of the query must be found. O(products). */
  search(query: string, limit: number): readonly Product[]
}

/** Makes the same catalogue for the same seed on every machine: `perForm` products of each form. */
export function makeCatalogue(seed: number, perForm = 5): Catalogue {
  const chance = new SeededChance(seed)
  const shelves = new Map<string, Product[]>(categories.map(({ id }) => [id, []]))
  for (const form of forms) {
    const names = shuffled(series, chance).slice(0, Math.min(perForm, productsPerFormMax))
    for (const name of names) {
      const shelf = shelves.get(form.category) ?? []
      shelf.push(makeProduct(form, name, shelf.length + 1, chance))
    }
  }
  const products = [...shelves.values()].flat()
  const byId = new Map(products.map((product) => [product.id, product]))
  const haystacks = products.map((product) => ({ product, text: searchText(product) }))
  return {
    categories,
    products,
    product: (id) => byId.get(id),
    category: (id) => categories.find((category) => category.id === id),
    inCategory: (id) => shelves.get(id) ?? [],
    search: (query, limit) => search(haystacks, query, limit),
  }
}

function makeProduct(
  form: Form,
  name: { readonly en: string; readonly zh: string },
  number: number,
  chance: Chance,
): Product {
  const material = form.materials[chance.integer(0, form.materials.length - 1)] ?? 'recycled'
  const made = materials[material]
  const [low, high] = form.yuan
  // Squaring leans towards the cheap end, as shelves do; prices end in 9, as prices do.
  const yuan = Math.round((low + (high - low) * chance.float() ** 2) / 10) * 10 - 1
  const look = chance.uint32()
  return {
    id: `${form.category}-${String(number).padStart(2, '0')}`,
    categoryId: form.category,
    form: form.id,
    name: {
      en: `${name.en} ${made.name.en} ${form.noun.en}`,
      zh: `${name.zh}${made.name.zh}${form.noun.zh}`,
    },
    description: {
      en: `${form.use.en.charAt(0).toUpperCase()}${form.use.en.slice(1)}. ${made.care.en}`,
      zh: `${form.use.zh}。${made.care.zh}`,
    },
    tags: [...new Set([material, form.id, ...form.tags])],
    priceFen: Math.max(9, yuan) * 100,
    stock: chance.integer(12, 400),
    publishedAtMs: openedAtMs + chance.integer(0, 300) * dayMs,
    look,
  }
}

/** Fisher-Yates on a copy. */
function shuffled<Item>(items: readonly Item[], chance: Chance): Item[] {
  const deck = [...items]
  for (let at = deck.length - 1; at > 0; at--) {
    const other = chance.integer(0, at)
    const held = deck[at] as Item
    deck[at] = deck[other] as Item
    deck[other] = held
  }
  return deck
}

interface Haystack {
  readonly product: Product
  readonly text: { readonly name: string; readonly rest: string }
}

function searchText(product: Product): Haystack['text'] {
  const category = categories.find(({ id }) => id === product.categoryId)
  return {
    name: `${product.name.en} ${product.name.zh}`.toLowerCase(),
    rest: [
      product.id,
      ...product.tags,
      category?.name.en,
      category?.name.zh,
      product.description.en,
      product.description.zh,
    ]
      .join(' ')
      .toLowerCase(),
  }
}

/** Longest query that is looked at, in characters; the rest is cut. */
export const queryCharactersMax = 80

function search(haystacks: readonly Haystack[], query: string, limit: number): readonly Product[] {
  const needles = query
    .slice(0, queryCharactersMax)
    .toLowerCase()
    .split(/[\s,，。]+/u)
    .filter((needle) => needle !== '')
  if (needles.length === 0) return []
  const found: { product: Product; score: number }[] = []
  for (const { product, text } of haystacks) {
    let score = 0
    for (const needle of needles) {
      if (text.name.includes(needle)) score += 3
      else if (text.rest.includes(needle)) score += 1
      else {
        score = 0
        break
      }
    }
    if (score > 0) found.push({ product, score })
  }
  return found
    .sort((a, b) => b.score - a.score || (a.product.id < b.product.id ? -1 : 1))
    .slice(0, limit)
    .map(({ product }) => product)
}
