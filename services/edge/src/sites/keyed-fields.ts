import type { FieldSource } from '../domain/fields.ts'

/** Name under which the rule itself selects, where rules look at headers. */
export const ruleField = ':rule'

/** Name under which the cookie `name` selects. */
export function cookieField(name: string): string {
  return `cookie:${name}`
}

/**
 * A request's fields with what else selects a stored response: single cookies, and the rule. They
 * are selectors like the names of Vary, so a purge of a URL finds all of them, and a value can hold
 * any letter without posing as another.
 */
export class KeyedFields implements FieldSource {
  readonly #fields: FieldSource
  readonly #rule: string

  constructor(fields: FieldSource, rule: string) {
    this.#fields = fields
    this.#rule = rule
  }

  get(name: string): string | undefined {
    if (name === ruleField) return this.#rule
    if (!name.startsWith('cookie:')) return this.#fields.get(name)
    return cookieValue(this.#fields.get('cookie'), name.slice('cookie:'.length))
  }
}

/** Value of the first cookie `name` (RFC 6265 section 5.4); undefined where there is none. */
function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals >= 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return undefined
}
