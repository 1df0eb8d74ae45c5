import { Fault } from '@spate/runtime/fault'
import type { Scope, Value, Values } from './model.ts'
import { ProtoReader } from './proto-reader.ts'

/** Depth of nested values that is read; more is refused. */
export const valueDepthMax = 32
/** Attributes of one thing that are read; later ones are passed over and counted. */
export const attributesReadMax = 1024

/** Elements of one array that are read; later ones are passed over. */
export const elementsReadMax = 1024
/**
 * Spans, points, records, and the scopes around them, of one request. An empty one takes two bytes
 * on the wire and a hundred times that in memory, so bytes alone bound nothing.
 */
export const itemsMax = 200_000

/** Counts the items of one request. */
export class ItemBudget {
  #left = itemsMax

  /** Counts one more. Throws `payload_too_large` past `itemsMax`. */
  take(): void {
    if (--this.#left < 0)
      throw new Fault('payload_too_large', `a request may have at most ${itemsMax} items`)
  }
}

/** Attributes while they are read. A null prototype keeps `__proto__` an ordinary name. */
export class AttributeReader {
  readonly values: Record<string, Value> = Object.create(null) as Record<string, Value>
  #count = 0
  /** Attributes past the limit. */
  dropped = 0

  /** Reads the KeyValue message `reader` stands at. */
  add(reader: ProtoReader, depth = 0): void {
    if (this.#count >= attributesReadMax) {
      this.dropped++
      reader.skip()
      return
    }
    this.#count++
    const pair = reader.message()
    let key = ''
    let value: Value = null
    while (pair.next()) {
      if (pair.field === 1) key = pair.string()
      else if (pair.field === 2) value = readValue(pair, depth)
      else pair.skip()
    }
    this.values[key] = value
  }
}

/** Reads the AnyValue message `reader` stands at. */
export function readValue(reader: ProtoReader, depth = 0): Value {
  if (depth > valueDepthMax)
    throw new Fault('invalid_request', `values are nested deeper than ${valueDepthMax}`)
  const inner = reader.message()
  let value: Value = null
  while (inner.next()) {
    switch (inner.field) {
      case 1:
        value = inner.string()
        break
      case 2:
        value = inner.bool()
        break
      case 3:
        value = inner.int()
        break
      case 4:
        value = inner.double()
        break
      case 5:
        value = readArray(inner.message(), depth)
        break
      case 6:
        value = readMap(inner.message(), depth)
        break
      case 7:
        value = inner.bytes()
        break
      default:
        inner.skip()
    }
  }
  return value
}

function readArray(inner: ProtoReader, depth: number): Value {
  const values: Value[] = []
  while (inner.next()) {
    if (inner.field === 1 && values.length < elementsReadMax)
      values.push(readValue(inner, depth + 1))
    else inner.skip()
  }
  return values
}

function readMap(inner: ProtoReader, depth: number): Value {
  const map = new AttributeReader()
  while (inner.next()) {
    if (inner.field === 1) map.add(inner, depth + 1)
    else inner.skip()
  }
  return map.values
}

/** Reads the Resource message `reader` stands at. */
export function readResource(reader: ProtoReader): Values {
  const inner = reader.message()
  const attributes = new AttributeReader()
  while (inner.next()) {
    if (inner.field === 1) attributes.add(inner)
    else inner.skip()
  }
  return attributes.values
}

/** Reads the InstrumentationScope message `reader` stands at. */
export function readScope(reader: ProtoReader): Scope {
  const inner = reader.message()
  let name = ''
  let version = ''
  let attributes: AttributeReader | undefined
  while (inner.next()) {
    if (inner.field === 1) name = inner.string()
    else if (inner.field === 2) version = inner.string()
    else if (inner.field === 3) (attributes ??= new AttributeReader()).add(inner)
    else inner.skip()
  }
  return scopeOf(name, version, attributes?.values)
}

/** A scope with only the parts that are there. */
export function scopeOf(name: string, version: string, attributes: Values | undefined): Scope {
  return {
    name,
    ...(version === '' ? {} : { version }),
    ...(attributes === undefined ? {} : { attributes }),
  }
}

/**
 * Walks the two outer levels every signal has: resource, then scope, then `leaf` for each item
 * (field 2 of the scope message).
 */
export function readEnvelope(
  bytes: Uint8Array,
  leaf: (item: ProtoReader, resource: Values, scope: Scope) => void,
  budget: ItemBudget = new ItemBudget(),
): void {
  const request = new ProtoReader(bytes)
  while (request.next()) {
    if (request.field !== 1) {
      request.skip()
      continue
    }
    const start = request.message()
    let resource: Values = {}
    const scopes: ProtoReader[] = []
    while (start.next()) {
      if (start.field === 1) resource = readResource(start)
      else if (start.field === 2) {
        budget.take()
        scopes.push(start.message())
      } else start.skip()
    }
    for (const inner of scopes) readScoped(inner, resource, leaf, budget)
  }
}

function readScoped(
  inner: ProtoReader,
  resource: Values,
  leaf: (item: ProtoReader, resource: Values, scope: Scope) => void,
  budget: ItemBudget,
): void {
  let scope: Scope = { name: '' }
  const items: ProtoReader[] = []
  while (inner.next()) {
    if (inner.field === 1) scope = readScope(inner)
    else if (inner.field === 2) {
      budget.take()
      items.push(inner.message())
    } else inner.skip()
  }
  for (const item of items) leaf(item, resource, scope)
}
