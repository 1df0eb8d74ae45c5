import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { combined, covers, parseContentRange, rangesMax, resolveRange } from './ranges.ts'

const parts = (value: string, length: number): unknown => {
  const wish = resolveRange(value, length)
  return wish.kind === 'parts' ? wish.parts.map(({ first, last }) => [first, last]) : wish.kind
}

test('ranges resolve against the length (RFC 9110 14.1.2)', () => {
  assert.deepEqual(parts('bytes=0-1', 10), [[0, 1]])
  assert.deepEqual(parts('bytes=5-', 10), [[5, 9]])
  assert.deepEqual(parts('bytes=-3', 10), [[7, 9]])
  assert.deepEqual(parts('bytes=-99', 10), [[0, 9]])
  assert.deepEqual(parts('bytes=9-99', 10), [[9, 9]])
  assert.deepEqual(parts('BYTES=0-0, 2-2', 10), [
    [0, 0],
    [2, 2],
  ])
  assert.equal(parts('bytes=10-', 10), 'unsatisfiable')
  assert.equal(parts('bytes=-0', 10), 'unsatisfiable')
  assert.equal(parts('bytes=0-', 0), 'unsatisfiable')
})

test('what is no byte range is ignored (RFC 9110 14.2)', () => {
  for (const value of [
    'bytes=',
    'bytes=5-2',
    'bytes=a-b',
    'items=0-1',
    'bytes=-',
    'bytes 0-1',
    '0-1',
  ])
    assert.equal(parts(value, 10), 'whole', value)
  assert.equal(resolveRange(undefined, 10).kind, 'whole')
})

test('a range bomb gets the whole, and overlapping ranges become one (RFC 9110 17.15)', () => {
  const many = (count: number): string =>
    `bytes=${Array.from({ length: count }, (_, at) => `${at * 3}-${at * 3}`).join(',')}`
  assert.equal(resolveRange(many(rangesMax), 1000).kind, 'parts')
  assert.equal(resolveRange(many(rangesMax + 1), 1000).kind, 'whole')
  assert.deepEqual(parts('bytes=0-4,5-9,20-29,3-6', 100), [
    [20, 29],
    [0, 9],
  ])
  assert.deepEqual(parts('bytes=0-,0-,0-,0-', 100), [[0, 99]])
})

test('resolved ranges never overlap and never leave the representation', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(60), fc.nat(60)), { minLength: 1, maxLength: rangesMax }),
      fc.integer({ min: 1, max: 50 }),
      (pairs, length) => {
        const text = pairs.map(([low, more]) => `${low}-${low + more}`).join(',')
        const wish = resolveRange(`bytes=${text}`, length)
        const asked = new Set<number>()
        for (const [low, more] of pairs)
          for (let at = low; at <= low + more && at < length; at++) asked.add(at)
        if (wish.kind !== 'parts') return asked.size === 0
        const got = wish.parts.flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, at) => first + at),
        )
        return got.length === asked.size && got.every((at) => asked.has(at))
      },
    ),
  )
})

test('Content-Range must make sense (RFC 9110 14.4)', () => {
  assert.deepEqual(parseContentRange('bytes 0-4/10'), { first: 0, last: 4, complete: 10 })
  assert.deepEqual(parseContentRange('bytes 0-4/*'), { first: 0, last: 4, complete: undefined })
  for (const value of ['bytes 4-0/10', 'bytes 0-10/10', 'bytes */10', 'x'])
    assert.equal(parseContentRange(value), undefined, value)
  assert.equal(parseContentRange(undefined), undefined)
})

test('parts of one representation are put together where no gap is between them (RFC 9111 3.4)', () => {
  const whole = Uint8Array.from({ length: 20 }, (_, at) => at)
  const held = (
    first: number,
    last: number,
  ): { first: number; last: number; bytes: Uint8Array } => ({
    first,
    last,
    bytes: whole.slice(first, last + 1),
  })
  assert.deepEqual(combined(held(5, 9), held(0, 4)), held(0, 9))
  assert.deepEqual(combined(held(0, 9), held(3, 12)), held(0, 12))
  assert.deepEqual(combined(held(0, 9), held(3, 4)), held(0, 9))
  assert.equal(combined(held(0, 3), held(5, 9)), undefined)
  assert.equal(covers({ first: 2, last: 8 }, [{ first: 2, last: 8 }]), true)
  assert.equal(covers({ first: 2, last: 8 }, [{ first: 1, last: 3 }]), false)
})
