import type { TSchema } from 'typebox'
import type { SchemaNode } from './field-rules.ts'
import { jsonBytesMax, jsonDepthMax, schemaCheck } from './json.ts'
import { memberPath } from './json-scan.ts'

/**
 * Everything that is wrong with a JSON body, made from its schema and one body that is right: for
 * tests of any route. `badInputViolations` (`bad-input-run`) sends them.
 */

/** One bad request. */
export interface BadInput {
  /** What is wrong: `quantity: a negative number`. */
  readonly name: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Field the problem must name; undefined where any will do. */
  readonly field?: string
}

/** How to make the cases. */
export interface BadInputOptions {
  /** Largest body the route takes, bytes. Default `jsonBytesMax`. */
  readonly bytesMax?: number
  /** Deepest nesting the route takes. Default `jsonDepthMax`. */
  readonly depthMax?: number
}

/** A change to one place of the valid body. */
interface Spot {
  readonly path: readonly string[]
  readonly field: string
  readonly schema: SchemaNode
  readonly value: unknown
  readonly required: boolean
}

const json = { 'content-type': 'application/json' }
/** Stands in the text for what JSON cannot say; replaced after `JSON.stringify`. */
const marker = '@@raw@@'

/**
 * The cases for one route. `valid` must fit `schema` and name every field that is to be tried;
 * changes that the schema accepts are left out.
 */
export function badInputCases(
  schema: TSchema,
  valid: unknown,
  options: BadInputOptions = {},
): BadInput[] {
  const accept = schemaCheck(schema)
  accept.check(valid)
  const cases = [...bodyCases(valid, options)]
  for (const spot of spots(accept.schema, valid, [], '')) {
    for (const [what, raw] of wrongValues(spot)) {
      const body = withRaw(valid, spot.path, raw)
      if (accepted(accept, body)) continue
      const field = isJson(raw) ? spot.field : undefined
      cases.push(made(`${spot.field || 'body'}: ${what}`, body, field))
    }
    if (spot.required)
      cases.push(made(`${spot.field}: missing`, withRaw(valid, spot.path, undefined), spot.field))
    if (spot.schema.properties && isObject(spot.value)) cases.push(...memberCases(spot, valid))
  }
  return cases
}

function made(name: string, text: string, field: string | undefined): BadInput {
  return { name, headers: json, body: Buffer.from(text), ...(field ? { field } : {}) }
}

/** What is wrong with the body as a whole, whatever it says. */
function bodyCases(valid: unknown, options: BadInputOptions): BadInput[] {
  const { bytesMax = jsonBytesMax, depthMax = jsonDepthMax } = options
  const text = JSON.stringify(valid)
  const of = (name: string, body: string | Uint8Array, headers = json): BadInput => ({
    name: `body: ${name}`,
    headers,
    body: typeof body === 'string' ? Buffer.from(body) : body,
  })
  const typed = (type: string): BadInput =>
    of(`content type ${type}`, text, { 'content-type': type })
  return [
    of('empty', ''),
    of('cut off', text.slice(0, -1)),
    of('followed by more', `${text} 1`),
    of('not JSON', '<xml/>'),
    of('invalid UTF-8', Buffer.concat([Buffer.from(text), Buffer.from([0x20, 0xff])])),
    of('invalid UTF-8 in a text', Buffer.from([0x22, 0xc3, 0x28, 0x22])),
    of('UTF-16', Buffer.from(text, 'utf16le')),
    of('byte order mark', `\ufeff${text}`),
    of('an unpaired surrogate', '{"\\ud800":"\\udfff"}'),
    of('nested one too deep', '['.repeat(depthMax + 1) + ']'.repeat(depthMax + 1)),
    of('nested very deep', '{"a":'.repeat(Math.floor(Math.min(bytesMax, 50_000) / 5))),
    of('one byte too large', `${text}${' '.repeat(bytesMax + 1 - Buffer.byteLength(text))}`),
    of('much too large', `"${'x'.repeat(bytesMax * 2)}"`),
    typed('text/plain'),
    typed('application/x-www-form-urlencoded'),
    typed('multipart/form-data; boundary=x'),
    typed('application/json; charset=utf-16'),
    { name: 'body: no content type', headers: {}, body: Buffer.from(text) },
    of('content coding', text, { ...json, 'content-encoding': 'gzip' } as typeof json),
  ]
}

