import { Fault } from '@spate/runtime/fault'
import { msOfNanos } from './proto-reader.ts'

/** An object of a JSON text. */
export type Json = Readonly<Record<string, unknown>>

/** `value` as an object. Throws `invalid_request`, naming `what`, where it is none. */
export function object(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(what)
  return value as Json
}

/** The objects of the array `name`; empty where it is absent. */
export function array(item: Json, name: string): readonly Json[] {
  const value = item[name]
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrong(name)
  return value.map((element) => object(element, name))
}

/** The numbers of the array `name`, written as numbers or texts; empty where it is absent. */
export function numbers(item: Json, name: string): number[] {
  const value = item[name]
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrong(name)
  return value.map((element) => numberOf(element, name))
}

/** The text `name`; empty where it is absent. */
export function string(item: Json, name: string): string {
  const value = item[name]
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw wrong(name)
  return value
}

/** The whole number `name`, written as a number or a text; 0 where it is absent. */
export function integer(item: Json, name: string): number {
  const value = item[name]
  return value === undefined || value === null ? 0 : Math.trunc(numberOf(value, name))
}

/** The number `name`; undefined where it is absent. */
export function number(item: Json, name: string): number | undefined {
  const value = item[name]
  return value === undefined || value === null ? undefined : numberOf(value, name)
}

/** The time `name`, ns since the epoch, as ms with a fraction; 0 where it is absent. */
export function millis(item: Json, name: string): number {
  const value = item[name]
  if (value === undefined || value === null || value === '') return 0
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
    return msOfNanos(BigInt(value))
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) throw wrong(name)
  return msOfNanos(BigInt(value))
}

function numberOf(value: unknown, name: string): number {
  const parsed = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof parsed !== 'number' || (Number.isNaN(parsed) && value !== 'NaN')) throw wrong(name)
  return parsed
}

function wrong(what: string): Fault {
  return new Fault('invalid_request', `${what.slice(0, 80)} has a wrong type`)
}
