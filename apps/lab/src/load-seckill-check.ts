import type { BurstResult } from './load-seckill-burst.ts'
import { RawConnection, rawRequest } from './load-seckill-connection.ts'

/** An order as the list names it. */
export interface ListedOrder {
  readonly orderId: string
  readonly userId: string
  readonly quantity: number
  readonly status: string
  /** ISO 8601. */
  readonly createdAt: string
}

/** Verdict on a burst: what the sale says it sold against what the buyers were told. */
export interface LoadCheck {
  readonly orders: number
  readonly sold: number
  readonly oversold: number
  /** Successes without their order, or with another buyer's. */
  readonly successesWithoutOrder: number
  /** Orders of buyers who were told something else; those of lost answers do not count. */
  readonly ordersWithoutSuccess: number
  readonly duplicateOrders: number
  readonly buyersOverLimit: number
  readonly auditConsistent: boolean
  readonly passed: boolean
}

/** Calls of an administrator over one connection. */
export class AdminClient {
  readonly #host: string
  readonly #port: number
  readonly #token: string
  #connection: RawConnection | undefined

  constructor(host: string, port: number, token: string) {
    this.#host = host
    this.#port = port
    this.#token = token
  }

  /** The answer's status and JSON body. */
  async call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
    if (!this.#connection || this.#connection.broken)
      this.#connection = new RawConnection(this.#host, this.#port)
    await this.#connection.opened
    const headers = {
      host: `${this.#host}:${this.#port}`,
      authorization: `Bearer ${this.#token}`,
    }
    const text = body === undefined ? '' : JSON.stringify(body)
    const answer = await this.#connection.send(rawRequest(method, path, headers, text))
    return {
      status: answer.status,
      body: answer.body === '' ? {} : (JSON.parse(answer.body) as Record<string, unknown>),
    }
  }

  close(): void {
    this.#connection?.close()
  }
}

/** Reads the whole order list and holds it against the answers. */
export async function checkBurst(
  admin: AdminClient,
  plan: { readonly productId: string; readonly stock: number; readonly limit: number },
  burst: BurstResult,
): Promise<LoadCheck> {
  const orders = await allOrders(admin, plan.productId)
  const audit = await admin.call('GET', `/seckill/audit/${encodeURIComponent(plan.productId)}`)
  const byId = new Map(orders.map((order) => [order.orderId, order]))
  const held = new Map<string, number>()
  let sold = 0
  let ordersWithoutSuccess = 0
  for (const { orderId, userId, quantity, status } of orders) {
    if (status === 'reserved' || status === 'paid') {
      sold += quantity
      held.set(userId, (held.get(userId) ?? 0) + quantity)
    }
    if (burst.successes.get(userId) !== orderId && !burst.unknown.has(userId))
      ordersWithoutSuccess++
  }
  let successesWithoutOrder = 0
  for (const [buyer, orderId] of burst.successes)
    if (byId.get(orderId)?.userId !== buyer) successesWithoutOrder++
  const result = {
    orders: orders.length,
    sold,
    oversold: Math.max(0, sold - plan.stock),
    successesWithoutOrder,
    ordersWithoutSuccess,
    duplicateOrders: orders.length - byId.size,
    buyersOverLimit: [...held.values()].filter((units) => units > plan.limit).length,
    auditConsistent: audit.body['consistent'] === true,
  }
  const wrong =
    result.oversold +
    successesWithoutOrder +
    ordersWithoutSuccess +
    result.duplicateOrders +
    result.buyersOverLimit
  return { ...result, passed: wrong === 0 && result.auditConsistent }
}

const pageSize = 10_000

/** Every order of a product, oldest first, page by page. Throws where a page is refused. */
export async function allOrders(admin: AdminClient, productId: string): Promise<ListedOrder[]> {
  const orders: ListedOrder[] = []
  let cursor: unknown
  do {
    const after = typeof cursor === 'number' ? `&cursor=${cursor}` : ''
    const path = `/seckill/orders?productId=${encodeURIComponent(productId)}&limit=${pageSize}${after}`
    const page = await admin.call('GET', path)
    if (page.status !== 200)
      throw new Error(`the order list answered ${page.status} ${JSON.stringify(page.body)}`)
    orders.push(...(page.body['orders'] as ListedOrder[]))
    cursor = page.body['next']
  } while (cursor !== undefined)
  return orders
}
