import { isUtf8 } from 'node:buffer'
import { Fault, shown, type FieldProblem } from '@spate/runtime/fault'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Request } from './exchange.ts'
import { closed, fieldProblems, nodeOf, type SchemaNode } from './field-rules.ts'
import { countMembers, findDuplicate, findInfinite, findSurrogate, jsonShape } from './json-scan.ts'

/**
 * Strict JSON at the border. What comes out of a reader fits its schema, has no field the schema
 * does not name, no member named twice, no unpaired surrogate, and nests at most 32 deep.
 */

/** Deepest nesting accepted where a reader says nothing else. */
export const jsonDepthMax = 32
/** Largest body accepted where a reader says nothing else, bytes. */
export const jsonBytesMax: number = 64 * 1024

/** Limits of a reader. */
export interface JsonReaderOptions {
  /** Largest body, bytes. Default `jsonBytesMax`. */
  readonly bytesMax?: number
  /** Deepest nesting. Default `jsonDepthMax`. */
  readonly depthMax?: number
}

/** Reads one kind of JSON body. */
export interface JsonReader<Value> {
  readonly schema: SchemaNode
  readonly bytesMax: number
  /**
   * The body of `request`; a plain value where the body is in hand, else a promise.
   * Throws `unsupported_media_type`, `payload_too_large`, `invalid_request` (not JSON) or
   * `invalid_field`, each naming field, value and what is accepted.
   */
  read(request: Pick<Request, 'headers' | 'body'>): Value | Promise<Value>
  /** The same from bytes in hand, whatever they were declared as. */
  parse(bytes: Uint8Array): Value
}

/** A reader for `schema`, which is compiled once, here. */
export function jsonReader<const Schema extends TSchema>(
  schema: Schema,
  options: JsonReaderOptions = {},
): JsonReader<Static<Schema>> {
  const { bytesMax = jsonBytesMax, depthMax = jsonDepthMax } = options
  const accept = schemaCheck<Static<Schema>>(schema)
  const parse = (bytes: Uint8Array): Static<Schema> => {
    if (bytes.length > bytesMax) throw tooLarge(bytes.length, bytesMax)
    return accept.check(parseJson(bytes, depthMax, accept.schema))
  }
  return {
    schema: accept.schema,
    bytesMax,
    parse,
    read(request) {
      const type = request.headers.get('content-type')
      if (type !== 'application/json') requireJson(type)
      if (request.headers.has('content-encoding')) requireIdentity(request)
      const { whole, length } = request.body
      if (whole !== undefined) return parse(whole)
      if (length !== undefined && length > bytesMax) throw tooLarge(length, bytesMax)
      return request.body.bytes(bytesMax).then(parse)
    },
  }
}

/** A compiled schema that closes objects and explains what it refuses. */
export interface SchemaCheck<Value> {
  readonly schema: SchemaNode
  /** `value`, now known to fit; throws `Fault('invalid_field')` otherwise. */
  check(value: unknown): Value
}

/** Compiles `schema` with unknown fields refused. */
export function schemaCheck<Value>(schema: TSchema): SchemaCheck<Value> {
  const node = closed(nodeOf(schema))
  const validator = Compile(node as unknown as TSchema)
  return {
    schema: node,
    check(value) {
      if (validator.Check(value)) return value as Value
      throw invalidFields(explain(node, value))
    },
  }
}

function explain(node: SchemaNode, value: unknown): readonly FieldProblem[] {
  const problems = fieldProblems(node, value)
  // A keyword we do not put into words (`not`, `if` ...): still refused, less precisely.
  return problems.length > 0
    ? problems
    : [
        {
          field: 'body',
          value: shown(value),
          expected: node.expected ?? 'a value that fits the schema',
        },
      ]
}

/** The fault for refused fields: its message names the first. */
export function invalidFields(fields: readonly FieldProblem[]): Fault {
  const [first] = fields
  const more = fields.length > 1 ? ` (and ${fields.length - 1} more)` : ''
  const message = first
    ? first.value === undefined
      ? `${first.field} is missing: expected ${first.expected}${more}`
      : `${first.field} is not valid: expected ${first.expected}${more}`
    : undefined
  return new Fault('invalid_field', message, { fields })
}

/**
 * Parses UTF-8 JSON strictly. Throws `Fault('invalid_request')` that names what is wrong; a number
 * too large to hold is named by `rules` where they cover it.
 */
export function parseJson(
  bytes: Uint8Array,
  depthMax: number = jsonDepthMax,
  rules: SchemaNode = {},
): unknown {
  if (bytes.length === 0) throw badJson('', 'a JSON body; it is empty')
  if (!isUtf8(bytes)) throw badJson(shown(latin1(bytes)), 'JSON in UTF-8')
  const shape = jsonShape(bytes, depthMax)
  const text = utf8(bytes)
  if (shape.depth > depthMax) throw badJson(shown(text), `JSON nested at most ${depthMax} deep`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw badJson(shown(text), 'valid JSON (RFC 8259)')
  }
  if (shape.members !== countMembers(value)) {
    const huge = findInfinite(value, '')
    const refused = huge === undefined ? [] : fieldProblems(rules, value)
    if (refused.length > 0) throw invalidFields(refused)
    if (huge !== undefined)
      throw new Fault('invalid_request', `${shown(huge)} is too large a number`, {
        fields: [{ field: shown(huge), value: shown(text), expected: 'a number below 1.8e308' }],
      })
    const field = findDuplicate(text) ?? 'body'
    throw new Fault('invalid_request', `${shown(field)} is given twice`, {
      fields: [{ field: shown(field), value: shown(text), expected: 'each field once' }],
    })
  }
  if (shape.escapes) {
    const field = findSurrogate(value, '')
    if (field !== undefined)
      throw new Fault('invalid_request', 'a text has an unpaired surrogate', {
        fields: [{ field: shown(field), expected: 'text without unpaired surrogates' }],
      })
  }
  return value
}

function badJson(value: string, expected: string): Fault {
  return new Fault('invalid_request', `the body is not usable: expected ${expected}`, {
    fields: [{ field: 'body', value, expected }],
  })
}

function tooLarge(length: number, bytesMax: number): Fault {
  return new Fault('payload_too_large', `the body may have at most ${bytesMax} bytes`, {
    fields: [{ field: 'body', value: `${length} bytes`, expected: `at most ${bytesMax} bytes` }],
  })
}

/** Accepts `application/json` and `application/*+json`, with no charset or UTF-8. */
function requireJson(type: string | undefined): void {
  if (type !== undefined && jsonType.test(type)) return
  throw new Fault('unsupported_media_type', 'the body must be sent as application/json', {
    fields: [
      { field: 'content-type', value: shown(type ?? ''), expected: 'application/json in UTF-8' },
    ],
  })
}

const jsonType = /^\s*application\/(?:[\w.-]+\+)?json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

function requireIdentity(request: Pick<Request, 'headers'>): void {
  const coding = request.headers.get('content-encoding') ?? ''
  if (coding.toLowerCase() === 'identity') return
  throw new Fault('unsupported_media_type', 'the body must be sent without content coding', {
    fields: [{ field: 'content-encoding', value: shown(coding), expected: 'identity' }],
  })
}

function utf8(bytes: Uint8Array): string {
  return view(bytes).toString('utf8')
}

function latin1(bytes: Uint8Array): string {
  return view(bytes.subarray(0, 100)).toString('latin1')
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
