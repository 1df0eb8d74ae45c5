import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { badInputCases } from '@spate/http/bad-input'
import { badInputViolations } from '@spate/http/bad-input-run'
import { deedBytesMax, deedSchema } from './own-routes.ts'
import { PaymentSeal } from './provider.ts'
import { openStage, type Stage } from './test-stage.ts'
import { formBytesMax, preferredLanguage } from './shop.ts'

let stage: Stage
before(async () => {
  stage = await openStage()
  for (
    let tries = 0;
    tries < 200 && (stage.backstage.campaigns.size < 2 || stage.backstage.events.length < 42);
    tries++
  )
    await new Promise((resolve) => setTimeout(resolve, 20))
})
after(() => stage.stop())

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(stage.url + path, { headers, redirect: 'manual' })
const post = (
  path: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(stage.url + path, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    redirect: 'manual',
  })
const cookieOf = (answer: Response): string => answer.headers.get('set-cookie')?.split(';')[0] ?? ''
const newVisitor = async (): Promise<string> => cookieOf(await get('/en/for-you'))

const sharedPaths = [
  '/en',
  '/zh',
  '/en/c/tea',
  '/zh/p/tea-01',
  '/en/search?q=lamp',
  '/en/sale',
  '/en/sale/sound-03',
  '/live/sale.json',
  '/pictures/tea-01.svg',
  '/sitemap.xml',
]
const saleItem = (): string => [...stage.backstage.campaigns.keys()][0] ?? ''

test('the shop tells recommend its catalogue, opens two sales with the admin token and tells of made-up shoppers once', () => {
  const { backstage } = stage
  assert.equal(backstage.items, 240)
  assert.equal(backstage.campaigns.size, 2)
  assert.deepEqual([...backstage.authorizations], ['Bearer test-token-0123456789'])
  assert.equal(
    backstage.events.filter(({ userId }) => String(userId).startsWith('demo-')).length,
    3 * 14,
  )
})

test('a page that caches may share is the same bytes for two visitors, and neither reads nor sets a cookie', async () => {
  const visitor = await newVisitor()
  const userId = /u-[\da-f]+/.exec(visitor)?.[0] ?? 'none'
  for (const path of sharedPaths.filter((each) => !each.includes('sale'))) {
    const [plain, known] = await Promise.all([get(path), get(path, { cookie: visitor })])
    assert.equal(plain.status, 200, path)
    assert.match(plain.headers.get('cache-control') ?? '', /^public, .*s-maxage=[1-9]/, path)
    assert.equal(known.headers.get('set-cookie'), null)
    assert.equal(plain.headers.get('set-cookie'), null)
    const [a, b] = [await plain.text(), await known.text()]
    assert.equal(a, b, path)
    assert.ok(!b.includes(userId), path)
  }
})

test('what belongs to one visitor is never kept by a cache', async () => {
  const visitor = await newVisitor()
  for (const path of [
    '/en/for-you',
    '/zh/fragments/recommendations',
    '/en/orders',
    '/en/thanks/tea-01',
  ]) {
    const answer = await get(path, { cookie: visitor })
    assert.equal(answer.headers.get('cache-control'), 'private, no-store', path)
  }
})

