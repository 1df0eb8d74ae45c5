import { createHash } from 'node:crypto'
import { Fault, shown } from '@spate/runtime/fault'
import type { Interactions } from '../domain/recall/interactions.ts'
import { openBytes, readCsv } from '../csv.ts'

/** One line of an evaluation file. */
export interface DataRow {
  readonly user: string
  readonly item: string
  /** Ms, or undefined where the file has no times. */
  readonly timeMs: number | undefined
  readonly weight: number
}

/** A file as it was read. */
export interface DataFile {
  readonly rows: readonly DataRow[]
  readonly timed: boolean
  /** Of the file's bytes as they lie on disk. */
  readonly sha256: string
  /** Lines left out because they could not be read or said nothing (weight not above 0). */
  readonly skipped: number
  /** The first of them, with the reason. */
  readonly skippedLines: readonly SkippedLine[]
}

/** A line that was left out. */
export interface SkippedLine {
  /** Place in the file; the header is 1. */
  readonly line: number
  readonly why: string
}

/** Counts lines that are left out and keeps the first ten. */
export class SkippedLines {
  readonly first: SkippedLine[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  take(line: number, why: string): void {
    this.#count++
    if (this.first.length < skippedShownMax) this.first.push({ line, why })
  }
}

const skippedShownMax = 10

/** Reads `user,item[,timestamp][,weight]`, packed or not, in order of lines. */
export async function readDataFile(path: string): Promise<DataFile> {
  const rows: DataRow[] = []
  const skipped = new SkippedLines()
  let columns: Columns | undefined
  for await (const row of readCsv(openBytes(path))) {
    if (row.kind === 'broken') {
      skipped.take(row.line, row.why)
      continue
    }
    if (!columns) {
      columns = columnsOf(row.fields, path)
      continue
    }
    const read = readRow(row.fields, columns)
    if (typeof read === 'string') skipped.take(row.line, read)
    else rows.push(read)
  }
  if (!columns) throw new Fault('invalid_request', `${path} is empty`)
  return {
    rows,
    timed: columns.time >= 0,
    sha256: await sha256Of(path),
    skipped: skipped.count,
    skippedLines: skipped.first,
  }
}

/** SHA-256 of a file's bytes, in hex. */
export async function sha256Of(path: string): Promise<string> {
  const { createReadStream } = await import('node:fs')
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

interface Columns {
  readonly user: number
  readonly item: number
  readonly time: number
  readonly weight: number
}

function columnsOf(header: readonly string[], path: string): Columns {
  const names = header.map((name) => name.trim().toLowerCase())
  const place = (...known: string[]): number => names.findIndex((name) => known.includes(name))
  const columns = {
    user: place('user', 'userid', 'user_id'),
    item: place('item', 'itemid', 'item_id'),
    time: place('timestamp', 'time', 'date'),
    weight: place('weight', 'rating'),
  }
  if (columns.user < 0 || columns.item < 0)
    throw new Fault(
      'invalid_field',
      `${path}: the header needs the columns user and item, it has ${header.slice(0, 10).map(shown).join(', ')}`,
    )
  return columns
}

/** The line, or why it is left out. */
function readRow(fields: readonly string[], columns: Columns): DataRow | string {
  const user = fields[columns.user]?.trim() ?? ''
  const item = fields[columns.item]?.trim() ?? ''
  const weight = columns.weight < 0 ? 1 : Number(fields[columns.weight])
  const timeMs = columns.time < 0 ? undefined : timeOf(fields[columns.time] ?? '')
  if (user === '' || item === '') return `no ${user === '' ? 'user' : 'item'}`
  if (!(weight > 0)) return `weight ${shown(fields[columns.weight])} is not above 0`
  if (columns.time >= 0 && timeMs === undefined)
    return `timestamp ${shown(fields[columns.time])} is no time`
  return { user, item, timeMs, weight }
}

function timeOf(text: string): number | undefined {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value < 1e11 ? value * 1000 : value
  const timeMs = Date.parse(text)
  return Number.isNaN(timeMs) ? undefined : timeMs
}

/** Names as numbers, in order of first appearance. */
export class Names {
  readonly #numbers = new Map<string, number>()

  get size(): number {
    return this.#numbers.size
  }

  numberOf(name: string): number | undefined {
    return this.#numbers.get(name)
  }

  intern(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    this.#numbers.set(name, this.#numbers.size)
    return this.#numbers.size - 1
  }
}

/** Rows user by user, oldest first; lines of the same time keep the order of the file. */
export function toInteractions(rows: readonly DataRow[], users: Names, items: Names): Interactions {
  const spacingMs = spanMs / Math.max(1, rows.length)
  const byUser: { item: number; timeMs: number; line: number }[][] = []
  rows.forEach((row, line) => {
    const user = users.intern(row.user)
    const event = { item: items.intern(row.item), timeMs: row.timeMs ?? line * spacingMs, line }
    const events = byUser[user]
    if (events) events.push(event)
    else byUser[user] = [event]
  })
  const start = new Uint32Array(byUser.length + 1)
  const flat = new Uint32Array(rows.length)
  const timesMs = new Float64Array(rows.length)
  let at = 0
  byUser.forEach((events, user) => {
    events.sort((a, b) => a.timeMs - b.timeMs || a.line - b.line)
    for (const { item, timeMs } of events) {
      flat[at] = item
      timesMs[at++] = timeMs
    }
    start[user + 1] = at
  })
  return { itemCount: items.size, start, items: flat, timesMs }
}

/** Files without times are laid out over a year, so that decays in days mean something small. */
const spanMs = 365 * 86_400_000
