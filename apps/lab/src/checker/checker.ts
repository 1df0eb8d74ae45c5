/**
 * Judges a history: each function proves one promise of a flash sale or names who broke it.
 * It knows nothing of how the sale works; it is given what clients saw and the final orders.
 */
import type { FinalOrder, History, OnSale, Violation, ViolationKind } from './history.ts'

type Report = (kind: ViolationKind, detail: string) => void

const held = (order: FinalOrder): boolean => order.status === 'reserved' || order.status === 'paid'
const units = (orders: readonly FinalOrder[]): number =>
  orders.reduce((sum, order) => sum + order.quantity, 0)

/** All broken promises of a run; empty where every one was kept. O(operations x products). */
export function checkHistory(history: History): Violation[] {
  const violations: Violation[] = []
  const report: Report = (kind, detail) => violations.push({ kind, detail })
  checkStock(history, report)
  checkOrders(history, report)
  checkKeys(history, report)
  checkSoldOut(history, report)
  checkWindow(history, report)
  checkEndings(history, report)
  return violations
}

function checkStock({ products, orders, clockSlackMs }: History, report: Report): void {
  for (const product of products) {
    const own = orders.filter((order) => order.productId === product.productId)
    const sold = units(own.filter(held))
    if (sold > product.stock)
      report('oversold', `${product.productId}: ${sold} of ${product.stock} are held`)
    const byUser = new Map<string, number>()
    for (const order of own.filter(held))
      byUser.set(order.userId, (byUser.get(order.userId) ?? 0) + order.quantity)
    for (const [userId, count] of byUser)
      if (count > product.perUserLimit)
        report('limit-exceeded', `${userId} holds ${count} of ${product.productId}`)
    for (const order of own)
      if (
        order.createdAtMs < product.startsAtMs - clockSlackMs ||
        order.createdAtMs >= product.endsAtMs + clockSlackMs
      )
        report('sold-outside-window', `${order.orderId} at ${order.createdAtMs}`)
    checkCounters(product, own, report)
  }
}

function checkCounters(product: OnSale, own: readonly FinalOrder[], report: Report): void {
  const { counters, stock, productId } = product
  if (!counters) return
  const reserved = units(own.filter((order) => order.status === 'reserved'))
  const paid = units(own.filter((order) => order.status === 'paid'))
  const { remaining } = counters
  if (
    remaining < 0 ||
    remaining !== stock - reserved - paid ||
    counters.reserved !== reserved ||
    counters.paid !== paid
  )
    report(
      'counters-wrong',
      `${productId}: remaining ${remaining}, reserved ${counters.reserved}, paid ${counters.paid}; orders say ${stock - reserved - paid}, ${reserved}, ${paid}`,
    )
}

/** Every answer OK has its order, and every order has an intent of its own. */
function checkOrders({ operations, orders }: History, report: Report): void {
  const byId = new Map(orders.map((order) => [order.orderId, order]))
  const intents = new Map<string, number>()
  for (const operation of operations) {
    if (operation.kind !== 'purchase') continue
    const name = nameOf(operation)
    intents.set(name, (intents.get(name) ?? 0) + 1)
    for (const { answer } of operation.answers) {
      if (answer.kind !== 'reserved') continue
      const order = byId.get(answer.orderId)
      if (!order || nameOf(order) !== name)
        report('lost-order', `${operation.userId} was promised ${answer.orderId}`)
    }
  }
  for (const order of orders) {
    const left = (intents.get(nameOf(order)) ?? 0) - 1
    intents.set(nameOf(order), left)
    if (left < 0) report('invented-order', `${order.orderId} of ${order.userId} has no intent`)
  }
}

function nameOf(wish: { userId: string; productId: string; quantity: number }): string {
  return `${wish.userId}/${wish.productId}/${wish.quantity}`
}