test('every page forbids scripts, styles and frames from elsewhere, and has no script or style inside', async () => {
  for (const path of [...sharedPaths, '/en/for-you', '/en/orders', '/nothing', '/en/p/no-99']) {
    const answer = await get(path, { accept: 'text/html' })
    const policy = answer.headers.get('content-security-policy') ?? ''
    assert.match(policy, /default-src 'none'.*script-src 'self';.*frame-ancestors 'none'/, path)
    assert.doesNotMatch(policy, /unsafe|\*/)
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', path)
    const text = await answer.text()
    assert.doesNotMatch(
      text,
      /<script(?![^>]*\bsrc="\/assets\/)|<style|\sstyle=|\son\w+=|javascript:/i,
      path,
    )
  }
})

test('text from a visitor and from other programs is escaped', async () => {
  const attack = `"><script>alert(1)</script>'&`
  const found = await (await get(`/en/search?q=${encodeURIComponent(attack)}`)).text()
  assert.ok(!found.includes('<script>alert'))
  assert.ok(found.includes('&lt;script&gt;alert(1)&lt;/script&gt;&#39;&amp;'))
  stage.backstage.refusal = { status: 409, code: '"<i>odd' }
  const refused = await post(`/en/sale/${saleItem()}/buy`, 'key=12345678')
  stage.backstage.refusal = undefined
  assert.equal(refused.status, 409)
  const page = await refused.text()
  assert.ok(page.includes('&lt;b&gt;no&lt;/b&gt;') && !page.includes('<i>odd'))
})

test('a cache that has a page gets 304 with the same validators', async () => {
  for (const path of ['/en/c/tea', '/pictures/tea-01.svg', '/zh/p/tea-01']) {
    const first = await get(path)
    const etag = first.headers.get('etag') ?? ''
    assert.match(etag, /^"[\w-]{22}"$/)
    assert.ok(first.headers.get('last-modified'))
    assert.ok(first.headers.get('cache-tag')?.includes('shop'))
    await first.arrayBuffer()
    const again = await get(path, { 'if-none-match': `"other", W/${etag}` })
    assert.equal(again.status, 304, path)
    assert.equal(again.headers.get('etag'), etag)
  }
})

test('buying needs a key: without one the visitor gets a form that has it, with one exactly one order is made', async () => {
  const asked = await post(`/en/sale/${saleItem()}/buy`, 'key=')
  assert.equal(asked.status, 200)
  const visitor = cookieOf(asked)
  const key = /name="key" value="([\da-f]{32})"/.exec(await asked.text())?.[1]
  assert.ok(key)
  const before = stage.backstage.orders.size
  const [one, two] = await Promise.all([
    post(`/en/sale/${saleItem()}/buy`, `key=${key}`, { cookie: visitor }),
    post(`/en/sale/${saleItem()}/buy`, `key=${key}`, { cookie: visitor }),
  ])
  assert.equal(one.status, 303)
  assert.equal(one.headers.get('location'), two.headers.get('location'))
  assert.equal(stage.backstage.orders.size, before + 1)
  const order = one.headers.get('location') ?? ''
  assert.match(await (await get(order, { cookie: visitor })).text(), /data-status="reserved"/)
  assert.equal((await post(`${order}/pay`, '', { cookie: visitor })).status, 303)
  assert.match(await (await get(order, { cookie: visitor })).text(), /data-status="paid"/)
  assert.match(await (await get('/en/orders', { cookie: visitor })).text(), new RegExp(order))
})

test('an order of somebody else is not found, nor payable, and a forged cookie is nobody', async () => {
  const visitor = await newVisitor()
  const bought = await post(`/en/sale/${saleItem()}/buy`, 'key=abcdefgh', { cookie: visitor })
  const order = bought.headers.get('location') ?? ''
  const forged = visitor.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
  for (const cookie of [await newVisitor(), forged, '']) {
    assert.equal((await get(order, { cookie })).status, 404)
    assert.equal((await post(`${order}/pay`, '', { cookie })).status, 404)
  }
  assert.equal(stage.backstage.orders.get(order.split('/').at(-1) ?? '')?.['status'], 'reserved')
})

test('views, clicks and purchases reach recommend with the id of the visitor', async () => {
  const visitor = await newVisitor()
  const userId = /u-[\da-f]+/.exec(visitor)?.[0]
  const tell = (body: unknown): Promise<Response> =>
    post('/events', JSON.stringify(body), { cookie: visitor, 'content-type': 'application/json' })
  assert.equal((await tell({ type: 'view', itemId: 'tea-01' })).status, 202)
  assert.equal((await tell({ type: 'click', itemId: 'tea-02', requestId: 'r1' })).status, 202)
  assert.equal((await post('/en/p/tea-03/buy', 'key=', { cookie: visitor })).status, 303)
  assert.deepEqual(
    stage.backstage.events
      .filter((event) => event['userId'] === userId)
      .map(({ type, itemId, requestId }) => [type, itemId, requestId]),
    [
      ['view', 'tea-01', undefined],
      ['click', 'tea-02', 'r1'],
      ['purchase', 'tea-03', undefined],
    ],
  )
})

test('bad input is refused with a problem, never a 500', async () => {
  const event = (body: string, type = 'application/json'): Promise<Response> =>
    post('/events', body, { 'content-type': type })
  assert.equal((await event('{"type":"view"}')).status, 422)
  assert.equal((await event('{"type":"purchase","itemId":"tea-01"}')).status, 422)
  assert.equal((await event('{"type":"view","itemId":"tea-01","userId":"x"}')).status, 422)
  assert.equal((await event('{"type":"view","itemId":"tea-99"}')).status, 404)
  assert.equal((await event('{')).status, 400)
  assert.equal((await event('{}', 'text/plain')).status, 415)
  assert.equal((await event(`{"type":"view","itemId":"${'x'.repeat(2000)}"}`)).status, 413)
  assert.equal((await post(`/en/sale/${saleItem()}/buy`, 'key=short')).status, 422)
  assert.equal((await post(`/en/sale/${saleItem()}/buy`, 'key=12345678&key=12345678')).status, 400)
  assert.equal(
    (await post(`/en/sale/${saleItem()}/buy`, '{}', { 'content-type': 'application/json' })).status,
    415,
  )
  for (const [length, status] of [
    [formBytesMax - 1, 422],
    [formBytesMax, 422],
    [formBytesMax + 1, 413],
  ] as const)
    assert.equal(
      (await post(`/en/sale/${saleItem()}/buy`, `key=${'k'.repeat(length - 4)}`)).status,
      status,
      String(length),
    )
  assert.equal((await post('/en/p/tea-01/buy', '', { 'sec-fetch-site': 'cross-site' })).status, 403)
  for (const path of [
    '/fr',
    '/en/p/nope',
    '/en/c/nope',
    '/pictures/../x',
    '/pictures/tea-99.svg',
    '/en/sale/tea-09',
  ])
    assert.equal((await get(path)).status, 404, path)
  assert.equal((await get('/en/search?q=%ff')).status, 400)
})

test('the front door goes to the language the browser prefers', async () => {
  assert.equal(
    (await get('/', { 'accept-language': 'zh-CN,zh;q=0.9,en;q=0.8' })).headers.get('location'),
    '/zh',
  )
  assert.equal(preferredLanguage('en;q=0.5, zh;q=0.7'), 'zh')
  assert.equal(preferredLanguage('zh;q=0, en;q=0.1'), 'en')
  assert.equal(preferredLanguage('fr'), 'en')
  assert.equal(preferredLanguage(undefined), 'en')
})

test('the page stands without seckill and recommend: shorter kept, nothing lost but their blocks', async () => {
  stage.backstage.down = true
  await new Promise((resolve) => setTimeout(resolve, 300))
  try {
    const answer = await get('/en/p/tea-01')
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('cache-control') ?? '', /s-maxage=2,/)
    assert.match(await answer.text(), /Porcelain Teapot/)
    assert.equal((await get('/en')).status, 200)
    const fragment = await get('/en/fragments/recommendations')
    assert.equal(fragment.status, 200)
    assert.match(await fragment.text(), /did not arrive/)
    const bought = await post(`/en/sale/${saleItem()}/buy`, 'key=12345678')
    assert.equal(bought.status, 503)
    assert.match(await bought.text(), /Nothing was taken from the stock/)
  } finally {
    stage.backstage.down = false
  }
})

