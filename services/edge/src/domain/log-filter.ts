/**
 * The filter of the request log: `status>=500 path^=/api agent~"curl/8"`. All terms must hold.
 *
 *   term   = field operator value
 *   field  = status | bytes | ms            = != < <= > >=
 *          | method | host | path | cache | client | agent     = != ^= (begins) ~ (contains)
 *   value  = word | "text with spaces"
 */

/** One request as the log tells it. */
export interface LogRecord {
  /** When it was answered, RFC 3339. */
  readonly time: string
  readonly method: string
  readonly host: string
  /** Without the query. */
  readonly path: string
  readonly status: number
  /** What the cache did: `hit`, `stale`, `miss`, `pass`, or `none` where it was not asked. */
  readonly cache: string
  /** Of the body. */
  readonly bytes: number
  /** From arrival until the answer was written. */
  readonly ms: number
  /** Network of the client; its address where whole ones are allowed. */
  readonly client: string
  readonly agent: string
}

/** Longest filter, letters. */
export const filterLettersMax = 512
/** Most terms of a filter. */
export const filterTermsMax = 16

/** What a filter means, or why it means nothing. */
export type ParsedFilter =
  | { readonly kind: 'filter'; readonly matches: (record: LogRecord) => boolean }
  | { readonly kind: 'refused'; readonly term: string; readonly expected: string }

type Test = (record: LogRecord) => boolean

const numbers = ['status', 'bytes', 'ms'] as const
const texts = ['method', 'host', 'path', 'cache', 'client', 'agent'] as const
const form = /^([a-z]+)(>=|<=|!=|\^=|=|<|>|~)(?:"([^"]*)"|([^\s"]+))$/

const isNumber = (name: string): name is (typeof numbers)[number] =>
  (numbers as readonly string[]).includes(name)
const isText = (name: string): name is (typeof texts)[number] =>
  (texts as readonly string[]).includes(name)

/** Reads a filter; the empty one lets everything through. */
export function parseFilter(text: string): ParsedFilter {
  if (text.length > filterLettersMax)
    return refused(text.slice(0, 40), `at most ${filterLettersMax} letters`)
  const terms = text.match(/(?:[^\s"]|"[^"]*"|")+/g) ?? []
  if (terms.length > filterTermsMax)
    return refused(terms[filterTermsMax] ?? '', `at most ${filterTermsMax} terms`)
  const tests: Test[] = []
  for (const term of terms) {
    const test = testOf(term)
    if (typeof test !== 'function') return test
    tests.push(test)
  }
  return { kind: 'filter', matches: (record) => tests.every((test) => test(record)) }
}

function testOf(term: string): Test | ParsedFilter {
  const found = form.exec(term)
  if (!found) return refused(term, 'a field, an operator and a value without a space: status>=500')
  const [, name = '', operator = '', quoted, word] = found
  const value = quoted ?? word ?? ''
  if (isNumber(name)) {
    if (!/^\d{1,15}(?:\.\d{1,6})?$/.test(value)) return refused(term, `${name} with a number >= 0`)
    const wanted = Number(value)
    switch (operator) {
      case '=':
        return (record) => record[name] === wanted
      case '!=':
        return (record) => record[name] !== wanted
      case '<':
        return (record) => record[name] < wanted
      case '<=':
        return (record) => record[name] <= wanted
      case '>':
        return (record) => record[name] > wanted
      case '>=':
        return (record) => record[name] >= wanted
      default:
        return refused(term, `${name} with one of = != < <= > >=`)
    }
  }
  if (!isText(name)) return refused(term, `a field: ${[...numbers, ...texts].join(', ')}`)
  switch (operator) {
    case '=':
      return (record) => record[name] === value
    case '!=':
      return (record) => record[name] !== value
    case '^=':
      return (record) => record[name].startsWith(value)
    case '~':
      return (record) => record[name].includes(value)
    default:
      return refused(term, `${name} with one of = != ^= ~`)
  }
}

function refused(term: string, expected: string): ParsedFilter {
  return { kind: 'refused', term, expected }
}
