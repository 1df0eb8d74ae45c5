import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import Type, { type TSchema } from 'typebox'
import { Fault, type FieldProblem } from '@spate/runtime/fault'
import { fieldProblemsMax } from './field-rules.ts'
import { jsonDepthMax, jsonReader, parseJson } from './json.ts'
import { testRequest } from './test-request.ts'

const purchase = jsonReader(
  Type.Object({
    userId: Type.String({ minLength: 1, maxLength: 64 }),
    productId: Type.String({ minLength: 1, maxLength: 64 }),
    quantity: Type.Integer({ minimum: 1, maximum: 100 }),
  }),
  { bytesMax: 200 },
)

function refusal(run: () => unknown): { code: string; fields: readonly FieldProblem[] } {
  try {
    run()
  } catch (caught) {
    assert.ok(caught instanceof Fault, String(caught))
    return { code: caught.code, fields: caught.fields }
  }
  throw new assert.AssertionError({ message: 'it was accepted' })
}
const parse = (text: string): unknown => purchase.parse(Buffer.from(text))
const of = (schema: TSchema, value: unknown): readonly FieldProblem[] =>
  refusal(() => jsonReader(schema).parse(Buffer.from(JSON.stringify(value)))).fields

test('a body that fits comes back as it was sent', () => {
  const value = { userId: '用户', productId: 'p', quantity: 100 }
  assert.deepEqual(parse(JSON.stringify(value)), value)
})

test('every refused field is named with its value and what is accepted', () => {
  const { code, fields } = refusal(() => parse('{"userId":7,"quantity":-1,"coupon":"x"}'))
  assert.equal(code, 'invalid_field')
  assert.deepEqual(fields, [
    { field: 'productId', expected: 'text of 1 to 64 characters' },
    { field: 'userId', value: '7', expected: 'text of 1 to 64 characters' },
    { field: 'quantity', value: '-1', expected: 'a whole number from 1 to 100' },
    {
      field: 'coupon',
      value: 'x',
      expected: 'no such field; known are userId, productId, quantity',
    },
  ])
})

test('numbers: bounds are taken, one beyond is not; NaN, Infinity and huge ones are refused', () => {
  const withQuantity = (quantity: string): string =>
    `{"userId":"u","productId":"p","quantity":${quantity}}`
  for (const good of ['1', '100', '1e2', '1.0']) parse(withQuantity(good))
  for (const bad of [
    '0',
    '101',
    '-1',
    '1.5',
    '1e999',
    '-1e999',
    '9007199254740993',
    '1e308',
    'null',
    '"1"',
    'true',
    '[1]',
  ])
    assert.equal(refusal(() => parse(withQuantity(bad))).fields[0]?.field, 'quantity', bad)
  for (const bad of ['NaN', 'Infinity', '01', '+1', '.5', '1.', '0x1', '1_000'])
    assert.equal(refusal(() => parse(withQuantity(bad))).code, 'invalid_request', bad)
  const loose = jsonReader(Type.Object({ any: Type.Unknown() }))
  assert.equal(
    refusal(() => loose.parse(Buffer.from('{"any":[1,1e999]}'))).fields[0]?.field,
    'any[1]',
  )
})

test('a member named twice is refused by its path, however it is spelled', () => {
  const twice = (text: string): string | undefined =>
    refusal(() => parseJson(Buffer.from(text))).fields[0]?.field
  assert.equal(twice('{"a":1,"a":1}'), 'a')
  assert.equal(twice('{"a":1,"\\u0061":2}'), 'a')
  assert.equal(twice('{"a":[{"b":1},{"c":{"d":1,"e":"\\"d\\":","d" \n : 2}}]}'), 'a[1].c.d')
  assert.equal(twice('{"__proto__":1,"__proto__":2}'), '__proto__')
  assert.deepEqual(parseJson(Buffer.from('[{"a":1},{"a":2},"a:b",{"x":":::","y":"\\":"}]')), [
    { a: 1 },
    { a: 2 },
    'a:b',
    { x: ':::', y: '":' },
  ])
})

test('any JSON value passes unchanged, and no repeated member passes', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value)
      assert.deepEqual(parseJson(Buffer.from(text)), JSON.parse(text))
    }),
  )
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }),
      fc.nat(),
      (record, at) => {
        const members = Object.entries(record).map(
          ([name, item]) => `${JSON.stringify(name)}:${JSON.stringify(item)}`,
        )
        const again = members[at % members.length] as string
        assert.throws(() => parseJson(Buffer.from(`{${[...members, again].join(',')}}`)), Fault)
      },
    ),
  )
})

test('nesting: the limit is taken, one more is not', () => {
  const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth))
  parseJson(nested(jsonDepthMax - 1))
  parseJson(nested(jsonDepthMax))
  assert.match(
    refusal(() => parseJson(nested(jsonDepthMax + 1))).fields[0]?.expected ?? '',
    /32 deep/,
  )
  refusal(() => parseJson(Buffer.from('{"a":'.repeat(100_000))))
})

