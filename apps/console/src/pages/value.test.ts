import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { brief, valueView } from './value.ts'

test('members of members are columns, times and durations are read by people, nothing is JSON', () => {
  const blend = [
    { voice: { channel: 'next', profile: { kind: 'position', factor: 0.5 } }, weight: 0.1 },
    { voice: { channel: 'trending', span: 'day' }, weight: 1 },
  ]
  const page = String(valueView({ blend, lastMs: 1_795_574_421_847, tookMs: 12.5 }))
  for (const column of ['channel', 'kind', 'factor', 'weight', 'span'])
    assert.match(page, new RegExp(`<th scope="col">${column}</th>`))
  assert.match(page, /<dt>last<\/dt>\s*<dd[^>]*>2026-11-25 02:40:21</)
  assert.match(page, /12\.5 ms/)
  assert.doesNotMatch(page, /[{}]|&quot;/)
})

test('two members of one name keep the name of what they are in', () => {
  const page = String(valueView([{ id: 1, model: { id: 2 } }]))
  assert.match(page, /<th scope="col">id<\/th>\s*<th scope="col">model id<\/th>/)
})

test('one line says lists and members in words', () => {
  const line = brief({ items: ['a', 'b'], at: { lastMs: 1_795_574_421_847 } })
  assert.equal(line, 'items a, b; at last 2026-11-25 02:40:21')
})

test('any JSON makes a page', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      assert.equal(typeof String(valueView(value)), 'string')
      assert.equal(typeof brief(value), 'string')
    }),
    { numRuns: 200 },
  )
})
