import type { Blend } from '../recall/blend.ts'
import { ContentIndex, type ContentState } from '../recall/content.ts'
import { Covisitation, covisitationDefaults } from '../recall/covisitation.ts'
import { trainEase } from '../recall/ease.ts'
import { emptyHistory, type History } from '../history.ts'
import { factorDefaults, trainFactors } from '../recall/factors.ts'
import { followDefaults, trainFollow } from '../recall/follow.ts'
import { headItems, itemSets, type Interactions, type ItemSets } from '../recall/interactions.ts'
import type { Knowledge, Models } from '../recall/knowledge.ts'
import { Latest, type LatestState } from '../recall/latest.ts'
import { nextItemDefaults, trainNextItem } from '../recall/next-item.ts'
import { Popularity } from '../recall/popularity.ts'
import { selectBlends, type Trial } from './selection.ts'
import { cut, type Task } from './task.ts'
import { chooseForStrangers } from './strangers.ts'
import { candidateVoices, usualBlend } from './voices.ts'
import { nearDefaults, trainNear, trainWalk, walkDefaults } from '../recall/walk.ts'

/** How to train. */
export interface TrainingOptions {
  readonly task: Task
  /** False where only the order of events is known. */
  readonly timed: boolean
  readonly headItemsMax: number
  /** Users the blend is chosen on. */
  readonly trialsMax: number
}

/** Shipped options. */
export const trainingDefaults: TrainingOptions = {
  task: { kind: 'last', count: 1 },
  timed: true,
  headItemsMax: 4000,
  trialsMax: 1500,
}

/** Trained models and the mixtures chosen for them. */
export interface Trained {
  readonly models: Models
  readonly blend: Blend
  readonly blendWithRepeats: Blend
  /** For those of whom nothing is known that any of the models could follow up. */
  readonly blendForStrangers: Blend
  /** Share of a user's events, the first left out, that repeat an earlier one. */
  readonly repeatShare: number
  /** False where it is known that people do not come back for the same thing. */
  readonly repeats: boolean
  readonly trials: number
  readonly scores: { readonly blend: number; readonly blendWithRepeats: number }
}

/** Events of one user that models learn from; older ones of very active users are left out. */
const rowMax = 1000
/** Held-out items looked for in all: the bound on the time of choosing. */
const wantedMax = 12_000
/** Below this there is nothing to choose by. */
const trialsMin = 20

/**
 * Events the models of the choice learn from at most: which voices are heard, and how loud, shows on
 * a part of the users as on all of them, and the time of choosing is bounded.
 */
const learntFromMax = 400_000

/** What a validation cut decided. */
export type Choice = Omit<Trained, 'models'>

/** Chooses the mixtures on a cut of the events; apart from `trainModels`, so that both may run at once. */
export function choose(
  interactions: Interactions,
  options: TrainingOptions,
  said: Said = {},
): Choice {
  const { train: rest, held, nowMs } = cut(interactions, options.task)
  const trials = pickTrials(rest, held, nowMs, options)
  const repeated = repeatsOf(interactions)
  const content = said.content && new ContentIndex(said.content)
  const latest = said.latest && new Latest(said.latest)
  const about = {
    timed: options.timed,
    content: (content?.items ?? 0) > 0,
    latest: (latest?.size ?? 0) > 0,
  }
  const voices = candidateVoices({ ...about, repeats: repeated.repeats })
  const usual = { fresh: usualBlend(voices, true), whole: usualBlend(voices, false) }
  const knowledge =
    trials.length < trialsMin
      ? undefined
      : {
          ...knowledgeOf(rest, trainModels(sampled(rest, learntFromMax), options)),
          ...(content ? { content } : {}),
          ...(latest ? { latest } : {}),
        }
  const unchosen = { blend: [], score: 0 }
  const { fresh, whole } = knowledge
    ? selectBlends({ voices, usual, trials, knowledge, repeats: repeated.repeats })
    : { fresh: unchosen, whole: unchosen }
  return {
    blend: fresh.blend.length > 0 ? fresh.blend : usual.fresh,
    blendWithRepeats: whole.blend.length > 0 ? whole.blend : usual.whole,
    blendForStrangers: chooseForStrangers(interactions, { ...options, trialsMin }, latest),
    ...repeated,
    trials: trials.length,
    scores: { blend: fresh.score, blendWithRepeats: whole.score },
  }
}

/** Every user, or evenly spread ones with about `most` events together. Deterministic. */
export function sampled(interactions: Interactions, most: number): Interactions {
  const { start, items, timesMs, itemCount } = interactions
  const users = start.length - 1
  const share = most / items.length
  if (share >= 1) return interactions
  const taken: number[] = []
  for (let user = 0; user < users; user++)
    if (Math.floor((user + 1) * share) > Math.floor(user * share)) taken.push(user)
  const length = taken.reduce(
    (sum, user) => sum + (start[user + 1] as number) - (start[user] as number),
    0,
  )
  const out = {
    itemCount,
    start: new Uint32Array(taken.length + 1),
    items: new Uint32Array(length),
    timesMs: new Float64Array(length),
  }
  let at = 0
  taken.forEach((user, row) => {
    const [from, to] = [start[user], start[user + 1]]
    out.items.set(items.subarray(from, to), at)
    out.timesMs.set(timesMs.subarray(from, to), at)
    out.start[row + 1] = at += (to as number) - (from as number)
  })
  return out
}

