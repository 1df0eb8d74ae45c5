/**
 * HTML as text that knows it is safe. A template made with `html` escapes every value put into it;
 * only `Html` made by `html` itself goes in as it is, so forgetting to escape is not possible.
 */

/** Markup that may be sent as it is. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

/** What may stand in a template: nothing is written for undefined, null, true and false. */
export type HtmlValue = Html | string | number | boolean | null | undefined | readonly HtmlValue[]

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** `text` for element content and for attributes in quotes. O(length). */
export function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? '')
}

function written(value: HtmlValue): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'string') return escaped(value)
  if (typeof value === 'number') return String(value)
  if (Array.isArray(value)) return value.map(written).join('')
  return ''
}

/** Template tag: values are escaped, `Html` and lists of it are not. Quote every attribute. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const fixed = trimmed(parts)
  let text = fixed[0] ?? ''
  for (const [at, value] of values.entries()) text += written(value) + (fixed[at + 1] ?? '')
  return new Html(text)
}

const trimmedParts = new WeakMap<TemplateStringsArray, readonly string[]>()

/** The fixed parts of a template without the indentation of our source; worked out once for each. */
function trimmed(parts: TemplateStringsArray): readonly string[] {
  const known = trimmedParts.get(parts)
  if (known) return known
  const made = parts.map((part) => part.replaceAll(/\s*\n\s*/g, '\n'))
  trimmedParts.set(parts, made)
  return made
}
