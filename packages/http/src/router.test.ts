import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import Type from 'typebox'
import { Fault } from '@spate/runtime/fault'
import { createLog, silentLog, type LogRecord } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { adminToken } from './admin-token.ts'
import type { Handler, Response } from './exchange.ts'
import { typedRoute } from './input.ts'
import { jsonResponse, problem, textResponse } from './problem.ts'
import { createRouter, errorLinesPerSecondMax, type Route } from './router.ts'
import { testRequest } from './test-request.ts'

const get = (
  path: string,
  handler: Handler = (request) => jsonResponse(200, request.params),
): Route => ({
  method: 'GET',
  path,
  handler,
})
const router = createRouter(
  [
    get('/'),
    get('/items'),
    { ...get('/items'), method: 'POST' },
    get('/items/{id}'),
    get('/items/special', () => textResponse(200, 'exact')),
    get('/items/{id}/parts/{part}'),
    get('/files/{path...}'),
  ],
  { log: silentLog },
)
const ask = (method: string, target: string, headers = {}): Response =>
  router(testRequest({ method, target, headers })) as Response
const value = (answer: Response): Record<string, unknown> =>
  JSON.parse(answer.body as string) as Record<string, unknown>

test('an equal segment wins over a parameter, and the route is on the answer', () => {
  assert.equal(ask('GET', '/items/special').body, 'exact')
  assert.equal(ask('GET', '/items/special').route, '/items/special')
  assert.deepEqual(value(ask('GET', '/items/7')), { id: '7' })
  assert.equal(ask('GET', '/items/7').route, '/items/{id}')
  assert.deepEqual(value(ask('GET', '/items/special/parts/a')), { id: 'special', part: 'a' })
  assert.deepEqual(value(ask('GET', '/files/a/b%2Fc/d')), { path: 'a/b/c/d' })
})

test('paths that differ by an empty segment are different paths', () => {
  for (const target of [
    '/items/',
    '/items//',
    '//items',
    '/items/7/',
    '/files/',
    '/files',
    '/Items',
  ])
    assert.equal(ask('GET', target).status, 404, target)
})

test('parameters are decoded; bad percent-encoding and control characters are a 400', () => {
  assert.deepEqual(value(ask('GET', '/items/a%20b%E4%B8%AD%2F')), { id: 'a b中/' })
  assert.deepEqual(value(ask('GET', '/%69tems/x')), { id: 'x' })
  for (const bad of ['/items/%', '/items/%zz', '/items/%ff', '/items/%00', '/items/a%0d%0ab']) {
    const answer = ask('GET', bad)
    assert.equal(answer.status, 400, bad)
    assert.equal(value(answer)['code'], 'invalid_request')
  }
})

test('any id comes back from the path as it was encoded into it', () => {
  const id = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/\p{Cc}/u.test(text))
  fc.assert(
    fc.property(id, (text) => {
      const target = `/items/${encodeURIComponent(text)}`
      if (text === 'special') return
      assert.deepEqual(value(ask('GET', target)), { id: text })
    }),
  )
})

test('HEAD is answered by GET, OPTIONS names the methods, others get 405 with Allow', () => {
  assert.equal(ask('HEAD', '/items').status, 200)
  assert.equal(ask('HEAD', '/items/7').status, 200)
  const options = ask('OPTIONS', '/items')
  assert.equal(options.status, 204)
  assert.deepEqual(options.headers, ['allow', 'GET, HEAD, OPTIONS, POST'])
  assert.deepEqual(ask('OPTIONS', '*').headers, ['allow', 'GET, HEAD, OPTIONS, POST'])
  const refused = ask('DELETE', '/items/7')
  assert.equal(refused.status, 405)
  assert.deepEqual(refused.headers.slice(-2), ['allow', 'GET, HEAD, OPTIONS'])
  assert.equal(ask('get', '/items').status, 405, 'methods are case-sensitive')
})

test('a synchronous handler is answered in the same turn', () => {
  assert.ok(!(router(testRequest({ target: '/items' })) instanceof Promise))
})

test('a fault becomes its problem, whether thrown or rejected', async () => {
  const busy = new Fault('overloaded', 'later', { retryAfterSeconds: 1.2 })
  const both = createRouter(
    [
      get('/now', () => {
        throw busy
      }),
      get('/later', () => Promise.reject(busy)),
    ],
    { log: silentLog },
  )
  for (const target of ['/now', '/later']) {
    const answer = (await both(testRequest({ target }))) as Response
    assert.equal(answer.status, 503)
    assert.equal(answer.route, target)
    assert.equal(answer.errorType, 'overloaded')
    assert.equal(answer.headers[answer.headers.indexOf('retry-after') + 1], '2')
    assert.equal(value(answer)['detail'], 'later')
  }
})

