import type { Attributes } from '@opentelemetry/api'
import { attributeNames } from './attribute-names.ts'
import { hiddenCard, isSecretKey, networkOf, scrubbed, type PrivacyOptions } from './privacy.ts'

/**
 * The gate every attribute passes: a name must be allowed, a value must be of an allowed type and is
 * cut to length, a query string never goes along in a URL. So a token or a card number that a
 * library puts into an attribute of its own does not leave the process.
 */

/** Attributes a span, an event or a link may carry. */
export const attributesMax = 64
/** Characters of a text value. */
export const valueCharactersMax = 1024
/** Elements of an array value. */
export const elementsMax = 64
const verdictsMax = 4096

/** Addresses of clients: personal data, cut to the network unless whole ones are asked for. */
const clientAddressNames: ReadonlySet<string> = new Set(['client.address', 'network.peer.address'])
/** Names and ids this program gives itself; an order's long number must not pass for a card's. */
const ownNames: ReadonlySet<string> = new Set([
  'order.id',
  'node.id',
  'server.address',
  'http.route',
  'http.request.method',
  'network.protocol.version',
])

/** A value an attribute may have once it is cleaned. */
export type PlainValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | readonly boolean[]

/** Cleaned attributes. */
export type PlainAttributes = Readonly<Record<string, PlainValue>>

/** Decides which attributes may leave. */
export class AttributeGate {
  readonly #privacy: PrivacyOptions
  readonly #exact: Set<string>
  readonly #prefixes: readonly string[]
  readonly #verdicts = new Map<string, boolean>()
  /** Attributes refused so far. */
  refused = 0

  /** `allow`: names beside those of `names.ts`; `a.*` allows all below `a.`, `*` allows any name. */
  constructor(allow: readonly string[] = [], privacy: PrivacyOptions = { fullAddresses: false }) {
    this.#privacy = privacy
    const names = [...attributeNames, ...allow]
    this.#exact = new Set(names.filter((name) => !name.endsWith('*')))
    this.#prefixes = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
  }

  /** True where an attribute of this name may leave. */
  allows(name: string): boolean {
    if (this.#exact.has(name)) return true
    const known = this.#verdicts.get(name)
    if (known !== undefined) return known
    // A pattern lets names through that nobody looked at: not those that say they are secret.
    const verdict = this.#prefixes.some((prefix) => name.startsWith(prefix)) && !isSecretKey(name)
    // Names come from code, so they are few; a program that makes them up must not fill memory.
    if (this.#verdicts.size < verdictsMax && name.length <= 256) this.#verdicts.set(name, verdict)
    return verdict
  }

  /** The value as it may leave; undefined where it has no allowed type. */
  clean(name: string, value: unknown): PlainValue | undefined {
    if (typeof value === 'string') return this.#text(name, value)
    if (typeof value === 'number') return this.#number(value)
    if (typeof value === 'boolean') return value
    return Array.isArray(value) ? this.#array(value) : undefined
  }

  /** A text cut to length, without secrets and personal data. */
  text(value: string, charactersMax: number = valueCharactersMax): string {
    return cut(scrubbed(cut(value, charactersMax), this.#privacy), charactersMax)
  }

  /** The allowed part of `attributes`, cleaned. O(attributes). */
  filter(attributes: Attributes | undefined): {
    readonly kept: PlainAttributes
    readonly dropped: number
  } {
    const kept: Record<string, PlainValue> = {}
    let dropped = 0
    let count = 0
    for (const name in attributes) {
      const value = this.allows(name) ? this.clean(name, attributes[name]) : undefined
      if (value === undefined || count >= attributesMax) dropped++
      else {
        kept[name] = value
        count++
      }
    }
    this.refused += dropped
    return { kept, dropped }
  }

  #text(name: string, value: string): string {
    if (clientAddressNames.has(name))
      return this.#privacy.fullAddresses ? cut(value, valueCharactersMax) : networkOf(value)
    if (ownNames.has(name)) return cut(value, valueCharactersMax)
    // A query can hold signatures and personal data; the path tells what was asked for.
    return this.text(name === 'url.full' ? (value.split(/[?#]/, 1)[0] as string) : value)
  }

  /** A number with as many digits as a payment card has may be one. */
  #number(value: number): PlainValue | undefined {
    if (!Number.isFinite(value)) return undefined
    return value >= 1e12 && Number.isInteger(value) && this.text(String(value)) === hiddenCard
      ? hiddenCard
      : value
  }

  #array(values: readonly unknown[]): PlainValue | undefined {
    const kind = typeof values.find((value) => value !== null && value !== undefined)
    if (kind !== 'string' && kind !== 'number' && kind !== 'boolean' && kind !== 'undefined')
      return undefined
    const kept = values
      .slice(0, elementsMax)
      .filter((value) => typeof value === kind)
      .map((value) => (typeof value === 'string' ? this.text(value) : value))
    return kept as string[]
  }
}

function cut(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text
  const short = text.slice(0, charactersMax)
  // Half a surrogate pair is not valid UTF-8.
  const last = short.charCodeAt(short.length - 1)
  return last >= 0xd800 && last <= 0xdbff ? short.slice(0, -1) : short
}
