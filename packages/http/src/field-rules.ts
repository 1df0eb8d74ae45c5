import { shown, type FieldProblem } from '@spate/runtime/fault'
import type { TSchema } from 'typebox'
import { memberPath } from './json-scan.ts'

/**
 * From a schema and a value it refuses to sentences for people: which field, what was given, what
 * would have been accepted. Runs only after the compiled check said no, so it may be slow.
 */

/** A JSON Schema node, as far as we read it. */
export interface SchemaNode {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly SchemaNode[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | SchemaNode
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly items?: SchemaNode
  readonly minItems?: number
  readonly maxItems?: number
  readonly uniqueItems?: boolean
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly multipleOf?: number
  readonly format?: string
  readonly default?: unknown
  readonly description?: string
  /** Ours: the rule in words, where the keywords say it badly: `letters, digits and dashes`. */
  readonly expected?: string
  /** Never shown in a problem. */
  readonly writeOnly?: boolean
  readonly [keyword: string]: unknown
}

/** Most fields named in one problem. */
export const fieldProblemsMax = 20

/** A schema as the plain JSON Schema it is. */
export function nodeOf(schema: TSchema): SchemaNode {
  return schema as unknown as SchemaNode
}

/**
 * A copy of `schema` in which every object with named members refuses others. Members that say
 * `additionalProperties` themselves keep their word.
 */
export function closed(schema: SchemaNode): SchemaNode {
  const copy: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'properties' || keyword === 'patternProperties')
      copy[keyword] = Object.fromEntries(
        Object.entries(value as Record<string, SchemaNode>).map(([name, node]) => [
          name,
          closed(node),
        ]),
      )
    else if (keyword === 'anyOf') copy[keyword] = (value as readonly SchemaNode[]).map(closed)
    else if (keyword === 'items') copy[keyword] = closed(value as SchemaNode)
    else copy[keyword] = value
  }
  if (schema.properties && schema.additionalProperties === undefined)
    copy['additionalProperties'] = false
  return copy
}

/** Every field of `value` that `schema` refuses, at most `fieldProblemsMax`. */
export function fieldProblems(schema: SchemaNode, value: unknown): FieldProblem[] {
  const found: FieldProblem[] = []
  inspect(schema, value, '', found)
  return found
}

function inspect(schema: SchemaNode, value: unknown, path: string, found: FieldProblem[]): void {
  if (found.length >= fieldProblemsMax) return
  if (schema.anyOf) return inspectUnion(schema, value, path, found)
  if (!fits(schema, value)) return refuse(schema, value, path, found)
  if (Array.isArray(value)) {
    if (schema.items)
      for (let at = 0; at < value.length; at++)
        inspect(schema.items, value[at], memberPath(path, String(at), true), found)
  } else if (typeof value === 'object' && value !== null) {
    inspectObject(schema, value as Record<string, unknown>, path, found)
  }
}

function inspectObject(
  schema: SchemaNode,
  value: Record<string, unknown>,
  path: string,
  found: FieldProblem[],
): void {
  const properties = schema.properties ?? {}
  for (const name of schema.required ?? []) {
    if (found.length >= fieldProblemsMax) return
    if (!Object.hasOwn(value, name))
      found.push({ field: memberPath(path, name, false), expected: words(properties[name] ?? {}) })
  }
  const patterns = Object.entries(schema.patternProperties ?? {})
  for (const [name, item] of Object.entries(value)) {
    if (found.length >= fieldProblemsMax) return
    const at = memberPath(path, name, false)
    const rule = Object.hasOwn(properties, name)
      ? properties[name]
      : patterns.find(([pattern]) => new RegExp(pattern, 'u').test(name))?.[1]
    if (rule) inspect(rule, item, at, found)
    else if (schema.additionalProperties === false)
      found.push({
        field: shown(at),
        value: shown(item),
        expected: `no such field; known are ${Object.keys(properties).join(', ') || 'none'}`,
      })
    else if (typeof schema.additionalProperties === 'object')
      inspect(schema.additionalProperties, item, at, found)
  }
}

/** Names the faults of the branch that was meant: the one whose constants fit, else the nearest. */
function inspectUnion(
  schema: SchemaNode,
  value: unknown,
  path: string,
  found: FieldProblem[],
): void {
  let nearest: FieldProblem[] | undefined
  for (const branch of schema.anyOf ?? []) {
    const inner: FieldProblem[] = []
    inspect(branch, value, path, inner)
    if (inner.length === 0) return
    if (!branch.anyOf && !fits(branch, value)) continue
    if (constantsFit(branch, value) && (!nearest || inner.length < nearest.length)) nearest = inner
  }
  if (nearest) found.push(...nearest.slice(0, fieldProblemsMax - found.length))
  else refuse(schema, value, path, found)
}

