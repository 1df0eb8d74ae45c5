import type { Request } from '@spate/http/exchange'
import { parseQuery } from '@spate/http/query'
import { Fault, shown, type FieldProblem } from '@spate/runtime/fault'
import { severities } from '@spate/runtime/log'

interface Rule {
  readonly pattern: RegExp
  readonly expected: string
}

/** Parameters of one JSON call by name. */
export type QueryRules = Readonly<Record<string, Rule>>

const anyText: Rule = { pattern: /^[^]{0,200}$/, expected: 'text of up to 200 characters' }
const aNumber: Rule = {
  pattern: /^(\d{1,12}(\.\d{1,6})?)?$/,
  expected: 'a number from 0 to 999999999999',
}
const aFlag: Rule = { pattern: /^[01]?$/, expected: '1 or 0' }
const names = Object.keys(severities)

/** Parameters of `GET /api/traces`. */
export const traceRules: QueryRules = {
  service: anyText,
  name: anyText,
  slower: aNumber,
  faster: aNumber,
  route: anyText,
  status: { pattern: /^([1-5](xx|\d\d))?$/, expected: 'a status like 404, or a class like 5xx' },
  attribute: {
    pattern: /^([^=]{1,100}=[^]{0,200})?$/,
    expected: 'name=value, like order.id=01a2',
  },
  errors: aFlag,
  all: aFlag,
}

/** Parameters of `GET /api/logs`. */
export const logRules: QueryRules = {
  severity: {
    pattern: new RegExp(`^(${names.join('|')})?$`),
    expected: `one of ${names.join(', ')}`,
  },
  text: anyText,
  service: anyText,
  trace: { pattern: /^([\da-f]{32})?$/i, expected: '32 hexadecimal digits' },
}

/** Parameters of `GET /api/metrics`. */
export const metricRules: QueryRules = {
  name: anyText,
  service: anyText,
  labels: anyText,
  minutes: aNumber,
}

/**
 * Refuses a query that `rules` do not describe: pages take what a form sends, but a program that
 * errs should be told. Throws `invalid_field`, or `invalid_request` for broken percent-encoding.
 */
export function checkQuery(request: Pick<Request, 'query'>, rules: QueryRules): void {
  const problems: FieldProblem[] = []
  const seen = new Set<string>()
  for (const [name, value] of parseQuery(request.query)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    const expected = !rule
      ? `no such field; known are ${Object.keys(rules).join(', ')}`
      : seen.has(name)
        ? 'each name once'
        : rule.pattern.test(value)
          ? undefined
          : rule.expected
    seen.add(name)
    if (expected !== undefined) problems.push({ field: name, value: shown(value), expected })
  }
  if (problems.length > 0) throw new Fault('invalid_field', undefined, { fields: problems })
}