test('an unexpected error is a 500 that does not show its text, and a bounded number of log lines', () => {
  const lines: LogRecord[] = []
  const log = createLog({ name: 't', clock: new VirtualClock(), sink: (line) => lines.push(line) })
  const broken = createRouter(
    [
      get('/', () => {
        throw new Error('password=hunter2')
      }),
    ],
    { log },
  )
  for (let i = 0; i < errorLinesPerSecondMax + 5; i++) {
    const answer = broken(testRequest({ arrivedMs: 10 })) as Response
    assert.equal(answer.status, 500)
    assert.equal(value(answer)['code'], 'internal')
    assert.ok(!(answer.body as string).includes('hunter2'))
  }
  assert.equal(lines.length, errorLinesPerSecondMax)
  void broken(testRequest({ arrivedMs: 1010 }))
  assert.equal(lines.length, errorLinesPerSecondMax + 1)
  assert.equal(lines.at(-1)?.fields['suppressed'], 5)
  assert.match(String(lines[0]?.fields['error']), /hunter2/)
})

test('admin routes want the token, and a router without one refuses to be made', () => {
  const admin = { ...get('/admin'), admin: true }
  assert.throws(() => createRouter([admin], { log: silentLog }), /admin token/)
  const guarded = createRouter([admin], { log: silentLog, adminToken: adminToken('correct-horse') })
  const call = (authorization?: string): Response =>
    guarded(
      testRequest({
        target: '/admin',
        headers: authorization === undefined ? {} : { authorization },
      }),
    ) as Response
  assert.equal(call().status, 401)
  assert.ok(call().headers.includes('www-authenticate'))
  assert.equal(call('Bearer wrong').status, 401)
  assert.equal(call('Basic correct-horse').status, 401)
  assert.equal(call('Bearer correct-horse').status, 200)
  assert.equal(call('bearer  correct-horse').status, 200)
})

test('a fallback gets what no pattern matches, malformed paths too', () => {
  const proxy = createRouter([get('/health')], {
    log: silentLog,
    fallback: (request) => textResponse(200, request.target),
  })
  assert.equal((proxy(testRequest({ target: '/any%zz?x' })) as Response).body, '/any%zz?x')
  assert.equal((proxy(testRequest({ method: 'BREW', target: '/x' })) as Response).body, '/x')
})

test('the type of a problem leads to a page that explains it', () => {
  const type = value(ask('GET', '/nowhere'))['type'] as string
  assert.match(ask('GET', type).body as string, /There is nothing here/)
  assert.equal(ask('GET', '/problems/__proto__').status, 404)
})

test('a service shapes its refusals', () => {
  const sale = createRouter([], {
    log: silentLog,
    refuse: (fault, request) => problem(fault, request, { members: { success: false } }),
  })
  const body = value(sale(testRequest({ target: '/x' })) as Response)
  assert.equal(body['success'], false)
  assert.equal(body['code'], 'not_found')
})

test('patterns that clash or are malformed stop the program at start', () => {
  for (const bad of [
    [get('/a'), get('/a')],
    [get('/{a}'), get('/{b}')],
    [get('/{a}/{a}')],
    [get('/{a...}/b')],
    [get('/x{a}')],
    [get('a')],
  ])
    assert.throws(() => createRouter(bad, { log: silentLog }))
})

test('a typed route checks body, query and parameters before its handler runs', async () => {
  let calls = 0
  const routes = [
    typedRoute({
      method: 'PUT',
      path: '/items/{id}',
      params: Type.Object({ id: Type.String({ maxLength: 3 }) }),
      query: Type.Object({ dry: Type.Optional(Type.Boolean()) }),
      body: Type.Object({ price: Type.Number({ minimum: 0, maximum: 10 }) }),
      bytesMax: 100,
      handler: (_, { body, query, params }) => {
        calls++
        return jsonResponse(200, { price: body.price, dry: query.dry, id: params.id })
      },
    }),
  ]
  const typed = createRouter(routes, { log: silentLog })
  const put = (target: string, body: string, bodyLater = false): Response | Promise<Response> =>
    typed(testRequest({ method: 'PUT', target, body, bodyLater })) as Response
  assert.deepEqual(value(await put('/items/a?dry=true', '{"price":1}')), {
    price: 1,
    dry: true,
    id: 'a',
  })
  assert.equal(calls, 1)
  assert.equal((await put('/items/a', '{"price":1}', true)).status, 200)
  for (const [target, body, field] of [
    ['/items/a?dry=1', '{"price":1}', 'dry'],
    ['/items/a?wet=1', '{"price":1}', 'wet'],
    ['/items/abcd', '{"price":1}', 'id'],
    ['/items/a', '{"price":11}', 'price'],
    ['/items/a', '{}', 'price'],
  ] as const) {
    const answer = await put(target, body)
    assert.equal(answer.status, 422, target + body)
    const [first] = value(answer)['errors'] as { field: string }[]
    assert.equal(first?.field, field)
  }
  assert.equal((await put('/items/a', 'x'.repeat(101), true)).status, 413)
  assert.equal(calls, 2)
})
