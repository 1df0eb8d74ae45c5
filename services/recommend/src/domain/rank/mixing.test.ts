import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { mixed } from './mixing.ts'

test('the first are in order of their values, equals as they stood, and the rest below as they were', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true })), {
        maxLength: 70,
      }),
      fc.integer({ min: 0, max: 10 }),
      (values, more) => {
        const ranked = Array.from({ length: values.length + more }, (_, item) => ({
          item,
          score: -item,
        }))
        const list = mixed(ranked, values)
        const head = values
          .map((score, item) => ({ item, score }))
          .toSorted((a, b) => (a.score < b.score ? 1 : a.score > b.score ? -1 : a.item - b.item))
        assert.deepEqual(list.slice(0, values.length), head)
        assert.deepEqual(
          list.slice(values.length).map(({ item }) => item),
          ranked.slice(values.length).map(({ item }) => item),
        )
      },
    ),
  )
})
