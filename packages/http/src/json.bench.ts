import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { BenchTable } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { jsonReader } from './json.ts'
import { testRequest } from './test-request.ts'

const schema = Type.Object({
  userId: Type.String({ minLength: 1, maxLength: 64 }),
  productId: Type.String({ minLength: 1, maxLength: 64 }),
  quantity: Type.Integer({ minimum: 1, maximum: 100 }),
})
const rounds = 7
const calls = 200_000

/** Reading a purchase body: strictly, against the same without strictness and the bare parser. */
export async function run(): Promise<BenchTable> {
  const request = testRequest({ body: '{"userId":"user-123456","productId":"sku-1","quantity":1}' })
  const bytes = request.body.whole as Buffer
  const reader = jsonReader(schema)
  const loose = Compile(schema)
  const subjects = {
    'strict reader (bytes to checked value)': () => reader.read(request),
    'control: JSON.parse and schema, not strict': () => {
      const value: unknown = JSON.parse(bytes.toString('utf8'))
      return loose.Check(value) ? value : undefined
    },
    'control: JSON.parse alone': () => JSON.parse(bytes.toString('utf8')) as unknown,
  }
  const times = new Map<string, number[]>()
  for (let round = 0; round < rounds; round++)
    for (const [label, subject] of Object.entries(subjects)) {
      const startMs = systemClock.elapsed()
      for (let n = 0; n < calls; n++) subject()
      const ns = ((systemClock.elapsed() - startMs) / calls) * 1e6
      // The first round warms the compiler up.
      if (round > 0) times.set(label, [...(times.get(label) ?? []), ns])
    }
  const middle = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  const bare = middle(times.get('control: JSON.parse alone') ?? [])
  return {
    name: 'http-json',
    title: 'A purchase body of 57 bytes, read and checked',
    rows: [...times].map(([label, values]) => ({
      label,
      figures: {
        'ns a body': `${middle(values).toFixed(0)} (${Math.min(...values).toFixed(0)}..${Math.max(...values).toFixed(0)})`,
        'x JSON.parse': (middle(values) / bare).toFixed(2),
      },
    })),
    notes: [`${rounds - 1} rounds of ${calls} bodies, median (least..most), one process`],
  }
}
