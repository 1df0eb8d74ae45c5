/** The calls that HTTP and gRPC must answer alike, one row each. */
/** One call in both wires' words. `$order` in a value is the id of the room's first order. */
export interface Row {
  readonly what: string
  readonly http: readonly [method: string, path: string, body?: object]
  readonly grpc: readonly [method: string, message: object]
  readonly headers?: Readonly<Record<string, string>>
  readonly admin?: boolean
  /** Status by HTTP, and by gRPC with the code where it is a refusal. */
  readonly says: readonly [http: number, grpc: number, code?: string]
  /** Asked again until the answer has this field: what a timer of the room brings about. */
  readonly until?: string
}

/** The product that most rows are about. */
export const p = { productId: 'p' }
/** A campaign with a waiting room. */
export const line = { stock: 1, queue: true, proofBits: 0 }
/** What both wires say of a call that went well. */
export const ok = [200, 0] as const
/** The body of a purchase of one unit of `p`, with what differs. */
export const buy = (userId: string, over: object = {}): object => ({
  userId,
  productId: 'p',
  ...over,
})
/** A row that buys. */
export const purchase = (what: string, body: object, says: Row['says'], headers = {}): Row => ({
  what,
  http: ['POST', '/seckill/purchase', body],
  grpc: ['Purchase', body],
  headers,
  says,
})
const state = (verb: 'Pause' | 'Resume' | 'Close'): Row => ({
  what: verb,
  http: ['POST', `/seckill/campaigns/p/${verb.toLowerCase()}`],
  grpc: [`${verb}Campaign`, p],
  admin: true,
  says: ok,
})
const create = (what: string, body: object, says: Row['says'], admin = true): Row => ({
  what,
  http: ['POST', '/seckill/campaigns', body],
  grpc: ['CreateCampaign', body],
  admin,
  says,
})
const read = (what: string, path: string, method: string, message: object, says: Row['says']) => ({
  what,
  http: ['GET', path] as const,
  grpc: [method, message] as const,
  says,
})

const row = (what: string, http: Row['http'], grpc: Row['grpc'], says: Row['says']): Row => ({
  what,
  http,
  grpc,
  says,
})

