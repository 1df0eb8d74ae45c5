import { topOf, type Blend } from '../recall/blend.ts'
import { speak, type Asker, type Knowledge, type Voice } from '../recall/knowledge.ts'
import { listFigures } from '../metrics.ts'
import { BoardPool, type Scores } from '../recall/scores.ts'

/** One user whose held-out items are to be found. */
export interface Trial {
  readonly asker: Asker
  readonly wanted: readonly number[]
}

/** A trial as numbers: what each voice says of each candidate. */
interface Sheet {
  /** Voice-major: voice v of candidate c is at v * candidates + c. */
  readonly values: Float32Array
  readonly candidates: number
  /** Columns of the wanted items; -1 for those no voice named. */
  readonly wanted: readonly number[]
}

/** Candidates each voice brings to a sheet. */
const perVoiceMax = 60
/** Voices in a blend: each one costs time in every request. */
const partsMax = 6
/** Loudnesses tried for a voice, against those already in. */
const weightsTried = [-0.5, -0.25, 0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4]
/** A step must gain this share, or the blend stays simpler. */
const gainMin = 0.002

/** A blend and the figures it reached on the trials. */
export interface Selected {
  readonly blend: Blend
  readonly score: number
}

/** What may be chosen among, and on what. */
export interface SelectionInput {
  readonly voices: readonly Voice[]
  /** The usual mixtures, of the very voices in `voices`: where a choice on few trials starts. */
  readonly usual: { readonly fresh: Blend; readonly whole: Blend }
  readonly trials: readonly Trial[]
  readonly knowledge: Knowledge
  /** Lists that may repeat what the user had are wanted too. */
  readonly repeats: boolean
}

/**
 * Chooses voices and their loudness: starts from the best single voice and adds or changes one at
 * a time while that helps (greedy coordinate ascent on NDCG@10 plus recall@20, full ranking). Where
 * there are few trials it starts from the usual mixture, and a change must be clear of chance.
 * `fresh`: lists leave out what the user had; `whole`: they may repeat it. O(trials x voices).
 */
export function selectBlends(input: SelectionInput): {
  readonly fresh: Selected
  readonly whole: Selected
} {
  const { voices, repeats, usual } = input
  const sheets = makeSheets(voices, input.trials, input.knowledge, repeats)
  const unmet = voices.map(({ channel }) => channel !== 'again')
  const fresh = selectOn(voices, sheets.fresh, { allowed: unmet, usual: usual.fresh })
  if (!repeats) return { fresh, whole: fresh }
  const all = voices.map(() => true)
  return { fresh, whole: selectOn(voices, sheets.whole, { allowed: all, usual: usual.whole }) }
}

/** Fewer trials than this do not tell voices apart by themselves. */
const trialsEnough = 300
/** Standard errors a change must gain where there are fewer. */
const surenessMin = 1.5

function selectOn(
  voices: readonly Voice[],
  sheets: readonly Sheet[],
  from: { readonly allowed: readonly boolean[]; readonly usual: Blend },
): Selected {
  const weights = new Float64Array(voices.length)
  const open = [...voices.keys()].filter((at) => from.allowed[at])
  const some = everyNth(sheets, Math.ceil(sheets.length / screenedMax))
  const sure = sheets.length >= trialsEnough ? 0 : surenessMin
  if (sure > 0)
    voices.forEach((voice, at) => {
      weights[at] = from.usual.find((part) => part.voice === voice)?.weight ?? 0
    })
  let figure = figuresOf(weights, sheets)
  let score = meanOf(figure)
  for (let step = 0; step < stepsMax; step++) {
    const best = bestChange(weights, open, { sheets, some }, score)
    if (best === undefined || best.score < score * (1 + gainMin) + 1e-9) break
    const before = weights[best.voice] as number
    weights[best.voice] = best.weight
    const reached = figuresOf(weights, sheets)
    if (sure > 0 && surenessOf(figure, reached) < sure) {
      weights[best.voice] = before
      break
    }
    figure = reached
    score = best.score
  }
  keepBeginners(weights, voices, sheets, score)
  const blend = voices
    .map((voice, at) => ({ voice, weight: weights[at] as number }))
    .filter(({ weight }) => weight !== 0)
  return { blend, score }
}

/** Trials every change is tried on; the best of them are tried on all. */
const screenedMax = 300
/** Changes that are tried on all trials in a step. */
const shortlistMax = 8

function everyNth(sheets: readonly Sheet[], step: number): readonly Sheet[] {
  return step <= 1 ? sheets : sheets.filter((_, at) => at % step === 0)
}

