import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { silentLog } from '@spate/runtime/log'
import type { Response } from './exchange.ts'
import { typedRoute } from './input.ts'
import { apiPage, openApi, openApiRoute } from './openapi.ts'
import { jsonResponse } from './problem.ts'
import { createRouter } from './router.ts'
import { testRequest } from './test-request.ts'

const routes = [
  typedRoute({
    method: 'PUT',
    path: '/items/{id}',
    name: 'putItem',
    summary: 'Writes an item',
    admin: true,
    status: 201,
    query: Type.Object({ dry: Type.Optional(Type.Boolean()) }),
    body: Type.Object({ price: Type.Number({ minimum: 0 }) }),
    answer: Type.Object({ id: Type.String() }),
    refusals: [404],
    handler: () => jsonResponse(201, {}),
  }),
  { method: 'GET', path: '/items/{id}', handler: () => jsonResponse(200, {}) },
  { method: 'GET', path: '/secret', hidden: true, handler: () => jsonResponse(200, {}) },
]
const info = { title: 'Test', version: '1.0.0' }
interface Operation {
  operationId?: string
  security?: object[]
  parameters: { name: string; in: string; required: boolean }[]
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, object>
}

test('the document says what is checked: parameters, body, answers, refusals, the admin key', () => {
  const document = JSON.parse(JSON.stringify(openApi(routes, info))) as {
    openapi: string
    paths: Record<string, Record<string, Operation>>
  }
  assert.match(document.openapi, /^3\.1/)
  assert.deepEqual(Object.keys(document.paths), ['/items/{id}'])
  const put = document.paths['/items/{id}']?.['put'] as Operation
  assert.equal(put.operationId, 'putItem')
  assert.deepEqual(put.security, [{ admin: [] }])
  assert.deepEqual(
    put.parameters.map(({ name, in: where, required }) => [name, where, required]),
    [
      ['id', 'path', true],
      ['dry', 'query', false],
    ],
  )
  assert.deepEqual(Object.keys(put.responses), ['201', '400', '401', '404', '413', '415', '422'])
  const schema = put.requestBody?.content['application/json']?.schema
  assert.deepEqual((schema as { additionalProperties: boolean }).additionalProperties, false)
  assert.ok(document.paths['/items/{id}']?.['get'])
})

test('it is served, and printed as a page', () => {
  const router = createRouter([openApiRoute(routes, info)], { log: silentLog })
  const answer = router(testRequest({ target: '/openapi.json' })) as Response
  assert.deepEqual(
    JSON.parse(answer.body as string),
    JSON.parse(JSON.stringify(openApi(routes, info))),
  )
  const page = apiPage(routes, info)
  assert.match(
    page,
    /\| `PUT \/items\/\{id\}` \(admin\) \| Writes an item \| body: price; query: dry \|/,
  )
  assert.ok(!page.includes('secret'))
})
