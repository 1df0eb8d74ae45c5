import type { Attributes, AttributeValue, Link, SpanStatusCode } from '@opentelemetry/api'
import { attributesMax } from './attributes.ts'
import type { SpanShape } from './span-shape.ts'

/**
 * Where spans live from their start until their local root is judged: rows of typed memory in pages
 * that are handed out again, so recording leaves nothing to the garbage collector. What seldom
 * occurs (events, links, more than `inlineMax` attributes) hangs on a row as an object.
 *
 * A row belongs to one local trace. Where all rows are taken, the local trace that is open longest
 * gives up all of its rows at once: it is counted as lost, and no row is ever shared.
 */

/** Spans held at most until their local roots are judged, over all open traces of a program. */
export const rowsMax = 131_072
/** Typed bytes of a row. */
export const rowBytes = 48
/** Attributes a row holds itself; with more the span takes the slower way. */
export const inlineMax = 8
const pageShift = 10
const rowsAPage = 1 << pageShift
const wordsARow = rowBytes / 4

/** Places of a row in `SpanPage.times`, from `timesAt`. */
export const column = {
  /** Wall time in ms; `end` is below zero while the span runs. */
  start: 0,
  end: 1,
  /** Places in `SpanPage.words`, from `wordsAt`. */
  idHigh: 4,
  idLow: 5,
  parentHigh: 6,
  parentLow: 7,
  /** Kind (3 bits), status (2 bits), remote parent (1 bit), attributes held in the row (from bit 8). */
  facts: 8,
  /** The next row of the trace plus one; 0 is the last. */
  next: 9,
  /** Number of the trace the row belongs to; 0 is free. */
  owner: 10,
  /** Places in `SpanPage.refs`, from `refsAt`. */
  name: 0,
  scope: 1,
  extra: 2,
  /** What spans of one kind have in common, and what requests of one host do. */
  shape: 3,
  place: 4,
  /** Keys and values by turns. */
  attributes: 5,
} as const

const refsARow = column.attributes + 2 * inlineMax
const statusShift = 3
/** Added to the kind of a span whose parent is elsewhere. */
export const remoteBit: number = 1 << 5
const countShift = 8

/** What few spans have. */
export interface SpanExtra {
  /** Attributes past `inlineMax`. */
  more: Attributes | undefined
  moreCount: number
  droppedAttributes: number
  events: { name: string; timeMs: number; attributes: Attributes | undefined }[] | undefined
  droppedEvents: number
  links: Link[] | undefined
  droppedLinks: number
  /** Text of an error status. */
  message: string | undefined
}

/** Rows side by side. */
export class SpanPage {
  readonly words: Uint32Array = new Uint32Array(rowsAPage * wordsARow)
  readonly times: Float64Array = new Float64Array(this.words.buffer)
  readonly refs: unknown[] = Array.from({ length: rowsAPage * refsARow }, () => undefined)

  /** Kind of row `at` as the api numbers it. */
  kind(at: number): number {
    return (this.words[at * wordsARow + column.facts] as number) & 7
  }

  /** Status code of row `at`. */
  status(at: number): SpanStatusCode {
    return ((this.words[at * wordsARow + column.facts] as number) >>> statusShift) & 3
  }

  setStatus(at: number, code: number): void {
    const place = at * wordsARow + column.facts
    const facts = (this.words[place] as number) & ~(3 << statusShift)
    this.words[place] = facts | (code << statusShift)
  }

  remoteParent(at: number): boolean {
    return ((this.words[at * wordsARow + column.facts] as number) & remoteBit) !== 0
  }

  /** Attributes held in the row itself. */
  count(at: number): number {
    return (this.words[at * wordsARow + column.facts] as number) >>> countShift
  }

  word(at: number, which: number): number {
    return this.words[at * wordsARow + which] as number
  }

  time(at: number, which: number): number {
    return this.times[at * (wordsARow / 2) + which] as number
  }

  setTime(at: number, which: number, ms: number): void {
    this.times[at * (wordsARow / 2) + which] = ms
  }

  ref(at: number, which: number): unknown {
    return this.refs[at * refsARow + which]
  }

  setRef(at: number, which: number, value: unknown): void {
    this.refs[at * refsARow + which] = value
  }

  extra(at: number): SpanExtra | undefined {
    return this.refs[at * refsARow + column.extra] as SpanExtra | undefined
  }

  /** The side object of row `at`, made where there is none. */
  needExtra(at: number): SpanExtra {
    const place = at * refsARow + column.extra
    const known = this.refs[place] as SpanExtra | undefined
    if (known) return known
    const made: SpanExtra = {
      more: undefined,
      moreCount: 0,
      droppedAttributes: 0,
      events: undefined,
      droppedEvents: 0,
      links: undefined,
      droppedLinks: 0,
      message: undefined,
    }
    this.refs[place] = made
    return made
  }

  /** Sets or replaces an attribute. O(attributes in the row). */
  setAttribute(at: number, key: string, value: AttributeValue): void {
    const { refs } = this
    const facts = at * wordsARow + column.facts
    const count = (this.words[facts] as number) >>> countShift
    const first = at * refsARow + column.attributes
    for (let index = first; index < first + 2 * count; index += 2)
      if (refs[index] === key) {
        refs[index + 1] = value
        return
      }
    if (count < inlineMax) {
      refs[first + 2 * count] = key
      refs[first + 2 * count + 1] = value
      this.words[facts] = (this.words[facts] as number) + (1 << countShift)
      return
    }
    const extra = this.needExtra(at)
    const more = (extra.more ??= {})
    if (Object.hasOwn(more, key)) more[key] = value
    else if (inlineMax + extra.moreCount >= attributesMax) extra.droppedAttributes++
    else {
      extra.moreCount++
      more[key] = value
    }
  }

