import type { Headers } from './exchange.ts'

/** Header fields over a flat list `name, value, ...`. O(fields) a look-up. */
export class HeaderList implements Headers {
  readonly raw: readonly string[]

  constructor(raw: readonly string[]) {
    this.raw = raw
  }

  get(name: string): string | undefined {
    return firstOf(this.raw, name)
  }

  all(name: string): readonly string[] {
    return allOf(this.raw, name)
  }

  has(name: string): boolean {
    return indexOf(this.raw, name, 0) >= 0
  }
}

/**
 * Header fields over the bytes they came in; decoded on first use, because most handlers look at
 * few or none. The bytes were checked by the scan: every line is `token ":" OWS value OWS CRLF`.
 */
export class HeaderBlock implements Headers {
  readonly #bytes: Buffer
  readonly #from: number
  readonly #to: number
  #raw: string[] | undefined

  /** `from` is the first byte of the first line, `to` the first byte of the empty line. */
  constructor(bytes: Buffer, from: number, to: number) {
    this.#bytes = bytes
    this.#from = from
    this.#to = to
  }

  get raw(): readonly string[] {
    return (this.#raw ??= this.#decode())
  }

  get(name: string): string | undefined {
    return firstOf(this.raw, name)
  }

  all(name: string): readonly string[] {
    return allOf(this.raw, name)
  }

  has(name: string): boolean {
    return indexOf(this.raw, name, 0) >= 0
  }

  #decode(): string[] {
    const text = this.#bytes.toString('latin1', this.#from, this.#to)
    const raw: string[] = []
    for (let at = 0; at < text.length;) {
      const end = text.indexOf('\r\n', at)
      const colon = text.indexOf(':', at)
      let from = colon + 1
      let to = end
      while (from < to && isBlank(text.charCodeAt(from))) from++
      while (to > from && isBlank(text.charCodeAt(to - 1))) to--
      raw.push(text.slice(at, colon), text.slice(from, to))
      at = end + 2
    }
    return raw
  }
}

const isBlank = (code: number): boolean => code === 32 || code === 9

function indexOf(raw: readonly string[], name: string, from: number): number {
  const last = name.length - 1
  const ending = name.charCodeAt(last)
  for (let at = from; at < raw.length; at += 2) {
    const field = raw[at] as string
    // Names of one length mostly end differently; their case is changed only where they do not.
    if (field.length - 1 !== last || (field.charCodeAt(last) | 32) !== (ending | 32)) continue
    if (field === name || field.toLowerCase() === name) return at
  }
  return -1
}

function firstOf(raw: readonly string[], name: string): string | undefined {
  const at = indexOf(raw, name, 0)
  if (at < 0) return undefined
  if (indexOf(raw, name, at + 2) < 0) return raw[at + 1]
  // A cookie split over lines is joined by `; ` (RFC 9113 section 8.2.3).
  return allOf(raw, name).join(name === 'cookie' ? '; ' : ', ')
}

function allOf(raw: readonly string[], name: string): readonly string[] {
  const found: string[] = []
  for (let at = indexOf(raw, name, 0); at >= 0; at = indexOf(raw, name, at + 2)) {
    found.push(raw[at + 1] as string)
  }
  return found
}
