/**
 * Two well-known designs that must fail the checker. Their store (the part that would be Redis)
 * outlives the process and never fails, so what breaks them is the design alone.
 */
import type { Answer, FinalOrder, OnSale } from '../checker/history.ts'
import type { Ask, Design, Seller, Surroundings } from './design.ts'

interface Remote {
  readonly stock: Map<string, number>
  readonly locks: Set<string>
  readonly orders: FinalOrder[]
}

function remoteOf({ remote, products }: Surroundings): Remote {
  const known = remote.get('store') as Remote | undefined
  if (known) return known
  const stock = new Map(products.map((product) => [product.productId, product.stock]))
  const made: Remote = { stock, locks: new Set(), orders: [] }
  remote.set('store', made)
  return made
}

/** One round trip to the store. */
function trip({ clock, chance }: Surroundings): Promise<void> {
  return clock.sleep(0.2 + chance.float())
}

function sellerOf(around: Surroundings, buy: (ask: Ask) => Promise<Answer>): Seller {
  const store = remoteOf(around)
  return {
    handle: async (ask) => {
      if (ask.kind === 'purchase') return buy(ask)
      await trip(around)
      const at = store.orders.findIndex((order) => order.orderId === ask.orderId)
      const order = store.orders[at]
      if (!order || order.userId !== ask.userId) return { kind: 'refused', code: 'not_found' }
      const status = ask.kind === 'pay' ? 'paid' : 'cancelled'
      store.orders[at] = { ...order, status }
      return { kind: 'order', status }
    },
    orders: () => store.orders.map((order) => lapsed(order)),
    counters: (): OnSale['counters'] => undefined,
  }
}

// The controls are not judged for reservations that do not lapse: they never promised it.
function lapsed(order: FinalOrder): FinalOrder {
  return order.status === 'reserved' ? { ...order, status: 'paid' } : order
}

function newOrder(around: Surroundings, ask: Ask): FinalOrder {
  const { userId, productId, quantity } = ask
  const orderId = `o${around.lives}-${around.chance.uint32()}`
  const createdAtMs = around.clock.now()
  return { orderId, userId, productId, quantity, status: 'reserved', createdAtMs }
}

/** Lock the user (SETNX), take stock, delete the lock, answer; the order is written afterwards. */
export const fourStepDesign: Design = {
  name: 'control: four steps with a lock',
  open: async (around) => {
    const store = remoteOf(around)
    return sellerOf(around, async (ask) => {
      const lock = `${ask.userId}/${ask.productId}`
      await trip(around)
      if (store.locks.has(lock)) return { kind: 'refused', code: 'duplicate_request' }
      store.locks.add(lock)
      await trip(around)
      const left = store.stock.get(ask.productId) ?? 0
      if (left < ask.quantity) {
        store.locks.delete(lock)
        return { kind: 'refused', code: 'sold_out' }
      }
      store.stock.set(ask.productId, left - ask.quantity)
      await trip(around)
      store.locks.delete(lock)
      const order = newOrder(around, ask)
      // The background task: it dies with the process, and the buyer has his answer already.
      around.clock.after(30, () => store.orders.push(order))
      return { kind: 'reserved', orderId: order.orderId }
    })
  },
}

/** `if total >= sold then sold = sold + n`: reads, compares the wrong way, writes in another call. */
export const checkThenActDesign: Design = {
  name: 'control: check, then act',
  open: async (around) => {
    const store = remoteOf(around)
    return sellerOf(around, async (ask) => {
      await trip(around)
      const left = store.stock.get(ask.productId) ?? 0
      if (left < 0) return { kind: 'refused', code: 'sold_out' }
      await trip(around)
      store.stock.set(ask.productId, left - ask.quantity)
      const order = newOrder(around, ask)
      store.orders.push(order)
      return { kind: 'reserved', orderId: order.orderId }
    })
  },
}
