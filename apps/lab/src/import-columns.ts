import { Fault, shown } from '@spate/runtime/fault'

/** Which column of a file holds what; undefined where the file has no such column. */
export interface ImportColumns {
  readonly user: number
  readonly item: number
  readonly time: number | undefined
  readonly title: number | undefined
  readonly price: number | undefined
  readonly quantity: number | undefined
  readonly weight: number | undefined
  readonly category: number | undefined
}

/** Columns the caller named, by name or by place (1 is the first). */
export type NamedColumns = Readonly<Partial<Record<keyof ImportColumns, string | undefined>>>

/** Names under which known data sets keep each column, most telling first. */
const knownNames: Readonly<Record<keyof ImportColumns, readonly string[]>> = {
  user: ['customerid', 'userid', 'user', 'uid', 'visitorid', 'reviewerid', 'customer'],
  item: ['stockcode', 'itemid', 'movieid', 'productid', 'item', 'asin', 'sku', 'product'],
  time: ['invoicedate', 'timestamp', 'datetime', 'time', 'date', 'createdat', 'ts'],
  title: ['description', 'title', 'itemname', 'productname', 'name'],
  price: ['unitprice', 'price'],
  quantity: ['quantity', 'qty'],
  weight: ['rating', 'weight', 'score'],
  category: ['category', 'genres', 'categories', 'genre'],
}

/** Reads a header as written: `Customer ID`, `user_id:token` and `CustomerID` are alike. */
const plain = (name: string): string =>
  (name.split(':')[0] ?? '').toLowerCase().replaceAll(/[^a-z0-9]/g, '')

/**
 * Finds the columns. Throws `Fault('invalid_field')` that lists the header where a named column is
 * not there, or user and item cannot be told.
 */
export function findColumns(header: readonly string[], named: NamedColumns): ImportColumns {
  const names = header.map(plain)
  const find = (column: keyof ImportColumns): number | undefined => {
    const wanted = named[column]
    if (wanted !== undefined) return namedColumn(header, wanted, column)
    for (const known of knownNames[column]) {
      const at = names.indexOf(known)
      if (at >= 0) return at
    }
    return undefined
  }
  const user = find('user')
  const item = find('item')
  if (user === undefined || item === undefined)
    throw missing(user === undefined ? 'users' : 'items', header)
  return {
    user,
    item,
    time: find('time'),
    title: find('title'),
    price: find('price'),
    quantity: find('quantity'),
    weight: find('weight'),
    category: find('category'),
  }
}

function namedColumn(
  header: readonly string[],
  wanted: string,
  column: keyof ImportColumns,
): number {
  const exact = header.indexOf(wanted)
  if (exact >= 0) return exact
  const alike = header.findIndex((name) => plain(name) === plain(wanted))
  if (alike >= 0) return alike
  const place = Number(wanted)
  if (Number.isInteger(place) && place >= 1 && place <= header.length) return place - 1
  throw missing(column, header, wanted)
}

function missing(column: string, header: readonly string[], wanted?: string): Fault {
  const expected = `one of ${header.slice(0, 20).map(shown).join(', ')}`
  return new Fault('invalid_field', `no column for ${column}: name ${expected}`, {
    fields: [
      {
        field: `--${column}`,
        expected,
        ...(wanted === undefined ? {} : { value: shown(wanted) }),
      },
    ],
  })
}

/** Ms since the epoch of a time as files write it; undefined where it is none. */
export function readTime(text: string): number | undefined {
  const trimmed = text.trim()
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    const value = Number(trimmed)
    // Seconds up to the year 5138, ms from 1973 on.
    return value < 1e11 ? value * 1000 : value
  }
  // `2010-12-01 08:26:00` is read as UTC, so that the same file gives the same state everywhere.
  const iso = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)$/.exec(trimmed)
  const american = /^(\d{1,2})\/(\d{1,2})\/(\d{2,4}) (\d{1,2}):(\d{2})$/.exec(trimmed)
  if (american) {
    const [, month, day, year, hour, minute] = american.map(Number)
    const full = (year as number) < 100 ? 2000 + (year as number) : (year as number)
    return Date.UTC(full, (month as number) - 1, day, hour, minute)
  }
  const timeMs = Date.parse(iso ? `${iso[1]}T${iso[2]}Z` : trimmed)
  return Number.isNaN(timeMs) ? undefined : timeMs
}

/** An id as a key: `17850.0`, which spreadsheets make of 17850, is 17850 again. */
export function readId(text: string): string {
  const trimmed = text.trim()
  return /^\d+\.0$/.test(trimmed) ? trimmed.slice(0, -2) : trimmed
}
