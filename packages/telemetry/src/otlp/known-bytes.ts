import type { AttributeGate, PlainValue } from '../attributes.ts'
import type { SpanShape } from '../span-shape.ts'
import { writeAttributes } from './encode-values.ts'
import { ProtoWriter } from './proto-writer.ts'

/** Values of one attribute that are remembered encoded; with more it is written out each time. */
export const valuesKnownMax = 256
/** Characters of a value that is remembered. */
export const valueCharactersKnown = 64
const namesKnownMax = 1024
const nameCharactersKnown = 256
const writer = new ProtoWriter()

/** How an attribute key is written. */
export interface KnownKey {
  readonly allowed: boolean
  /** Field `key` of KeyValue. */
  readonly head: Uint8Array
  /** Whole attributes by value; undefined for keys of many values. */
  values: Map<string, Uint8Array> | undefined
  /** The attribute with `true` and with `false`. */
  yes: Uint8Array | undefined
  no: Uint8Array | undefined
}

/** What repeats from span to span, cleaned and encoded once. Bounded. */
export class KnownBytes {
  readonly #gate: AttributeGate
  readonly #keys = new Map<string, KnownKey>()
  readonly #names = new Map<string, Uint8Array>()

  constructor(gate: AttributeGate) {
    this.#gate = gate
  }

  /** Field `name` of a span. */
  name(name: string): Uint8Array {
    const known = this.#names.get(name)
    if (known) return known
    writer.string(5, this.#gate.text(name))
    const bytes = writer.finish()
    if (this.#names.size < namesKnownMax && name.length <= nameCharactersKnown)
      this.#names.set(name, bytes)
    return bytes
  }

  key(key: string): KnownKey {
    const held = this.#keys.get(key)
    if (held) return held
    writer.string(1, key)
    const allowed = this.#gate.allows(key)
    const known: KnownKey = {
      allowed,
      head: writer.finish(),
      values: new Map(),
      yes: undefined,
      no: undefined,
    }
    // Keys come from code, so they are few; a program that makes them up must not fill memory.
    if (this.#keys.size < namesKnownMax && key.length <= nameCharactersKnown)
      this.#keys.set(key, known)
    return known
  }

  /** The attribute with a text of few values; undefined where it has many, or the text is long. */
  value(known: KnownKey, key: string, value: string): Uint8Array | undefined {
    const { values } = known
    if (values === undefined || value.length > valueCharactersKnown) return undefined
    const held = values.get(value)
    if (held) return held
    const bytes = this.attribute(key, this.#gate.clean(key, value) as string)
    if (values.size < valuesKnownMax) values.set(value, bytes)
    else known.values = undefined
    return bytes
  }

  /** The attribute with a boolean. */
  flag(known: KnownKey, key: string, value: boolean): Uint8Array {
    if (value) return (known.yes ??= this.attribute(key, true))
    return (known.no ??= this.attribute(key, false))
  }

  /** An attribute of any kind. */
  attribute(key: string, value: PlainValue): Uint8Array {
    writeAttributes(writer, 9, { [key]: value })
    return writer.finish()
  }

  /** The fields spans of one shape have in common. */
  shape(shape: SpanShape): Uint8Array {
    if (shape.bytes) return shape.bytes
    if (shape.name !== undefined) {
      writer.string(5, shape.name)
      writer.uint(6, shape.kind + 1)
    }
    writeAttributes(writer, 9, this.#gate.filter(shape.attributes).kept)
    shape.bytes = writer.finish()
    return shape.bytes
  }
}
