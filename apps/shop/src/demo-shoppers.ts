import { SeededChance, type Chance } from '@spate/runtime/chance'
import type { Catalogue } from './catalogue/catalogue.ts'
import type { Product } from './catalogue/product.ts'

/** One made-up deed, as recommend takes it. */
export interface DemoEvent {
  readonly eventId: string
  readonly userId: string
  readonly itemId: string
  readonly type: 'view' | 'click' | 'purchase'
  readonly timestamp: number
}

/** Time over which the made-up visits are spread, ms: three days. */
export const demoSpanMs = 259_200_000

/** Visits of one made-up shopper. */
const visitsEach = 14

/**
 * Believable visits of `shoppers` made-up people, oldest first: each likes two shelves, comes back
 * to a favourite and buys now and then. Their ids begin with `demo-`; the same seed and the same
 * `nowMs` give the same events, and the same ids whatever the time.
 */
export function demoEvents(
  catalogue: Catalogue,
  options: { readonly seed: number; readonly shoppers: number; readonly nowMs: number },
): readonly DemoEvent[] {
  const { seed, shoppers, nowMs } = options
  const chance = new SeededChance(seed ^ 0x5ea7e)
  const events: DemoEvent[] = []
  for (let shopper = 1; shopper <= shoppers; shopper++) {
    const userId = `demo-${String(shopper).padStart(4, '0')}`
    const shelves = [pick(catalogue.categories, chance), pick(catalogue.categories, chance)]
    let atMs = nowMs - demoSpanMs + chance.float() * demoSpanMs * 0.7
    for (let visit = 1; visit <= visitsEach; visit++) {
      // Squared: the front of a shelf is looked at most, so something becomes popular.
      const shelf = catalogue.inCategory(pick(shelves, chance).id)
      const product = shelf[Math.floor(chance.float() ** 2 * shelf.length)] as Product
      const type = chance.float() < 0.14 ? 'purchase' : chance.float() < 0.3 ? 'click' : 'view'
      atMs = Math.min(nowMs, atMs + 20_000 + chance.float() * 5_400_000)
      events.push({
        eventId: `demo-event-${seed}-${shopper}-${visit}`,
        userId,
        itemId: product.id,
        type,
        timestamp: Math.floor(atMs),
      })
    }
  }
  return events.sort((a, b) => a.timestamp - b.timestamp)
}

function pick<Item>(items: readonly Item[], chance: Chance): Item {
  return items[chance.integer(0, items.length - 1)] as Item
}