function constantsFit(schema: SchemaNode, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(schema.properties ?? {}).every(
    ([name, rule]) =>
      rule.const === undefined || (value as Record<string, unknown>)[name] === rule.const,
  )
}

function refuse(schema: SchemaNode, value: unknown, path: string, found: FieldProblem[]): void {
  found.push({
    field: shown(path || 'body'),
    ...(schema.writeOnly ? {} : { value: shown(infinite(value) ? String(value) : value) }),
    expected: words(schema),
  })
}

function infinite(value: unknown): boolean {
  return typeof value === 'number' && !Number.isFinite(value)
}

/** True where `value` itself fits, whatever its members are. */
function fits(schema: SchemaNode, value: unknown): boolean {
  if (schema.const !== undefined) return value === schema.const
  if (schema.enum) return schema.enum.includes(value)
  switch (schema.type ?? '') {
    case 'string':
      return typeof value === 'string' && fitsText(schema, value)
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value) && fitsNumber(schema, value)
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) && fitsNumber(schema, value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value) && fitsList(schema, value)
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
      const { minProperties = 0, maxProperties = Number.POSITIVE_INFINITY } = schema
      const size = Object.keys(value).length
      return size >= minProperties && size <= maxProperties
    }
    default:
      return true
  }
}

function fitsText(schema: SchemaNode, value: string): boolean {
  // Code points, as JSON Schema counts.
  const length = Array.from(value).length
  if (length < (schema.minLength ?? 0)) return false
  if (length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) return false
  return schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value)
}

function fitsNumber(schema: SchemaNode, value: number): boolean {
  if (value < (schema.minimum ?? Number.NEGATIVE_INFINITY)) return false
  if (value > (schema.maximum ?? Number.POSITIVE_INFINITY)) return false
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) return false
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum) return false
  return schema.multipleOf === undefined || Number.isInteger(value / schema.multipleOf)
}

function fitsList(schema: SchemaNode, value: readonly unknown[]): boolean {
  if (value.length < (schema.minItems ?? 0)) return false
  if (value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY)) return false
  if (!schema.uniqueItems) return true
  return new Set(value.map((item) => JSON.stringify(item))).size === value.length
}

/** What `schema` accepts, in words: `a whole number from 1 to 100`. */
export function words(schema: SchemaNode): string {
  if (schema.expected !== undefined) return schema.expected
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return `one of ${schema.enum.map(String).join(', ')}`
  if (schema.anyOf) {
    const constants = schema.anyOf.filter((branch) => branch.const !== undefined)
    return constants.length === schema.anyOf.length
      ? `one of ${constants.map((branch) => String(branch.const)).join(', ')}`
      : schema.anyOf.map(words).join(', or ')
  }
  switch (schema.type ?? '') {
    case 'string': {
      const size = range(schema.minLength, schema.maxLength)
      const form = schema.format ?? (schema.pattern === undefined ? '' : `/${schema.pattern}/`)
      return `text${size && ` of ${size} characters`}${form && ` of the form ${form}`}`
    }
    case 'integer':
    case 'number': {
      const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below } = schema
      const what = schema.type === 'integer' ? 'a whole number' : 'a number'
      const size =
        minimum !== undefined && maximum !== undefined
          ? ` from ${minimum} to ${maximum}`
          : [
              minimum === undefined ? '' : ` of at least ${minimum}`,
              maximum === undefined ? '' : ` of at most ${maximum}`,
            ].join('')
      return `${what}${size}${above === undefined ? '' : ` above ${above}`}${below === undefined ? '' : ` below ${below}`}`
    }
    case 'boolean':
      return 'true or false'
    case 'null':
      return 'null'
    case 'array': {
      const size = range(schema.minItems, schema.maxItems)
      return `a list${size && ` of ${size} items`}${schema.items ? `, each ${words(schema.items)}` : ''}`
    }
    case 'object':
      return schema.required?.length ? `an object with ${schema.required.join(', ')}` : 'an object'
    default:
      return 'a value'
  }
}

function range(low: number | undefined, high: number | undefined): string {
  if (low !== undefined && high !== undefined) return low === high ? `${low}` : `${low} to ${high}`
  if (low !== undefined) return `at least ${low}`
  return high === undefined ? '' : `at most ${high}`
}
