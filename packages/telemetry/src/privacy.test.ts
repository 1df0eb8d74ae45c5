import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SeededChance } from '@spate/runtime/chance'
import { AttributeGate } from './attributes.ts'
import type { SpanRecord } from './span-record.ts'
import { createTelemetry } from './telemetry.ts'
import type { LogData } from './otlp/model.ts'
import { privateLog } from './otlp/private-log.ts'
import { networkOf, scrubbed } from './privacy.ts'

const options = { fullAddresses: false }
const clean = (text: string): string => scrubbed(text, options)

test('credentials do not stay in a text, whatever they are called', () => {
  const secret = 'S3cr3tValue0123456789'
  for (const text of [
    `Authorization: Bearer ${secret}`,
    `authorization=Basic ${secret}==`,
    `failed for token=${secret}&page=2`,
    `?access_token=${secret}`,
    `{"password":"${secret}","user":"a"}`,
    `password: ${secret}`,
    `api_key=${secret};x=1`,
    `X-Api-Key: ${secret}`,
    `redis://user:${secret}@cache:6379/0`,
    `Cookie: sid=${secret}`,
    `refresh_token%3D${secret}`,
    `X-Amz-Signature=${secret}`,
    `jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${secret}`,
    `cvv=${secret}`,
  ])
    assert.equal(clean(text).includes(secret), false, `${text} became ${clean(text)}`)
})

test('ordinary texts are left as they are', () => {
  for (const text of [
    '',
    'GET /items/{id}',
    'connect ECONNREFUSED 127.0.0.1:6379',
    'no answer from 10.1.2.3 in 1500 ms',
    '2026-11-25T18:00:01.123Z started at 12:34:56',
    'the token bucket is empty; basic checks passed',
    'order 7312345678901234567 placed',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0',
    'at run (file:///srv/app/main.ts:10:5)',
    'std::vector and a::b',
    'trace 4bf92f3577b34da6a3ce929d0e0e4736',
    'sum 4111111111111112 is not a card',
    '::1 and fe80::1',
  ])
    assert.equal(clean(text), text)
})

test('numbers with the check digit of a card go, others of the same length stay', () => {
  const chance = new SeededChance(20_261_125)
  const checkDigit = (digits: string): number => {
    let sum = 0
    for (let at = 0; at < digits.length; at++) {
      const digit = Number(digits[digits.length - 1 - at])
      const weighed = at % 2 === 0 ? 2 * digit : digit
      sum += weighed > 9 ? weighed - 9 : weighed
    }
    return (10 - (sum % 10)) % 10
  }
  for (let at = 0; at < 2000; at++) {
    const length = chance.integer(13, 16)
    const digits =
      String(chance.integer(3, 6)) +
      Array.from({ length: length - 2 }, () => chance.integer(0, 9)).join('')
    const good = checkDigit(digits)
    const card = digits + String(good)
    const grouped = card.replaceAll(/(\d{4})(?=\d)/g, at % 2 === 0 ? '$1 ' : '$1-')
    for (const text of [card, `card ${grouped} refused`, `/pay/${card}/now`, `n=${card}`])
      assert.equal(/\d{4}/.test(clean(text)), false, `${text} became ${clean(text)}`)
    const other = digits + String((good + 1) % 10)
    assert.equal(clean(other), other)
  }
})

test('addresses are cut to the network, and those of machines stay', () => {
  assert.equal(networkOf('203.0.113.77'), '203.0.113.0')
  assert.equal(networkOf('::ffff:203.0.113.77'), '203.0.113.0')
  assert.equal(networkOf('2001:db8:85a3:8d3:1319:8a2e:370:7348'), '2001:db8:85a3::')
  assert.equal(networkOf('2001:db8::7348'), '2001:db8::')
  assert.equal(networkOf('not an address'), '')
  assert.equal(clean('from 203.0.113.77:443 refused'), 'from 203.0.113.0:443 refused')
  assert.equal(clean('peer [2001:db8:85a3::8a2e:370:7348]:443'), 'peer [2001:db8:85a3::]:443')
  assert.equal(scrubbed('from 203.0.113.77', { fullAddresses: true }), 'from 203.0.113.77')
})

test('the gate cuts client addresses unless whole ones are asked for, and refuses secret names', () => {
  const gate = new AttributeGate(['client.address', 'url.query', 'free.*'])
  const whole = new AttributeGate(['client.address'], { fullAddresses: true })
  assert.equal(gate.clean('client.address', '203.0.113.77'), '203.0.113.0')
  assert.equal(gate.clean('network.peer.address', '203.0.113.77'), '203.0.113.0')
  assert.equal(whole.clean('client.address', '203.0.113.77'), '203.0.113.77')
  assert.equal(gate.clean('url.query', 'page=2&token=abcdef12'), 'page=2&token=***')
  assert.equal(gate.clean('free.number', 4_111_111_111_111_111), '[card]')
  assert.equal(gate.clean('order.id', '4111111111111111'), '4111111111111111')
  assert.equal(gate.allows('free.color'), true)
  assert.equal(gate.allows('free.password'), false)
})

test('a log leaves without secrets in its body, its attributes or what is nested in them', () => {
  const log: LogData = {
    timeMs: 1,
    observedMs: 1,
    severity: 9,
    severityText: 'INFO',
    body: 'login with password=hunter22 from 203.0.113.9',
    attributes: {
      authorization: 'whatever',
      detail: { token: 'abc', list: ['4111 1111 1111 1111', 7, true] },
      count: 3,
    },
    traceId: '',
    spanId: '',
    flags: 0,
    eventName: '',
    resource: {},
    scope: { name: 'x' },
  }
  const kept = privateLog(log, new AttributeGate())
  assert.equal(kept.body, 'login with password=*** from 203.0.113.0')
  assert.deepEqual(kept.attributes, {
    authorization: '***',
    detail: { token: '***', list: ['[card]', 7, true] },
    count: 3,
  })
})

test('any text is cleaned in bounded time, and cleaning twice changes nothing more', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ maxLength: 400 }), fc.string({ unit: 'binary', maxLength: 200 })),
      (text) => {
        const once = clean(text)
        assert.equal(clean(once), once)
      },
    ),
    { numRuns: 2000 },
  )
  for (const part of ['a_', 'token', ':::', '1 ', '1.', 'eyJ', 'ab:', 'token=', 'bearer ', 'x://'])
    assert.ok(new AttributeGate().text(part.repeat(5000)).length <= 1024)
})

test('what a request, an exception and a client say in secret does not reach a sink', () => {
  const spans: SpanRecord[] = []
  const telemetry = createTelemetry({ serviceName: 'x', sinks: [(some) => spans.push(...some)] })
  const exchange = telemetry.beginServer({
    method: 'GET',
    path: '/pay/4111111111111111',
    host: 'shop',
    httpVersion: '1.1',
    secure: false,
    arrivedMs: 0,
    headers: { get: () => 'agent token=abcdef1234' },
    clientAddress: '203.0.113.77',
  })
  exchange.span.recordException(new Error('refused: Bearer abcdef1234 from 203.0.113.77'))
  exchange.span.setStatus({ code: 2, message: 'password=abcdef1234' })
  exchange.end(500, '/pay/{card}')
  const text = JSON.stringify(spans)
  assert.equal(spans[0]?.attributes['client.address'], '203.0.113.0')
  for (const secret of ['abcdef1234', '4111111111111111', '203.0.113.77'])
    assert.equal(text.includes(secret), false, `${secret} is in ${text}`)
})
