import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { badInputViolations } from './bad-input-run.ts'
import { badInputCases } from './bad-input.ts'
import { healthRoutes } from './health.ts'
import { typedRoute } from './input.ts'
import { listen } from './listener.ts'
import { jsonResponse } from './problem.ts'
import { createRouter } from './router.ts'

const schema = Type.Object({
  userId: Type.String({ minLength: 1, maxLength: 64, pattern: '^[\\w-]+$' }),
  note: Type.Optional(Type.Union([Type.String({ maxLength: 20 }), Type.Null()])),
  items: Type.Array(
    Type.Object({
      productId: Type.String({ minLength: 1, maxLength: 64 }),
      quantity: Type.Integer({ minimum: 1, maximum: 100 }),
    }),
    { minItems: 1, maxItems: 3 },
  ),
})
const valid = { userId: 'u1', note: 'n', items: [{ productId: 'p', quantity: 2 }] }

test('the cases cover every kind of bad input, and none of them is good', () => {
  const names = badInputCases(schema, valid).map(({ name }) => name)
  for (const name of [
    'userId: a number',
    'userId: missing',
    'userId: a text one too long',
    'items[0].quantity: a negative number',
    'items[0].quantity: a huge number',
    'items[0].quantity: NaN',
    'items[0].surpriseField: unknown field',
    'items[0].quantity: named twice',
    'items: a list one too long',
    'body: nested one too deep',
    'body: invalid UTF-8',
    'body: one byte too large',
    'body: content type text/plain',
  ])
    assert.ok(names.includes(name), name)
  assert.ok(!names.includes('note: null'), 'what the schema takes is left out')
  assert.ok(!names.includes('note: missing'))
})

test('a typed route refuses all of them rightly, over real connections', async () => {
  let calls = 0
  const handler = createRouter(
    [
      ...healthRoutes({}, { clock: systemClock }),
      typedRoute({
        method: 'POST',
        path: '/carts',
        body: schema,
        handler: () => {
          calls++
          return jsonResponse(200, {})
        },
      }),
      { method: 'PUT', path: '/careless', handler: () => jsonResponse(200, {}) },
    ],
    { log: silentLog },
  )
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    handler,
    clock: systemClock,
    log: silentLog,
    acceptors: 1,
  })
  try {
    const cases = badInputCases(schema, valid)
    const target = { url: listener.url, method: 'POST', path: '/carts' }
    const report = await badInputViolations(target, cases)
    assert.deepEqual(report.violations, [])
    assert.equal(calls, 0)
    assert.ok(report.ran > 100, `${report.ran} cases`)
    assert.ok(report.kept > report.ran / 2, `${report.kept} connections went on`)
    const loose = await badInputViolations({ ...target, method: 'PUT', path: '/careless' }, cases)
    assert.ok(loose.violations.length >= cases.length, 'a route that takes everything is found out')
  } finally {
    await listener.close()
  }
})
