import { readCsvFile } from '@spate/recommend/csv'
import {
  findColumns,
  readId,
  readTime,
  type ImportColumns,
  type NamedColumns,
} from './import-columns.ts'

/** An event as it is sent. */
export interface ImportedEvent {
  readonly eventId: string
  readonly userId: string
  readonly itemId: string
  readonly type: string
  readonly weight?: number
  readonly timestamp?: number
}

/** An item as it is sent. */
export interface ImportedItem {
  readonly itemId: string
  readonly title?: string
  readonly price?: number
  readonly categories?: readonly string[]
}

/** Where items and events go: full batches, in order; a returned promise holds the reading up. */
export interface ImportTarget {
  items(batch: readonly ImportedItem[]): Promise<void>
  events(batch: readonly ImportedEvent[]): Promise<void>
}

/** What was in the file. */
export interface ImportCounts {
  lines: number
  events: number
  products: number
  users: number
  /** Lines left out, by reason. */
  withoutUser: number
  withoutItem: number
  cancellations: number
  broken: number
  /** The first broken lines, to look at. */
  readonly brokenExamples: { readonly line: number; readonly why: string }[]
}

/** How to read the file. */
export interface ImportOptions {
  readonly path: string
  readonly columns: NamedColumns
  /** Type of all events. */
  readonly type: string
  /** Names this file in event ids, so that a second import of it changes nothing. */
  readonly name: string
  readonly signal: AbortSignal
}

const itemsPerBatch = 500
const eventsPerBatch = 1000
const examplesMax = 10

/** Streams the file to `target`; `counts` grows on the way and is returned. */
export async function importFile(
  options: ImportOptions,
  target: ImportTarget,
  counts: ImportCounts = newCounts(),
): Promise<ImportCounts> {
  const reader = new LineReader(options, counts)
  for await (const row of readCsvFile(options.path)) {
    if (options.signal.aborted) break
    if (row.kind === 'broken') {
      reader.broken(row.line, row.why)
      continue
    }
    reader.row(row.line, row.fields)
    if (reader.items.length >= itemsPerBatch) await target.items(reader.takeItems())
    if (reader.events.length >= eventsPerBatch) {
      // Items first: an event on an item nobody described would make a nameless one.
      if (reader.items.length > 0) await target.items(reader.takeItems())
      await target.events(reader.takeEvents())
    }
  }
  if (reader.items.length > 0) await target.items(reader.takeItems())
  if (reader.events.length > 0) await target.events(reader.takeEvents())
  return counts
}

/** Counts of nothing yet. */
export function newCounts(): ImportCounts {
  return {
    lines: 0,
    events: 0,
    products: 0,
    users: 0,
    withoutUser: 0,
    withoutItem: 0,
    cancellations: 0,
    broken: 0,
    brokenExamples: [],
  }
}

class LineReader {
  items: ImportedItem[] = []
  events: ImportedEvent[] = []
  readonly #options: ImportOptions
  readonly #counts: ImportCounts
  readonly #users = new Set<string>()
  readonly #products = new Set<string>()
  #columns: ImportColumns | undefined

  constructor(options: ImportOptions, counts: ImportCounts) {
    this.#options = options
    this.#counts = counts
  }

  broken(line: number, why: string): void {
    this.#counts.lines++
    this.#counts.broken++
    if (this.#counts.brokenExamples.length < examplesMax)
      this.#counts.brokenExamples.push({ line, why })
  }

  row(line: number, fields: readonly string[]): void {
    if (!this.#columns) {
      this.#columns = findColumns(fields, this.#options.columns)
      return
    }
    const columns = this.#columns
    const text = (at: number | undefined): string => (at === undefined ? '' : (fields[at] ?? ''))
    const itemId = readId(text(columns.item))
    const userId = readId(text(columns.user))
    const time = text(columns.time)
    const timeMs = time === '' ? undefined : readTime(time)
    if (columns.time !== undefined && timeMs === undefined)
      return this.broken(line, `"${time.slice(0, 40)}" is not a time`)
    if (itemId.length > idLengthMax || userId.length > idLengthMax)
      return this.broken(line, `an id is longer than ${idLengthMax} characters`)
    this.#counts.lines++
    if (itemId === '') return void this.#counts.withoutItem++
    this.#item(itemId, text(columns.title), text(columns.price), text(columns.category))
    if (userId === '') return void this.#counts.withoutUser++
    const quantity = columns.quantity === undefined ? 1 : Number(text(columns.quantity))
    if (!(quantity > 0)) return void this.#counts.cancellations++
    this.#users.add(userId)
    this.#counts.users = this.#users.size
    this.#counts.events++
    const weight = Number(text(columns.weight))
    this.events.push({
      eventId: `${this.#options.name}:${line}`,
      userId,
      itemId,
      type: this.#options.type,
      ...(columns.weight !== undefined && weight >= 0 ? { weight: Math.min(1, weight / 5) } : {}),
      ...(timeMs === undefined ? {} : { timestamp: timeMs }),
    })
  }

  takeItems(): ImportedItem[] {
    const taken = this.items
    this.items = []
    return taken
  }

  takeEvents(): ImportedEvent[] {
    const taken = this.events
    this.events = []
    return taken
  }

  /** Describes a product where it is met for the first time. */
  #item(itemId: string, title: string, price: string, category: string): void {
    if (this.#products.has(itemId)) return
    this.#products.add(itemId)
    this.#counts.products = this.#products.size
    const amount = Number(price)
    this.items.push({
      itemId,
      ...(title.trim() === '' ? {} : { title: title.trim().slice(0, 500) }),
      ...(price !== '' && amount >= 0 ? { price: amount } : {}),
      ...(category === ''
        ? {}
        : {
            categories: category
              .split('|')
              .map((each) => each.trim().slice(0, 200))
              .slice(0, 50),
          }),
    })
  }
}

const idLengthMax = 200