/** Played in order on two rooms, one by HTTP, one by gRPC: every row must come out the same. */
export const table: readonly Row[] = [
  create('create', { ...p, stock: 6, perUserLimit: 2, endsAt: '2090-01-01T00:00:00Z' }, [201, 0]),
  create('create again', { ...p, stock: 6 }, [409, 9, 'campaign_exists']),
  create(
    'create without the token',
    { productId: 'q', stock: 1 },
    [401, 16, 'unauthorized'],
    false,
  ),
  create('create without stock', { productId: 'q' }, [422, 3, 'invalid_request']),
  create(
    'create for later',
    { productId: 'l', stock: 1, startsAt: '2089-01-01T00:00:00Z' },
    [201, 0],
  ),
  create('create for a cart', { productId: 'c', stock: 1 }, [201, 0]),
  purchase('purchase', buy('ann'), ok, { 'idempotency-key': 'k1' }),
  purchase('the same key', buy('ann'), ok, { 'idempotency-key': 'k1' }),
  purchase('the key, another body', buy('ann', { quantity: 2 }), [422, 3, 'idempotency_mismatch'], {
    'idempotency-key': 'k1',
  }),
  purchase('a bad key', buy('ann'), [422, 3, 'invalid_request'], {
    'idempotency-key': 'x'.repeat(129),
  }),
  purchase('over the limit', buy('ann', { quantity: 2 }), [409, 9, 'limit_reached']),
  purchase('quantity 0', buy('bob', { quantity: 0 }), [422, 3, 'invalid_request']),
  purchase('no product', { userId: 'bob' }, [422, 3, 'invalid_request']),
  purchase('an unknown product', buy('bob', { productId: '商品' }), [404, 5, 'product_not_found'], {
    'accept-language': 'zh-CN',
  }),
  purchase('too early', buy('bob', { productId: 'l' }), [403, 9, 'not_started']),
  {
    what: 'cart',
    http: [
      'POST',
      '/seckill/carts',
      { userId: 'bob', items: [p, { productId: 'c', quantity: 1 }] },
    ],
    grpc: ['PurchaseCart', { userId: 'bob', items: [p, { productId: 'c', quantity: 1 }] }],
    says: ok,
  },
  {
    what: 'a cart with a line that is sold out',
    http: ['POST', '/seckill/carts', { userId: 'cat', items: [p, { productId: 'c' }] }],
    grpc: ['PurchaseCart', { userId: 'cat', items: [p, { productId: 'c' }] }],
    says: [409, 9, 'sold_out'],
  },
  {
    what: 'change',
    http: ['PATCH', '/seckill/campaigns/p', { stockDelta: -2, endsAt: null }],
    grpc: ['ChangeCampaign', { ...p, stockDelta: -2, endsAt: '' }],
    headers: { 'idempotency-key': 'a1' },
    admin: true,
    says: ok,
  },
  {
    what: 'change below sold',
    http: ['PATCH', '/seckill/campaigns/p', { stockDelta: -3 }],
    grpc: ['ChangeCampaign', { ...p, stockDelta: -3 }],
    admin: true,
    says: [409, 9, 'below_sold'],
  },
  purchase('the last units', buy('dan', { quantity: 2 }), ok),
  purchase('sold out', buy('eve'), [409, 9, 'sold_out'], { 'accept-language': 'zh-CN' }),
  state('Pause'),
  purchase('paused', buy('eve'), [403, 9, 'paused']),
  state('Resume'),
  read('stock', '/seckill/stock/p', 'GetStock', p, ok),
  read('stock of nothing', '/seckill/stock/x', 'GetStock', { productId: 'x' }, [
    404,
    5,
    'product_not_found',
  ]),
  read('all stock', '/seckill/stock', 'ListStock', {}, ok),
  read('campaign', '/seckill/campaigns/p', 'GetCampaign', p, ok),
  read('campaigns', '/seckill/campaigns', 'ListCampaigns', {}, ok),
  read('order', '/seckill/orders/$order', 'GetOrder', { orderId: '$order' }, ok),
  read('no order', '/seckill/orders/nope', 'GetOrder', { orderId: 'nope' }, [404, 5, 'not_found']),
  read(
    'a wait too long',
    '/seckill/orders/$order?wait=60001',
    'GetOrder',
    { orderId: '$order', wait: 60_001 },
    [422, 3, 'invalid_request'],
  ),
  read('orders of a buyer', '/seckill/orders?userId=ann', 'ListOrders', { userId: 'ann' }, ok),
  read('orders of nobody', '/seckill/orders', 'ListOrders', {}, [422, 3, 'invalid_request']),
  read('orders of a product', '/seckill/orders?productId=p', 'ListOrders', p, [
    401,
    16,
    'unauthorized',
  ]),
  {
    what: 'pay for somebody else',
    http: ['POST', '/seckill/orders/$order/pay', { paymentId: 'm', userId: 'bob' }],
    grpc: ['PayOrder', { orderId: '$order', paymentId: 'm', userId: 'bob' }],
    says: [404, 5, 'not_found'],
  },
  {
    what: 'pay',
    http: ['POST', '/seckill/orders/$order/pay', { paymentId: 'm' }],
    grpc: ['PayOrder', { orderId: '$order', paymentId: 'm' }],
    says: ok,
  },
  {
    what: 'cancel what is paid',
    http: ['POST', '/seckill/orders/$order/cancel', {}],
    grpc: ['CancelOrder', { orderId: '$order' }],
    says: ok,
  },
  { ...read('audit', '/seckill/audit/p', 'Audit', p, ok), admin: true },
  read('audit without the token', '/seckill/audit/p', 'Audit', p, [401, 16, 'unauthorized']),
  row('challenge', ['POST', '/seckill/challenges', buy('zoe')], ['Challenge', buy('zoe')], ok),
  row(
    'a ticket without a proof',
    ['POST', '/seckill/tickets', { ...buy('zoe'), challenge: 'x', proof: 'y' }],
    ['Ticket', { ...buy('zoe'), challenge: 'x', proof: 'y' }],
    [422, 3, 'invalid_request'],
  ),
  {
    ...row('keys', ['POST', '/seckill/ticket-keys/rotate'], ['RotateTicketKey', {}], ok),
    admin: true,
  },
  create(
    'create with a line',
    { ...line, productId: 'w', startsAt: '2089-01-01T00:00:00Z' },
    [201, 0],
  ),
  create('create with a line that is open', { ...line, productId: 'v' }, [201, 0]),
  row(
    'a line',
    ['POST', '/seckill/queue/w', { userId: 'zoe' }],
    ['JoinQueue', { productId: 'w', userId: 'zoe' }],
    ok,
  ),
  row(
    'no line',
    ['POST', '/seckill/queue/p', { userId: 'zoe' }],
    ['JoinQueue', { ...p, userId: 'zoe' }],
    [404, 5, 'not_found'],
  ),
  read(
    'the place',
    '/seckill/queue/w?userId=bob',
    'GetQueue',
    { productId: 'w', userId: 'bob' },
    ok,
  ),
  read('no draw yet', '/seckill/queue/w/draw', 'GetDraw', { productId: 'w' }, ok),
  {
    ...read('the draw', '/seckill/queue/v/draw', 'GetDraw', { productId: 'v' }, ok),
    until: 'seed',
  },
  { ...read('reviews', '/seckill/risk/reviews', 'ListRiskReviews', {}, ok), admin: true },
  {
    ...row(
      'a review',
      ['POST', '/seckill/risk/reviews', { userId: 'zoe', verdict: 'allow' }],
      ['DecideRiskReview', { userId: 'zoe', verdict: 'allow' }],
      [409, 9, 'conflict'],
    ),
    admin: true,
  },
  { ...read('letters', '/seckill/dead-letters', 'ListDeadLetters', {}, ok), admin: true },
  {
    ...row(
      'retry',
      ['POST', '/seckill/dead-letters/7/retry'],
      ['RetryDeadLetter', { id: '7' }],
      [404, 5, 'not_found'],
    ),
    admin: true,
  },
  {
    ...row(
      'resolve',
      ['POST', '/seckill/dead-letters/7/resolve', { action: 'drop' }],
      ['ResolveDeadLetter', { id: '7', action: 'drop' }],
      [422, 3, 'invalid_request'],
    ),
    admin: true,
  },
  state('Close'),
  purchase('ended', buy('eve'), [403, 9, 'ended']),
]