/** One key, one answer: an order and another order, or an order and a final refusal, break it. */
function checkKeys({ operations }: History, report: Report): void {
  for (const operation of operations) {
    if (operation.kind !== 'purchase') continue
    const said = new Set<string>()
    for (const { answer } of operation.answers) {
      if (answer.kind === 'reserved') said.add(answer.orderId)
      if (answer.kind === 'refused' && /^(sold_out|limit_reached)$/.test(answer.code))
        said.add(answer.code)
    }
    if (said.size > 1)
      report('key-answered-twice', `${operation.userId} ${operation.key}: ${[...said].join(', ')}`)
  }
}

/**
 * A sold-out answer must have been true at some moment between call and answer. Counted against the
 * sale: every order that may have held units at any moment of that interval is taken to have held
 * them all the time.
 */
function checkSoldOut(history: History, report: Report): void {
  const { operations, orders, products, clockSlackMs } = history
  const freedMs = new Map<string, number>()
  for (const operation of operations)
    if (operation.kind === 'cancel')
      for (const { atMs, answer } of operation.answers)
        if (answer.kind === 'order' && /^(cancelled|refunded)$/.test(answer.status))
          freedMs.set(operation.orderId, Math.min(atMs, freedMs.get(operation.orderId) ?? atMs))
  for (const { orderId, status, createdAtMs } of orders)
    if (status === 'expired' && !freedMs.has(orderId))
      freedMs.set(orderId, createdAtMs + history.lapseMs)
  const stock = new Map(products.map((product) => [product.productId, product.stock]))
  for (const operation of operations) {
    if (operation.kind !== 'purchase') continue
    // Only the first answer is judged: a later one may repeat what was true then.
    const first = operation.answers.find(({ answer }) => answer.kind !== 'failed')
    if (first?.answer.kind !== 'refused' || first.answer.code !== 'sold_out') continue
    let most = 0
    for (const order of orders) {
      if (order.productId !== operation.productId) continue
      if (order.createdAtMs > first.atMs + clockSlackMs) continue
      if ((freedMs.get(order.orderId) ?? Infinity) < operation.invokedMs - clockSlackMs) continue
      most += order.quantity
    }
    if (most + operation.quantity <= (stock.get(operation.productId) ?? 0))
      report('false-sold-out', `${operation.userId}: at most ${most} were held`)
  }
}

/** Nobody is told `ended` before the end or `not_started` after the start. */
function checkWindow({ operations, products, clockSlackMs }: History, report: Report): void {
  const terms = new Map(products.map((product) => [product.productId, product]))
  for (const { kind, productId, userId, invokedMs, answers } of operations) {
    const product = terms.get(productId)
    if (kind !== 'purchase' || !product) continue
    for (const { atMs, answer } of answers) {
      if (answer.kind !== 'refused') continue
      const early = answer.code === 'ended' && atMs < product.endsAtMs - clockSlackMs
      const late = answer.code === 'not_started' && invokedMs > product.startsAtMs + clockSlackMs
      if (early || late) report('refused-inside-window', `${userId}: ${answer.code} at ${atMs}`)
    }
  }
}

/** No unit in limbo, no payment forgotten, nothing ended by somebody else. */
function checkEndings({ operations, orders }: History, report: Report): void {
  const cancelled = new Set<string>()
  const paid = new Set<string>()
  for (const operation of operations) {
    if (operation.kind === 'cancel') cancelled.add(`${operation.userId}/${operation.orderId}`)
    if (
      operation.kind === 'pay' &&
      operation.answers.some(({ answer }) => answer.kind === 'order' && answer.status === 'paid')
    )
      paid.add(operation.orderId)
  }
  for (const order of orders) {
    const byOwner = cancelled.has(`${order.userId}/${order.orderId}`)
    if (order.status === 'reserved') report('limbo', `${order.orderId} is still reserved`)
    if (order.status === 'cancelled' && !byOwner)
      report('ended-by-a-stranger', `${order.orderId} of ${order.userId}`)
    if (paid.has(order.orderId) && order.status !== 'paid' && !byOwner)
      report('payment-lost', `${order.orderId} was paid and is ${order.status}`)
  }
}
