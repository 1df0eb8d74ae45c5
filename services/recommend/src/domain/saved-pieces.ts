import type { Item } from './catalogue.ts'
import type { ItemCountersState } from './features/item-counters.ts'
import type { CovisitationState } from './recall/covisitation.ts'
import type { Attributes } from './history.ts'
import { popularitySpans, type PopularitySpan, type PopularityState } from './recall/popularity.ts'

/** The state as plain data, for a snapshot. */
export interface SavedState {
  readonly version: number
  readonly events: number
  readonly items: readonly Item[]
  readonly users: readonly SavedUser[]
  readonly popularity: PopularityState
  readonly covisitation: CovisitationState
  readonly counters: ItemCountersState
  readonly eventIds: Float64Array
}

/** One user's history as it is saved. */
export type SavedUser = readonly [
  userId: string,
  items: Uint32Array,
  timesMs: Float64Array,
  kinds: Uint8Array,
  revision: number,
  attributes: Attributes | undefined,
]

/** A part of the saved state that is small enough to be made between two requests. */
export type SavedPiece =
  | { readonly part: 'head'; readonly version: number; readonly events: number }
  | { readonly part: 'items'; readonly items: readonly Item[] }
  | { readonly part: 'users'; readonly users: readonly SavedUser[] }
  | {
      readonly part: 'popularity'
      readonly span: PopularitySpan
      readonly state: PopularityState[PopularitySpan]
    }
  /** The table without its rows. */
  | { readonly part: 'covisitation'; readonly state: CovisitationState }
  | { readonly part: 'rows'; readonly rows: CovisitationState['rows'] }
  | { readonly part: 'counters'; readonly state: ItemCountersState }
  | { readonly part: 'eventIds'; readonly hashes: Float64Array }

/** Numbers, or things that cost as much as numbers, in one piece: about a millisecond of work. */
export const pieceSizeMax = 10_000

/**
 * `things` in runs whose sizes add up to `most` or, where the last thing is larger, a little more.
 * `make` is called once a thing, when its run is asked for.
 */
export function* inPieces<Thing, Made>(
  things: Iterable<Thing>,
  make: (thing: Thing) => Made,
  sizeOf: (made: Made) => number,
  most: number = pieceSizeMax,
): Generator<Made[]> {
  let piece: Made[] = []
  let size = 0
  for (const thing of things) {
    const made = make(thing)
    piece.push(made)
    size += sizeOf(made)
    if (size < most) continue
    yield piece
    piece = []
    size = 0
  }
  if (piece.length > 0) yield piece
}

/** The state whose pieces these are; undefined where one that must be there is missing. */
export function joinPieces(pieces: Iterable<SavedPiece>, version: number): SavedState | undefined {
  const items: Item[] = []
  const users: SavedUser[] = []
  const rows: CovisitationState['rows'][number][] = []
  const hashes: Float64Array[] = []
  const popularity: Partial<Record<PopularitySpan, PopularityState[PopularitySpan]>> = {}
  let covisitation: CovisitationState | undefined
  let counters: ItemCountersState | undefined
  let events: number | undefined
  for (const piece of pieces) {
    if (piece.part === 'head') {
      if (piece.version !== version) return undefined
      events = piece.events
    } else if (piece.part === 'items') items.push(...piece.items)
    else if (piece.part === 'users') users.push(...piece.users)
    else if (piece.part === 'popularity') popularity[piece.span] = piece.state
    else if (piece.part === 'covisitation') covisitation = piece.state
    else if (piece.part === 'rows') rows.push(...piece.rows)
    else if (piece.part === 'counters') counters = piece.state
    else hashes.push(piece.hashes)
  }
  if (events === undefined || !covisitation || !counters) return undefined
  if (!isWhole(popularity)) return undefined
  return {
    version,
    events,
    items,
    users,
    popularity,
    covisitation: { ...covisitation, rows },
    counters,
    eventIds: joined(hashes),
  }
}

function isWhole(popularity: Partial<PopularityState>): popularity is PopularityState {
  return popularitySpans.every((span) => popularity[span] !== undefined)
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