  /** Takes out the attributes that `shape` sets too. */
  yieldTo(at: number, shape: SpanShape): void {
    const { refs } = this
    const facts = at * wordsARow + column.facts
    const first = at * refsARow + column.attributes
    let count = (this.words[facts] as number) >>> countShift
    for (let index = 0; index < count; index++) {
      if (shape.attributes[refs[first + 2 * index] as string] === undefined) continue
      count--
      refs[first + 2 * index] = refs[first + 2 * count]
      refs[first + 2 * index + 1] = refs[first + 2 * count + 1]
      refs[first + 2 * count] = refs[first + 2 * count + 1] = undefined
      index--
    }
    this.words[facts] = ((this.words[facts] as number) & 0xff) | (count << countShift)
  }

  /** Writes the ids of a span that begins. */
  identify(
    at: number,
    id: { readonly idHigh: number; readonly idLow: number },
    parent: { readonly idHigh: number; readonly idLow: number },
  ): void {
    const { words } = this
    const place = at * wordsARow
    words[place + column.idHigh] = id.idHigh
    words[place + column.idLow] = id.idLow
    words[place + column.parentHigh] = parent.idHigh
    words[place + column.parentLow] = parent.idLow
    words[place + column.facts] = 0
  }

  /** Writes the rest of a span that begins at `startMs`, wall time. `kind`: with `remoteBit`, maybe. */
  begin(at: number, name: string, scope: SpanScopeName, kind: number, startMs: number): void {
    this.words[at * wordsARow + column.facts] = kind
    this.times[at * (wordsARow / 2) + column.start] = startMs
    this.times[at * (wordsARow / 2) + column.end] = -1
    this.refs[at * refsARow + column.name] = name
    this.refs[at * refsARow + column.scope] = scope
  }
}

/** Who made a span. */
export interface SpanScopeName {
  readonly name: string
  readonly version?: string
}

/** Who holds rows: a local trace. */
export interface RowOwner {
  /** Not 0; no two owners at a time share one. */
  readonly number: number
  older: RowOwner | undefined
  newer: RowOwner | undefined
  /** Gives back all its rows: others need the room. */
  abandon(): void
}

/** All rows of a program. Row numbers are stable while a row is held. */
export class SpanRows {
  readonly #pages: SpanPage[] = []
  readonly #most: number
  #made = 0
  #free = -1
  #taken = 0
  #owners = 0
  #oldest: RowOwner | undefined
  #newest: RowOwner | undefined

  /** `most`: rows held at once. */
  constructor(most: number = rowsMax) {
    this.#most = most
  }

  /** Rows in use. */
  get taken(): number {
    return this.#taken
  }

  /** Typed memory, bytes. */
  get bytes(): number {
    return this.#pages.length * rowsAPage * rowBytes
  }

  /** A number for a new owner. */
  nextOwner(): number {
    this.#owners = this.#owners >= 0x7fff_ffff ? 1 : this.#owners + 1
    return this.#owners
  }

  page(row: number): SpanPage {
    return this.#pages[row >>> pageShift] as SpanPage
  }

  /** A row for `owner`; -1 where it alone holds all there are. */
  take(owner: RowOwner): number {
    if (this.#free < 0 && !this.#grow() && !this.#reclaim(owner)) return -1
    const row = this.#free
    const { words } = this.page(row)
    const place = (row & (rowsAPage - 1)) * wordsARow
    this.#free = (words[place + column.next] as number) - 1
    words[place + column.next] = 0
    words[place + column.owner] = owner.number
    this.#taken++
    return row
  }

  /** Gives `row` back. */
  release(row: number): void {
    const page = this.page(row)
    const at = row & (rowsAPage - 1)
    const { words, refs } = page
    const first = at * refsARow
    const last = first + column.attributes + 2 * page.count(at)
    for (let index = first; index < last; index++) refs[index] = undefined
    words[at * wordsARow + column.owner] = 0
    words[at * wordsARow + column.next] = this.#free + 1
    this.#free = row
    this.#taken--
  }

  /** The row behind `row` in its trace; -1 where it is the last. */
  next(row: number): number {
    return this.page(row).word(row & (rowsAPage - 1), column.next) - 1
  }

  /** Puts `next` (a row, or -1) behind `row`. */
  chain(row: number, next: number): void {
    this.page(row).words[(row & (rowsAPage - 1)) * wordsARow + column.next] = next + 1
  }

  /** Takes note of an owner that has its first row. */
  opened(owner: RowOwner): void {
    owner.older = this.#newest
    if (this.#newest) this.#newest.newer = owner
    else this.#oldest = owner
    this.#newest = owner
  }

  /** Forgets an owner that has no row any more. */
  closed(owner: RowOwner): void {
    const { older, newer } = owner
    if (older) older.newer = newer
    else if (this.#oldest === owner) this.#oldest = newer
    if (newer) newer.older = older
    else if (this.#newest === owner) this.#newest = older
    owner.older = owner.newer = undefined
  }

  #reclaim(owner: RowOwner): boolean {
    const victim = this.#oldest === owner ? owner.newer : this.#oldest
    victim?.abandon()
    return this.#free >= 0
  }

  #grow(): boolean {
    const count = Math.min(rowsAPage, this.#most - this.#made)
    if (count <= 0) return false
    const page = new SpanPage()
    const base = this.#pages.length << pageShift
    this.#pages.push(page)
    for (let at = 0; at < count; at++)
      page.words[at * wordsARow + column.next] = at + 1 < count ? base + at + 2 : 0
    this.#free = base
    this.#made += count
    return true
  }
}

/** Place of `row` in its page. */
export function placeOf(row: number): number {
  return row & (rowsAPage - 1)
}
