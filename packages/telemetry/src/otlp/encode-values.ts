import type { Scope, Value, Values } from './model.ts'
import type { ProtoWriter } from './proto-writer.ts'

/** Depth of nested values; what is deeper is left out, so that a circle cannot hold the encoder. */
const depthMax = 16

/** Writes `values` as repeated KeyValue in `field`. */
export function writeAttributes(
  writer: ProtoWriter,
  field: number,
  values: Values,
  depth = 0,
): void {
  for (const key in values) {
    const mark = writer.open(field)
    writer.string(1, key)
    writeValue(writer, 2, values[key] as Value, depth)
    writer.close(mark)
  }
}

/** Writes an AnyValue message in `field`. */
export function writeValue(writer: ProtoWriter, field: number, value: Value, depth = 0): void {
  const mark = writer.open(field)
  if (typeof value === 'string') writer.stringPresent(1, value)
  else if (typeof value === 'boolean') writer.bool(2, value)
  else if (typeof value !== 'number') writeNested(writer, value, depth)
  else if (Number.isSafeInteger(value)) writer.int(3, value)
  else writer.double(4, value)
  writer.close(mark)
}

function writeNested(
  writer: ProtoWriter,
  value: Exclude<Value, string | number | boolean>,
  depth: number,
): void {
  if (value === null || depth >= depthMax) return
  if (value instanceof Uint8Array) return writer.bytes(7, value)
  if (Array.isArray(value)) {
    const mark = writer.open(5)
    for (const element of value as readonly Value[]) writeValue(writer, 1, element, depth + 1)
    writer.close(mark)
    return
  }
  const mark = writer.open(6)
  writeAttributes(writer, 1, value as Values, depth + 1)
  writer.close(mark)
}

/** Writes a Resource message in field 1. */
export function writeResource(writer: ProtoWriter, resource: Values): void {
  const mark = writer.open(1, 2)
  writeAttributes(writer, 1, resource)
  writer.close(mark)
}

/** Writes an InstrumentationScope message in field 1. */
export function writeScope(writer: ProtoWriter, scope: Scope): void {
  const mark = writer.open(1)
  writer.string(1, scope.name)
  writer.string(2, scope.version ?? '')
  if (scope.attributes) writeAttributes(writer, 3, scope.attributes)
  writer.close(mark)
}
