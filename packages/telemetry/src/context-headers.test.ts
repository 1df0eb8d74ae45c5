import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSpanContextValid, ROOT_CONTEXT, propagation } from '@opentelemetry/api'
import fc from 'fast-check'
import { spanOf, withContext, activeContext, contextManager } from './context.ts'
import { extractHeaders, injectHeaders, parseContext } from './propagator.ts'
import {
  createTraceParent,
  formatTraceParent,
  hexOfWord,
  parseTraceParent,
} from './trace-parent.ts'
import { membersMax, readOtel, SpateTraceState, withThreshold } from './trace-state.ts'
import { thresholdOf } from './threshold.ts'

const good = '00-12345678901234567890123456789012-1234567890123456-01'

test('a traceparent comes back as it was written', () => {
  const target = createTraceParent()
  fc.assert(
    fc.property(
      fc.array(fc.nat(0xffff_ffff), { minLength: 6, maxLength: 6 }),
      fc.nat(3),
      (words, flags) => {
        const ids = words.map(hexOfWord)
        const traceId = ids.slice(0, 4).join('')
        const spanId = ids.slice(4).join('')
        const valid = !/^0+$/.test(traceId) && !/^0+$/.test(spanId)
        assert.equal(parseTraceParent(formatTraceParent(traceId, spanId, flags), target), valid)
        if (valid)
          assert.deepEqual([...target.trace, ...target.span, target.flags], [...words, flags])
      },
    ),
  )
})

test('a traceparent that breaks the grammar is refused, whatever it is', () => {
  const target = createTraceParent()
  const bad = [
    '',
    '00',
    good.slice(0, -1),
    `${good}0`,
    `${good}-x`,
    good.replace('00-', 'ff-'),
    good.replace('00-', '0-'),
    good.toUpperCase().replace('00-1', '00-A'),
    good.replaceAll('-', '_'),
    `00-${'0'.repeat(32)}-1234567890123456-01`,
    `00-12345678901234567890123456789012-${'0'.repeat(16)}-01`,
    '0'.repeat(1_000_000),
  ]
  for (const header of bad)
    assert.equal(parseTraceParent(header, target), false, header.slice(0, 80))
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (text) => {
      if (parseTraceParent(text, target)) assert.match(text.trim(), /^[0-9a-f]{2}-/)
    }),
  )
})

test('a higher version is read by its first fields, and unknown flags are cut', () => {
  const target = createTraceParent()
  assert.ok(parseTraceParent(good.replace(/^00/, 'cc'), target))
  assert.ok(parseTraceParent(`${good.replace(/^00/, 'cc')}-what.ever`, target))
  assert.equal(parseTraceParent(`${good.replace(/^00/, 'cc')}.what`, target), false)
  assert.ok(parseTraceParent(good.replace(/01$/, 'ff'), target))
  assert.equal(target.flags, 3)
})

test('tracestate holds up to 32 members; one bad member makes all of it void', () => {
  const many = (count: number): string =>
    Array.from({ length: count }, (_, at) => `k${at}=v`).join(',')
  for (const count of [membersMax - 1, membersMax])
    assert.equal(SpateTraceState.parse(many(count))?.size, count)
  assert.equal(SpateTraceState.parse(many(membersMax + 1)), undefined)
  for (const bad of [
    'Foo=1',
    'foo.bar=1',
    '@foo=1',
    'foo',
    'foo=',
    'foo=a=b',
    `${'z'.repeat(257)}=1`,
    'foo =1',
  ])
    assert.equal(SpateTraceState.parse(`a=1,${bad}`), undefined, bad)
  assert.equal(SpateTraceState.parse(' a=1 \t,\t, b=2 ')?.serialize(), 'a=1,b=2')
  assert.equal(SpateTraceState.parse('a=1,a=2')?.serialize(), 'a=1')
  assert.equal(SpateTraceState.parse('x'.repeat(1_000_000)), undefined)
})

test('the threshold is written in front, rv and foreign parts stay', () => {
  const state = SpateTraceState.parse('vendor=1,ot=rv:00000000000001;th:8;zz:1')
  assert.ok(state)
  const written = withThreshold(state, thresholdOf(0.01))
  assert.equal(written?.serialize(), 'ot=th:fd70a;rv:00000000000001;zz:1,vendor=1')
  assert.equal(withThreshold(written, undefined)?.serialize(), 'ot=rv:00000000000001;zz:1,vendor=1')
  assert.equal(withThreshold(SpateTraceState.parse('ot=th:8'), undefined), undefined)
  const { random, threshold } = readOtel('th:8;rv:0123456789abcd')
  assert.deepEqual(random, { high: 0x01_2345, low: 0x6789_abcd })
  assert.equal(threshold?.text, '8')
})

test('headers carry context and baggage to the other side and back', () => {
  const headers = {
    traceparent: good.replace(/01$/, '03'),
    tracestate: 'a=1,ot=th:8',
    baggage: 'user=u%201;p=1,bad=%zz,k=v',
  }
  const context = extractHeaders(headers, ROOT_CONTEXT)
  const span = spanOf(context)?.spanContext()
  assert.ok(span && isSpanContextValid(span))
  assert.equal(span.traceFlags, 3)
  assert.equal(propagation.getBaggage(context)?.getEntry('user')?.value, 'u 1')
  assert.deepEqual(injectHeaders(context), {
    traceparent: headers.traceparent,
    tracestate: headers.tracestate,
    baggage: 'user=u%201;p=1,k=v',
  })
  assert.equal(parseContext(undefined, 'a=1'), undefined)
  assert.equal(extractHeaders({}, ROOT_CONTEXT), ROOT_CONTEXT)
  assert.deepEqual(injectHeaders(ROOT_CONTEXT), {})
})

test('the active context follows asynchronous work and ends with it', async () => {
  const key = Symbol('key')
  const context = ROOT_CONTEXT.setValue(key, 1)
  const seen = await withContext(context, async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return activeContext().getValue(key)
  })
  assert.equal(seen, 1)
  assert.equal(activeContext(), ROOT_CONTEXT)
  const bound = contextManager.bind(context, () => activeContext().getValue(key))
  assert.equal(bound(), 1)
})