test('health and metrics answer, and name what the opening still waits for', async () => {
  assert.equal((await get('/health/live')).status, 200)
  const ready = (await (await get('/health/ready')).json()) as {
    dependencies: { catalogue: { detail: string } }
  }
  assert.equal(ready.dependencies.catalogue.detail, 'open')
  assert.equal((await get('/metrics')).status, 200)
})

test('reasons name products in the language of the page, and are escaped', async () => {
  const name = /aria-label="([^"]+)"/.exec(await (await get('/pictures/tea-01.svg')).text())?.[1]
  assert.equal(name, 'Willow Porcelain Teapot')
  assert.match(await (await get('/zh/for-you')).text(), /like 垂柳白瓷茶壶 &lt;3/)
  assert.match(await (await get('/en/for-you')).text(), /like Willow Porcelain Teapot &lt;3/)
})

test('the bank may be slow to say yes, call twice or decline; it is asked and told to refund by signed calls only', async () => {
  const visitor = await newVisitor()
  const order = async (key: string): Promise<string> =>
    (await post(`/en/sale/${saleItem()}/buy`, `key=${key}`, { cookie: visitor })).headers.get(
      'location',
    ) ?? ''
  const declined = await order('declined-1')
  const answer = await post(`${declined}/pay`, 'bank=declined', { cookie: visitor })
  const where = answer.headers.get('location') ?? ''
  assert.equal(where, `${declined}?bank=declined`)
  const page = await (await get(where, { cookie: visitor })).text()
  assert.match(page, /data-status="reserved"[^]*The bank declined/)
  await post(`${declined}/pay`, 'bank=twice', { cookie: visitor })
  assert.match(await (await get(declined, { cookie: visitor })).text(), /data-status="paid"/)
  const payment = `/payments/sim-${declined.split('/').at(-1)}`
  assert.equal((await get(payment)).status, 401)
  for (const signature of ['', `v1,${'A'.repeat(43)}=`])
    assert.equal((await post('/refunds', '{}', { 'webhook-signature': signature })).status, 401)
  assert.equal((await post('/refunds', 'x'.repeat(2049))).status, 413)
  const seal = PaymentSeal.derived('test-token-0123456789')
  const asked = seal.sign('a', '', Date.now())
  assert.deepEqual(await (await get(payment, asked.headers)).json(), { state: 'succeeded' })
  assert.equal((await get('/payments/none', asked.headers)).status, 404)
  const refund = seal.sign('b', JSON.stringify({ orderId: 'o', paymentId: 'p' }), Date.now())
  assert.equal((await post('/refunds', refund.body, { ...refund.headers })).status, 200)
})

test('the bad-input suite finds nothing careless in what the script may send', async () => {
  const valid = { type: 'view', itemId: 'tea-01', requestId: 'r1' }
  const cases = badInputCases(deedSchema, valid, { bytesMax: deedBytesMax })
  const report = await badInputViolations(
    { url: stage.url, method: 'POST', path: '/events' },
    cases,
  )
  assert.deepEqual(report.violations, [])
  assert.ok(report.ran > 30, String(report.ran))
})

test('a resent form of an ordinary purchase is one purchase', async () => {
  const visitor = await newVisitor()
  const before = stage.backstage.events.length
  for (let time = 0; time < 2; time++)
    await post('/en/p/tea-04/buy', 'key=same-key-1', { cookie: visitor })
  const ids = stage.backstage.events.slice(before).map(({ eventId }) => eventId)
  assert.equal(ids.length, 2)
  assert.equal(new Set(ids).size, 1)
})
