import { Fault, shown } from '@spate/runtime/fault'
import type { Static, TSchema } from 'typebox'
import type { Request } from './exchange.ts'
import type { SchemaNode } from './field-rules.ts'
import { schemaCheck } from './json.ts'

/** Most parameters in one query. */
export const queryFieldsMax = 64

/** Reads one kind of query string. */
export interface QueryReader<Value> {
  readonly schema: SchemaNode
  /** Throws `invalid_request` (bad percent-encoding, a name twice) or `invalid_field`. */
  read(request: Pick<Request, 'query'>): Value
}

/**
 * A reader for `schema`, an object of texts, numbers, booleans and lists of texts. Values are read
 * by the type the schema names; a list may be given as `a=1&a=2` or `a=1,2`. Unknown names are refused.
 */
export function queryReader<const Schema extends TSchema>(
  schema: Schema,
): QueryReader<Static<Schema>> {
  const accept = schemaCheck<Static<Schema>>(schema)
  const rules = accept.schema.properties ?? {}
  return {
    schema: accept.schema,
    read: (request) => accept.check(typed(parseQuery(request.query), rules)),
  }
}

/** Names and values of a query string in order, decoded; `+` is a space. */
export function parseQuery(query: string): [name: string, value: string][] {
  if (query === '') return []
  const parts = query.split('&').filter((part) => part !== '')
  if (parts.length > queryFieldsMax)
    throw new Fault('invalid_request', `the query has more than ${queryFieldsMax} parameters`, {
      fields: [
        {
          field: 'query',
          value: `${parts.length} parameters`,
          expected: `at most ${queryFieldsMax} parameters`,
        },
      ],
    })
  return parts.map((part) => {
    const equals = part.indexOf('=')
    return equals < 0
      ? [decode(part), '']
      : [decode(part.slice(0, equals)), decode(part.slice(equals + 1))]
  })
}

function decode(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new Fault('invalid_request', 'the query has bad percent-encoding', {
      fields: [{ field: 'query', value: shown(text), expected: 'percent-encoded UTF-8' }],
    })
  }
}

function typed(
  pairs: readonly (readonly [string, string])[],
  rules: Readonly<Record<string, SchemaNode>>,
): Record<string, unknown> {
  const values = new Map<string, unknown>()
  for (const [name, text] of pairs) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    const before = values.get(name)
    if (rule?.type === 'array') {
      const items = text.split(',').map((item) => scalar(rule.items, item))
      values.set(name, Array.isArray(before) ? [...(before as unknown[]), ...items] : items)
      continue
    }
    if (values.has(name))
      throw new Fault('invalid_request', `${shown(name)} is given twice`, {
        fields: [{ field: shown(name), value: shown(text), expected: 'each parameter once' }],
      })
    values.set(name, scalar(rule, text))
  }
  return Object.fromEntries(values)
}

/** `text` as the type `rule` wants; unchanged where it does not read as one, so the check names it. */
function scalar(rule: SchemaNode | undefined, text: string): unknown {
  const types = rule?.anyOf ? rule.anyOf.map((branch) => branch.type) : [rule?.type]
  if (types.includes('string')) return text
  if ((types.includes('integer') || types.includes('number')) && number.test(text))
    return Number(text)
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
