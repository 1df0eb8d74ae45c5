import { valueCharactersMax, type AttributeGate } from '../attributes.ts'
import { hidden, isSecretKey } from '../privacy.ts'
import type { LogData, Value, Values } from './model.ts'

/** Characters of a text in a log record. */
export const logCharactersMax = 4096
const depthMax = 8

/** `log` as it may leave: secrets and personal data taken out of its body and attributes. O(size). */
export function privateLog(log: LogData, gate: AttributeGate): LogData {
  return {
    ...log,
    body: cleanValue(log.body, gate, 0),
    attributes: cleanValues(log.attributes, gate, 0),
  }
}

function cleanValues(values: Values, gate: AttributeGate, depth: number): Values {
  const clean: Record<string, Value> = {}
  for (const key in values)
    clean[key] = isSecretKey(key) ? hidden : named(key, values[key] as Value, gate, depth)
  return clean
}

function named(key: string, value: Value, gate: AttributeGate, depth: number): Value {
  if (typeof value === 'number') return gate.clean(key, value) ?? null
  if (typeof value === 'string' && value.length <= valueCharactersMax)
    return gate.clean(key, value) ?? null
  return cleanValue(value, gate, depth)
}

function cleanValue(value: Value, gate: AttributeGate, depth: number): Value {
  if (typeof value === 'string') return gate.text(value, logCharactersMax)
  if (typeof value === 'number')
    return Number.isFinite(value) ? named('', value, gate, depth) : value
  if (value === null || typeof value === 'boolean' || value instanceof Uint8Array) return value
  if (depth >= depthMax) return null
  if (Array.isArray(value))
    return (value as readonly Value[]).map((element) => cleanValue(element, gate, depth + 1))
  return cleanValues(value as Values, gate, depth + 1)
}