const stepsMax = 16

/** What is new has nobody who could have chosen it yet, so held-out events cannot speak for it. */
const beginners: ReadonlySet<string> = new Set(['content', 'latest'])
/** Share of the figure that being open to what is new may cost. */
const beginnersCostMax = 0.01

/** Lets the voices that know new items be heard, as loud as costs little. */
function keepBeginners(
  weights: Float64Array,
  voices: readonly Voice[],
  sheets: readonly Sheet[],
  score: number,
): void {
  voices.forEach(({ channel }, voice) => {
    if (!beginners.has(channel) || (weights[voice] as number) > 0) return
    const tried = [0.5, 0.25, 0.1]
    const reached = figures(weights, voice, tried, sheets)
    const at = reached.findIndex((figure) => figure >= score * (1 - beginnersCostMax))
    weights[voice] = tried[at] ?? 0
  })
}

interface Change {
  readonly voice: number
  readonly weight: number
  readonly score: number
}

/** The change that gains most on all trials, among those that gain most on some of them. */
function bestChange(
  weights: Float64Array,
  open: readonly number[],
  { sheets, some }: { readonly sheets: readonly Sheet[]; readonly some: readonly Sheet[] },
  score: number,
): Change | undefined {
  const changes: Change[] = []
  const parts = weights.reduce((count, weight) => count + (weight === 0 ? 0 : 1), 0)
  for (const voice of open) {
    const before = weights[voice] as number
    if (before === 0 && parts >= partsMax) continue
    // A voice may only be held against what others put forward.
    const least = parts < 2 ? 0 : -1
    const tried = (parts === 0 ? [1] : weightsTried).filter(
      (weight) => weight !== before && weight >= least,
    )
    figures(weights, voice, tried, some).forEach((figure, at) => {
      changes.push({ voice, weight: tried[at] as number, score: figure })
    })
  }
  // Among equals the earlier: sorting keeps their order.
  changes.sort((one, other) => other.score - one.score)
  let best: Change | undefined
  for (const { voice, weight } of changes.slice(0, shortlistMax)) {
    const reached = figures(weights, voice, [weight], sheets)[0] as number
    if (reached > score && (!best || reached > best.score)) best = { voice, weight, score: reached }
  }
  return best
}

/** NDCG@10 and recall@20 of each sheet. */
function figuresOf(weights: Float64Array, sheets: readonly Sheet[]): Float64Array {
  return Float64Array.from(sheets, (sheet) => {
    blended.set(blendedWithout(weights, -1, sheet).subarray(0, sheet.candidates))
    return figureOf(sheet)
  })
}

function meanOf(values: Float64Array): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Standard errors between the mean of `after` and that of `before`, paired. */
function surenessOf(before: Float64Array, after: Float64Array): number {
  const gains = after.map((value, at) => value - (before[at] as number))
  const mean = meanOf(gains)
  const squares = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0)
  return squares === 0 ? 0 : (mean * gains.length) / Math.sqrt(squares)
}

/** Mean of NDCG@10 and recall@20 over all sheets, for each loudness of `voice` in `tried`. */
function figures(
  weights: Float64Array,
  voice: number,
  tried: readonly number[],
  sheets: readonly Sheet[],
): number[] {
  const sums = tried.map(() => 0)
  for (const sheet of sheets) {
    const { candidates, values } = sheet
    const base = blendedWithout(weights, voice, sheet)
    const offset = voice * candidates
    tried.forEach((weight, at) => {
      for (let k = 0; k < candidates; k++)
        blended[k] = (base[k] as number) + weight * (values[offset + k] as number)
      sums[at] = (sums[at] as number) + figureOf(sheet)
    })
  }
  return sums.map((sum) => (sheets.length === 0 ? 0 : sum / sheets.length))
}

let blended = new Float64Array(4096)
let base = new Float64Array(4096)

/** Sum of all voices but one, in a buffer that the next call uses again. */
function blendedWithout(weights: Float64Array, without: number, sheet: Sheet): Float64Array {
  const { candidates, values } = sheet
  if (blended.length < candidates) {
    blended = new Float64Array(candidates * 2)
    base = new Float64Array(candidates * 2)
  }
  base.fill(0, 0, candidates)
  for (let voice = 0; voice < weights.length; voice++) {
    const weight = weights[voice] as number
    if (weight === 0 || voice === without) continue
    const offset = voice * candidates
    for (let at = 0; at < candidates; at++)
      base[at] = (base[at] as number) + weight * (values[offset + at] as number)
  }
  return base
}