test('only UTF-8 JSON without byte order mark or unpaired surrogates is read', () => {
  for (const bad of [
    Buffer.from([0x22, 0xff, 0x22]),
    Buffer.from([0x22, 0xc0, 0x80, 0x22]),
    Buffer.from('\ufeff{}'),
    Buffer.from('{"a":1}', 'utf16le'),
    Buffer.from(''),
    Buffer.from('{} {}'),
    Buffer.from('{"a":1,}'),
    Buffer.from('"\u0001"'),
  ])
    assert.equal(refusal(() => parseJson(bad)).code, 'invalid_request')
  assert.equal(
    refusal(() => parseJson(Buffer.from('{"a":{"b":"\\ud800"}}'))).fields[0]?.field,
    'a.b',
  )
  assert.equal(refusal(() => parseJson(Buffer.from('{"\\ud800":1}'))).fields[0]?.field, 'body')
  assert.equal(parseJson(Buffer.from('"\\ud83d\\ude00"')), '😀')
})

test('bodies: the size limit is taken, one byte more is not, in hand or awaited', async () => {
  const padded = (length: number): string => {
    const body = '{"userId":"u","productId":"p","quantity":1}'
    return body + ' '.repeat(length - body.length)
  }
  for (const bodyLater of [false, true]) {
    await purchase.read(testRequest({ body: padded(199), bodyLater }))
    await purchase.read(testRequest({ body: padded(200), bodyLater }))
    const fault = refusal(() => purchase.read(testRequest({ body: padded(201), bodyLater })))
    assert.equal(fault.code, 'payload_too_large')
    assert.equal(fault.fields[0]?.expected, 'at most 200 bytes')
  }
})

test('the content type must be JSON in UTF-8 with no content coding', () => {
  const body = '{"userId":"u","productId":"p","quantity":1}'
  const read = (headers: Record<string, string>): unknown =>
    purchase.read(testRequest({ body, headers }))
  for (const type of [
    'application/json',
    'Application/JSON; charset=UTF-8',
    'application/ld+json',
    'application/json;charset="utf-8"',
  ])
    read({ 'content-type': type })
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
    'application/jsonp',
    '',
    'json',
    'text/json',
  ])
    assert.equal(refusal(() => read({ 'content-type': type })).code, 'unsupported_media_type', type)
  assert.equal(
    refusal(() => read({ 'content-encoding': 'gzip' })).fields[0]?.field,
    'content-encoding',
  )
})

test('the nearest branch of a union is explained', () => {
  const schema = Type.Union([
    Type.Object({ kind: Type.Literal('a'), size: Type.Integer() }),
    Type.Object({ kind: Type.Literal('b'), name: Type.String() }),
  ])
  assert.deepEqual(of(schema, { kind: 'b', name: 1 }), [
    { field: 'name', value: '1', expected: 'text' },
  ])
  assert.deepEqual(
    of(Type.Object({ t: Type.Union([Type.Literal('x'), Type.Literal('y')]) }), { t: 'z' }),
    [{ field: 't', value: 'z', expected: 'one of x, y' }],
  )
  assert.equal(of(Type.Union([Type.String(), Type.Null()]), 1)[0]?.expected, 'text, or null')
})

test('lists, records, own words and secrets', () => {
  const lists = Type.Array(Type.Object({ q: Type.Integer() }), { minItems: 1, maxItems: 2 })
  assert.equal(of(lists, [])[0]?.field, 'body')
  assert.equal(of(lists, [{ q: 1 }, { q: 'x' }])[0]?.field, '[1].q')
  assert.equal(of(lists, [1, 2, 3])[0]?.expected, 'a list of 1 to 2 items, each an object with q')
  assert.equal(of(Type.Record(Type.String(), Type.Number()), { a: 'x' })[0]?.field, 'a')
  const id = Type.String({ pattern: '^[a-z]+$', expected: 'small letters' })
  assert.deepEqual(of(Type.Object({ id }), { id: 'X' }), [
    { field: 'id', value: 'X', expected: 'small letters' },
  ])
  assert.deepEqual(
    of(Type.Object({ pin: Type.String({ writeOnly: true, minLength: 4 }) }), { pin: '1' }),
    [{ field: 'pin', expected: 'text of at least 4 characters' }],
  )
})

test('at most so many fields are named, and values are cut', () => {
  const many = Object.fromEntries(
    Array.from({ length: 50 }, (_, at) => [`f${at}`, 'v'.repeat(500)]),
  )
  const fields = of(Type.Object({}), many)
  assert.equal(fields.length, fieldProblemsMax)
  assert.equal(fields[0]?.value?.length, 80)
})