/** What is known of items beside the events. */
export interface Said {
  readonly content?: ContentState
  readonly latest?: LatestState
}

/** Where fewer repeats than this are seen, people do not come back for the same thing. */
const repeatShareMin = 0.01

/** All batch models of `interactions`. */
export function trainModels(interactions: Interactions, options: TrainingOptions): Models {
  const makers = modelMakers(interactions, options)
  if (!makers) return {}
  const { ease, next, follow, walk, near, factors } = makers
  return {
    ease: ease(),
    next: next(),
    follow: follow(),
    walk: walk(),
    near: near(),
    factors: factors(),
  }
}

/** What makes each batch model; undefined where there is nothing to learn from. */
export function modelMakers(
  interactions: Interactions,
  options: TrainingOptions,
): ModelMakers | undefined {
  const sets = itemSets(interactions, rowMax)
  const head = headItems(sets, Math.min(options.headItemsMax, headFor(sets.items.length)))
  if (head.length === 0) return undefined
  return {
    ease: () => trainEase(sets, head, easeLambdaFor(sets, head)),
    next: () => trainNextItem(interactions, head, nextItemDefaults),
    follow: () => trainFollow(interactions, followDefaults),
    walk: () => trainWalk(sets, walkDefaults),
    near: () => trainNear(sets, nearDefaults),
    factors: () => trainFactors(sets, factorDefaults),
  }
}

/** One maker a model. */
export type ModelMakers = {
  readonly [Name in keyof Models]-?: () => NonNullable<Models[Name]>
}

/**
 * The ridge of EASE: grows with the users an item of the head has on average, but slower. Gives what
 * is usual where something is usual (about 400 on MovieLens 100K, 1000 on MovieLens 1M) and does not
 * drown what little is known of a sparse catalogue.
 */
export function easeLambdaFor(sets: ItemSets, head: Uint32Array): number {
  const users = new Uint32Array(sets.itemCount)
  for (const item of sets.items) users[item] = (users[item] as number) + 1
  const mean = head.reduce((sum, item) => sum + (users[item] as number), 0) / head.length
  return 35 * mean ** 0.6
}

/** Items the dense models always have room for. */
const headMin = 1000
/** Items in the dense models at 100,000 interactions. */
const headAtTenFive = 2000

/**
 * Items the dense models are worth having for: their cost grows with the cube of the head, so the
 * head grows with the cube root of what there is to learn from, and the time with what is learnt.
 */
export function headFor(interactions: number): number {
  return Math.max(headMin, Math.round(headAtTenFive * Math.cbrt(interactions / 1e5)))
}

/** The live tables as they stand after `interactions`, with `models` beside them. */
export function knowledgeOf(interactions: Interactions, models: Models): Knowledge {
  const popularity = new Popularity()
  const covisitation = new Covisitation(covisitationDefaults)
  for (let user = 0; user + 1 < interactions.start.length; user++) {
    const history = historyOf(interactions, user)
    history.items.forEach((item, at) => {
      popularity.observe(item, history.timesMs[at] as number, 1)
      // As events come one by one: each finds only those before it.
      covisitation.observe(history, at, at + 1)
    })
  }
  return { itemCount: interactions.itemCount, popularity, covisitation, models }
}

/** One user's events as a history; all count as purchases. */
export function historyOf(interactions: Interactions, user: number): History {
  const from = interactions.start[user] as number
  const to = interactions.start[user + 1] as number
  if (from === to) return emptyHistory
  return {
    items: Array.from(interactions.items.subarray(from, to)),
    timesMs: Array.from(interactions.timesMs.subarray(from, to)),
    kinds: Array.from({ length: to - from }, () => purchaseKind),
  }
}

const purchaseKind = 3

function pickTrials(
  rest: Interactions,
  held: readonly (readonly number[])[],
  nowMs: number,
  options: TrainingOptions,
): Trial[] {
  const able: number[] = []
  held.forEach((wanted, user) => {
    const known = (rest.start[user + 1] as number) > (rest.start[user] as number)
    if (wanted.length > 0 && known) able.push(user)
  })
  const wantedInAll = able.reduce((sum, user) => sum + (held[user]?.length ?? 0), 0)
  const step = Math.max(1, able.length / options.trialsMax, wantedInAll / wantedMax)
  const trials: Trial[] = []
  for (let at = 0; at < able.length; at += step) {
    const user = able[Math.floor(at)] as number
    trials.push({
      asker: { history: historyOf(rest, user), nowMs },
      wanted: held[user] as readonly number[],
    })
  }
  return trials
}

/** How many of the events that could repeat an earlier one do; little evidence settles nothing. */
function repeatsOf(interactions: Interactions): {
  readonly repeatShare: number
  readonly repeats: boolean
} {
  const { start, items } = interactions
  let events = 0
  let repeated = 0
  for (let user = 0; user + 1 < start.length; user++) {
    const had = new Set<number>()
    for (let at = start[user] as number; at < (start[user + 1] as number); at++) {
      const item = items[at] as number
      if (had.size > 0) events++
      if (had.has(item)) repeated++
      had.add(item)
    }
  }
  const repeats = (repeated + repeatPrior * repeatPriorEvents) / (events + repeatPriorEvents)
  return { repeatShare: events === 0 ? 0 : repeated / events, repeats: repeats >= repeatShareMin }
}

/** What is taken for granted of repeats before anything was seen: as much as so many events. */
const repeatPriorEvents = 20
const repeatPrior = 0.05
