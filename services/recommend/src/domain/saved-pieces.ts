/** Numbers side by side. */
type Numbers = Float64Array | Float32Array | Uint32Array | Int32Array | Uint16Array | Uint8Array

/**
 * A long part of plain data whose things are made when they are asked for; they hold no long parts
 * themselves. Saved, it is an array:
 * who reads saved data goes through it with `for ... of` either way.
 */
export class LongPart<Thing> implements Iterable<Thing> {
  readonly #things: () => Iterable<Thing>

  /** `things`: called anew for each reading. */
  constructor(things: () => Iterable<Thing>) {
    this.#things = things
  }

  [Symbol.iterator](): Iterator<Thing> {
    return this.#things()[Symbol.iterator]()
  }
}

/**
 * A part of saved data that is small enough to be made between two requests: first the data with
 * holes where its long parts were, then runs of those, then how many runs there were.
 */
export type SavedPiece =
  | { readonly part: 'short'; readonly value: unknown }
  | { readonly part: 'run'; readonly of: number; readonly things: readonly unknown[] | Numbers }
  | { readonly part: 'end'; readonly runs: number }

/** Values in one piece: about a millisecond of work. */
export const pieceSizeMax = 10_000
/** Numbers side by side are copied by the block: as many of them cost as much as one other value. */
const numbersPerValue = 16
/** Arrays up to this length stay where they are. */
const shortMax = 64

/**
 * Plain data in pieces of at most `most` values, or a little more where one thing of a long part is
 * larger. Nothing may change the data until the last piece is taken. O(data).
 */
export function* piecesOf(data: unknown, most: number = pieceSizeMax): Generator<SavedPiece> {
  const longs: (LongPart<unknown> | readonly unknown[] | Numbers)[] = []
  const short = (value: unknown): unknown => {
    if (isNumbers(value) ? value.length > shortMax : isLong(value))
      return { [hole]: longs.push(value as Numbers) - 1 } satisfies Hole
    if (isNumbers(value) || typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(short)
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, short(part)]))
  }
  yield { part: 'short', value: short(data) }
  let runs = 0
  for (const [of, things] of longs.entries())
    for (const run of isNumbers(things) ? numbersInRuns(things, most) : inRuns(things, most)) {
      runs++
      yield { part: 'run', of, things: run }
    }
  yield { part: 'end', runs }
}

function* numbersInRuns(numbers: Numbers, most: number): Generator<Numbers> {
  const step = most * numbersPerValue
  // One run at least, or nobody would know what kind of numbers there were none of.
  for (let at = 0; at === 0 || at < numbers.length; at += step)
    yield numbers.subarray(at, at + step)
}

function* inRuns(things: Iterable<unknown>, most: number): Generator<unknown[]> {
  let run: unknown[] = []
  let size = 0
  for (const thing of things) {
    run.push(thing)
    size += sizeOf(thing)
    if (size < most) continue
    yield run
    run = []
    size = 0
  }
  if (run.length > 0) yield run
}

/** Values a thing holds; a text counts for its length. O(values). */
export function sizeOf(thing: unknown): number {
  if (typeof thing === 'string') return 1 + thing.length / 8
  if (isNumbers(thing)) return 4 + thing.length / numbersPerValue
  if (typeof thing !== 'object' || thing === null) return 1
  let size = 1
  for (const part of Object.values(thing)) size += sizeOf(part)
  return size
}

/** Marks where a long part was. */
const hole = '~long'
interface Hole {
  readonly [hole]: number
}

/** The data whose pieces these are; undefined where one is missing. O(data). */
export function joined(pieces: Iterable<SavedPiece>): unknown {
  const runs: (readonly unknown[] | Numbers)[][] = []
  let short: SavedPiece | undefined
  let found = 0
  let expected: number | undefined
  for (const piece of pieces) {
    if (piece.part === 'short') short = piece
    else if (piece.part === 'end') expected = piece.runs
    else {
      ;(runs[piece.of] ??= []).push(piece.things)
      found++
    }
  }
  if (short?.part !== 'short' || found !== expected) return undefined
  const whole = (value: unknown): unknown => {
    if (isNumbers(value) || typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(whole)
    if (isHole(value)) return longOf(runs[value[hole]] ?? [])
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, whole(part)]))
  }
  return whole(short.value)
}

function longOf(runs: readonly (readonly unknown[] | Numbers)[]): unknown {
  const [first] = runs
  if (!isNumbers(first)) return runs.flatMap((run) => [...run])
  const length = runs.reduce((sum, run) => sum + run.length, 0)
  const made = new (first.constructor as new (length: number) => Numbers)(length)
  let at = 0
  for (const run of runs) {
    made.set(run as Numbers, at)
    at += run.length
  }
  return made
}

function isNumbers(value: unknown): value is Numbers {
  return ArrayBuffer.isView(value)
}

function isLong(value: unknown): value is LongPart<unknown> | readonly unknown[] {
  return value instanceof LongPart || (Array.isArray(value) && value.length > shortMax)
}

function isHole(value: object): value is Hole {
  return hole in value && typeof value[hole] === 'number' && Object.keys(value).length === 1
}

/** What a generator returns, run to its end at once. */
export function lastOf<Result>(steps: Iterator<unknown, Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}