/**
 * Figure of what `blended` holds. Only the places that count are worked out: what is below the
 * 20th value has no rank worth knowing. O(candidates x (1 + wanted items among the best)).
 */
function figureOf({ candidates, wanted }: Sheet): number {
  const bar = barOf(candidates)
  const ranks = wanted.map((column) => {
    // No voice named it, so no blend of them can be credited with finding it.
    if (column < 0) return Infinity
    const own = blended[column] as number
    if (own < bar) return Infinity
    let rank = -0.5
    for (let at = 0; at < candidates; at++) {
      const value = blended[at] as number
      // Equals share their places, or a blend that says nothing would win.
      if (value > own) rank++
      else if (value === own) rank += 0.5
    }
    return rank
  })
  return (listFigures(ranks, 10).ndcg + listFigures(ranks, placesMax).recall) / 2
}

/** Places that enter the figure. */
const placesMax = 20
const best20 = new Float64Array(placesMax)

/** The 20th greatest value of `blended`; -Infinity where there are fewer. */
function barOf(candidates: number): number {
  best20.fill(-Infinity)
  let bar = -Infinity
  for (let at = 0; at < candidates; at++) {
    const value = blended[at] as number
    if (value <= bar) continue
    let place = placesMax - 1
    while (place > 0 && (best20[place - 1] as number) < value) {
      best20[place] = best20[place - 1] as number
      place--
    }
    best20[place] = value
    bar = best20[placesMax - 1] as number
  }
  return bar
}

/** The trials as numbers, for lists that leave out what the user had and for those that may not. */
interface Sheets {
  readonly fresh: readonly Sheet[]
  readonly whole: readonly Sheet[]
}

/** Asks every voice once a trial. O(trials x voices). */
function makeSheets(
  voices: readonly Voice[],
  trials: readonly Trial[],
  knowledge: Knowledge,
  repeats: boolean,
): Sheets {
  const pool = new BoardPool()
  const { itemCount } = knowledge
  const maker = new SheetMaker(itemCount)
  const fresh: Sheet[] = []
  const whole: Sheet[] = []
  for (const { asker, wanted } of trials) {
    const had = new Set(asker.history.items)
    const unmet = wanted.filter((item) => !had.has(item))
    const answers = voices.map((voice): Answer => {
      const board = pool.take(itemCount)
      speak(voice, knowledge, asker, board)
      // Ranked once: what the user had is left out of the lists that want it so.
      const most = repeats ? perVoiceMax + had.size : perVoiceMax
      const allowed = repeats ? () => true : (item: number): boolean => !had.has(item)
      const best = topOf(board, most, allowed).map(({ item }) => item)
      return { board, deviation: board.deviation(itemCount), best }
    })
    if (unmet.length > 0) fresh.push(maker.sheetOf(answers, unmet, (item) => !had.has(item)))
    if (repeats && wanted.length > 0) whole.push(maker.sheetOf(answers, wanted, () => true))
    for (const { board } of answers) pool.give(board)
  }
  return { fresh, whole }
}

/** What a voice says in a trial. */
interface Answer {
  readonly board: Scores
  readonly deviation: number
  /** Items, best first: enough of them for `perVoiceMax` that the user never had. */
  readonly best: readonly number[]
}

/** Makes sheets in room of its own. */
class SheetMaker {
  /** Column of each item of the sheet in the making, plus one; 0: none. */
  readonly #columnOf: Uint32Array

  constructor(items: number) {
    this.#columnOf = new Uint32Array(items)
  }

  sheetOf(
    answers: readonly Answer[],
    wanted: readonly number[],
    allowed: (item: number) => boolean,
  ): Sheet {
    const columnOf = this.#columnOf
    const items: number[] = []
    for (const { best } of answers) {
      let taken = 0
      for (const item of best) {
        if (taken === perVoiceMax) break
        if (!allowed(item)) continue
        taken++
        if (columnOf[item] === 0) columnOf[item] = items.push(item)
      }
    }
    const values = new Float32Array(answers.length * items.length)
    answers.forEach(({ board, deviation }, voice) => {
      if (deviation === 0) return
      const row = voice * items.length
      for (let column = 0; column < items.length; column++)
        values[row + column] = (board.values[items[column] as number] as number) / deviation
    })
    const columns = wanted.map((item) => (columnOf[item] ?? 0) - 1)
    for (const item of items) columnOf[item] = 0
    return { values, candidates: items.length, wanted: columns }
  }
}
