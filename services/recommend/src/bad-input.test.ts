import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { badInputCases } from '@spate/http/bad-input'
import { badInputViolations } from '@spate/http/bad-input-run'
import Type from 'typebox'
import { eventBody, itemBody, recommendBody, wireLimits } from './contract.ts'
import { startTestProgram, type TestProgram } from './testing/program.ts'

let program: TestProgram
before(async () => {
  program = await startTestProgram()
})
after(() => program.stop())

const admin = { authorization: 'Bearer a-token-for-tests-only' }
const eventsBytesMax = 8 * 1024 * 1024
const event = { userId: 'u', itemId: 'i', type: 'view' }

const routes = [
  {
    route: ['POST', '/recommend'],
    schema: recommendBody,
    valid: {
      userId: 'u',
      numItems: 3,
      context: { page: 'home' },
      candidates: ['a'],
      exclude: ['b'],
      filters: { categories: ['c'], tags: ['t'], priceMin: 1, priceMax: 2, seen: 'include' },
    },
  },
  {
    route: ['POST', '/recommend/events'],
    schema: eventBody,
    valid: { eventId: 'e', ...event, weight: 1, timestamp: 1_700_000_000_000, requestId: 'r' },
    bytesMax: eventsBytesMax,
    // A list is another form of the call. The listener refuses what is too large before the route.
    notBad: ['body: a list', 'too large'],
  },
  {
    // Bad members of a list are named one by one in a 202; here the list itself is bad.
    route: ['POST', '/recommend/events'],
    schema: Type.Array(Type.Unknown()),
    valid: [event],
    bytesMax: eventsBytesMax,
    notBad: ['too large'],
  },
  {
    route: ['PUT', '/recommend/items/i'],
    schema: itemBody,
    valid: {
      itemId: 'i',
      title: 'T',
      categories: ['c'],
      tags: ['t'],
      price: 1,
      stock: 1,
      hidden: false,
      publishedAt: 1_700_000_000_000,
      vector: [0.5],
    },
  },
  // Training takes no member; without any body it begins, which is no bad input.
  {
    route: ['POST', '/recommend/train'],
    schema: Type.Object({}),
    valid: {},
    notBad: ['body: empty'],
  },
] as const

for (const { route, schema, valid, ...more } of routes) {
  const [method, path] = route
  test(`${method} ${path} refuses every bad ${Array.isArray(valid) ? 'list' : 'body'}`, async () => {
    const bytesMax = 'bytesMax' in more ? { bytesMax: more.bytesMax } : {}
    const cases = badInputCases(schema, valid, bytesMax).filter(
      ({ name }) => !('notBad' in more && more.notBad.some((each) => name.includes(each))),
    )
    const { url } = program
    const target = { url, method, path, headers: admin, traced: true }
    const report = await badInputViolations(target, cases)
    assert.deepEqual(report.violations, [])
    assert.equal(report.ran, cases.length)
    assert.ok(report.ran > 15)
  })
}

test('a list of events is taken up to its limit and refused whole above it', async () => {
  const most = wireLimits.eventsPerCallMax
  for (const [count, status] of [
    [most - 1, 202],
    [most, 202],
    [most + 1, 413],
  ] as const) {
    const events = Array.from({ length: count }, () => event)
    const answer = await program.call('POST', '/recommend/events', events)
    assert.equal(answer.status, status, `${count} events`)
    if (status === 202) assert.equal(answer.body.accepted, count)
    else assert.equal(answer.body.code, 'payload_too_large')
  }
})

test('events from the future, from before 1970 and with negative weights are named', async () => {
  const nowMs = Date.now()
  const day = 86_400_000
  const good = [
    { ...event, timestamp: nowMs + day - 60_000 },
    { ...event, timestamp: '1970-01-02T00:00:00Z' },
    { ...event, timestamp: 0 },
    { ...event, weight: 0 },
    { ...event, weight: 1000 },
  ]
  const bad = [
    { ...event, timestamp: nowMs + day + 60_000 },
    { ...event, timestamp: '2999-01-01T00:00:00Z' },
    { ...event, timestamp: '1969-12-31T23:59:59Z' },
    { ...event, timestamp: -1 },
    { ...event, timestamp: 'yesterday' },
    { ...event, weight: -0.001 },
    { ...event, weight: 1001 },
  ]
  const { status, body } = await program.call('POST', '/recommend/events', [...good, ...bad])
  assert.equal(status, 202)
  assert.equal(body.accepted, good.length)
  assert.deepEqual(
    body.rejected.map(({ index }) => index),
    bad.map((_, at) => good.length + at),
  )
  for (const each of bad)
    assert.equal((await program.call('POST', '/recommend/events', each)).status, 422)
})

test('each bad line is named with its number, and the rest is taken', async () => {
  const lines = [
    '{"itemId":"n1"}',
    'not json',
    '',
    '{"title":"no id"}',
    '{"itemId":"n2","price":-1}',
    '{"itemId":"n3","surprise":1}',
    '{"itemId":"n4","itemId":"n5"}',
    '["n6"]',
    'null',
    `{"itemId":"n7","title":"${'x'.repeat(501)}"}`,
    `{"itemId":"n8","title":"${'x'.repeat(70_000)}"}`,
    '['.repeat(2000),
    '{"itemId":"n9"}',
  ]
  const { status, body } = await program.call('POST', '/recommend/items', lines.join('\n'), {
    'content-type': 'application/x-ndjson',
  })
  assert.equal(status, 200)
  assert.equal(body.accepted, 2)
  assert.deepEqual(
    body.rejected.map(({ line }) => line),
    [2, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  )
  for (const itemId of ['n1', 'n9'])
    assert.equal((await program.call('GET', `/recommend/items/${itemId}`)).status, 200)
})

test('any number of events comes as lines in one call, and each bad line is named', async () => {
  const count = 100_000
  const lines = Array.from({ length: count }, (_, at) =>
    at % 10_000 === 5 ? '{"userId":"u"}' : `{"userId":"u${at % 50}","itemId":"i","type":"view"}`,
  )
  lines[0] = `\ufeff${lines[0]}`
  const { status, body } = await program.call('POST', '/recommend/events', lines.join('\r\n'), {
    'content-type': 'application/x-ndjson',
  })
  assert.equal(status, 202)
  assert.equal(body.accepted, count - 10)
  assert.deepEqual(
    body.rejected.map(({ index }) => index),
    Array.from({ length: 10 }, (_, at) => at * 10_000 + 5),
  )
})