/** What is wrong with one value, as JSON text or as text that is none. */
function wrongValues({ schema }: Spot): (readonly [string, string])[] {
  const values: (readonly [string, string])[] = [
    ['null', 'null'],
    ['a boolean', 'true'],
    ['a number', '12'],
    ['a text', '"text"'],
    ['a list', '[]'],
    ['an object', '{}'],
    ['a list of lists', '[[[]]]'],
    ['a number as text', '"1"'],
    ['a negative number', '-1'],
    ['a fraction', '1.5'],
    ['a huge number', '1e308'],
    ['a number beyond doubles', '1e999'],
    ['a number beyond whole doubles', '9007199254740993'],
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['an empty text', '""'],
    ['a text with an unpaired surrogate', '"\\ud800"'],
    ['a text of control characters', '"\\u0000\\r\\n"'],
  ]
  if (schema.maxLength !== undefined)
    values.push(['a text one too long', JSON.stringify('x'.repeat(schema.maxLength + 1))])
  if (schema.minimum !== undefined) values.push(['one below the least', `${schema.minimum - 1}`])
  if (schema.maximum !== undefined) values.push(['one above the most', `${schema.maximum + 1}`])
  if (schema.maxItems !== undefined && schema.maxItems <= 10_000)
    values.push([
      'a list one too long',
      `[${Array(schema.maxItems + 1)
        .fill('0')
        .join(',')}]`,
    ])
  return values
}

/** Unknown members, and members named twice. */
function memberCases(spot: Spot, valid: unknown): BadInput[] {
  const members = Object.entries(spot.value as Record<string, unknown>)
  const inner = members.map(([name, item]) => `${JSON.stringify(name)}:${JSON.stringify(item)}`)
  const at = spot.field
  const cases: BadInput[] = []
  const add = (what: string, extra: string, name: string): void => {
    const raw = `{${[...inner, extra].join(',')}}`
    const field = memberPath(at, name, false)
    cases.push(made(`${field}: ${what}`, withRaw(valid, spot.path, raw), field))
  }
  if (spot.schema.additionalProperties === false) {
    add('unknown field', '"surpriseField":1', 'surpriseField')
    add('unknown field of the prototype', '"__proto__":{"admin":true}', '__proto__')
    add('unknown field of the prototype', '"constructor":{}', 'constructor')
  }
  for (const [name, item] of members.slice(0, 3))
    add('named twice', `${JSON.stringify(name)}:${JSON.stringify(item)}`, name)
  return cases
}

/** The body itself and every place in it that the schema names. */
function* spots(
  schema: SchemaNode,
  value: unknown,
  path: readonly string[],
  field: string,
  required = false,
): Generator<Spot> {
  yield { path, field, schema, value, required }
  if (isObject(value) && schema.properties) {
    for (const [name, rule] of Object.entries(schema.properties))
      if (Object.hasOwn(value, name)) {
        const needed = schema.required?.includes(name) ?? false
        yield* spots(rule, value[name], [...path, name], memberPath(field, name, false), needed)
      }
  } else if (Array.isArray(value) && schema.items && value.length > 0) {
    yield* spots(schema.items, value[0], [...path, '0'], memberPath(field, '0', true))
  }
}

/** `valid` as text with the value at `path` written as `raw`; undefined takes the member out. */
function withRaw(valid: unknown, path: readonly string[], raw: string | undefined): string {
  if (path.length === 0) return raw ?? ''
  const copy = structuredClone(valid)
  let at = copy as Record<string, unknown>
  for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>
  const last = path.at(-1) as string
  if (raw === undefined) delete at[last]
  else at[last] = marker
  const text = JSON.stringify(copy)
  return raw === undefined ? text : text.replace(`"${marker}"`, () => raw)
}

function accepted(accept: { check(value: unknown): unknown }, text: string): boolean {
  if (text.includes('\\ud800')) return false
  try {
    accept.check(JSON.parse(text))
    return true
  } catch {
    return false
  }
}

function isJson(raw: string): boolean {
  return raw !== 'NaN' && raw !== 'Infinity'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
