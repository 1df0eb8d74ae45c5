import type { Catalogue } from '../catalogue.ts'
import { eventKinds, type Attributes } from '../history.ts'
import type { Covisitation } from '../recall/covisitation.ts'
import type { Neighbours } from '../recall/neighbours.ts'
import type { CountersAsOf, ItemCounters } from './item-counters.ts'
import type { ItemFacts } from './item-facts.ts'
import { tokenNames, tokenOf } from './token.ts'
import { sessionGapMs, type UserFeatures } from './user-features.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The numbers of a vector, in order: of the user, of the moment, of the item, of both together. */
export const featureNames = [
  'user.events',
  'user.activity_day',
  'user.activity_fortnight',
  'user.hour',
  'user.day',
  'user.recency',
  'user.cart_share',
  'user.purchase_share',
  'user.session_events',
  'user.in_session',
  'user.price_mean',
  'user.price_deviation',
  'context.hour_sin',
  'context.hour_cos',
  'context.week_sin',
  'context.week_cos',
  'item.views_day',
  'item.views_fortnight',
  'item.purchases_day',
  'item.purchases_fortnight',
  'item.impressions_fortnight',
  'item.view_rate',
  'item.cart_rate',
  'item.purchase_rate',
  'item.hour',
  'item.day',
  'item.trend',
  'item.age',
  'item.price',
  'both.times',
  'both.recency',
  'both.category',
  'both.price_gap',
  'both.follows',
] as const

/** Numbers that belong to the user and the moment: the same in all rows of one request. */
const sharedNumbers = 16

/** What vectors are made from. */
export interface FeatureSource {
  readonly catalogue: Catalogue
  readonly counters: ItemCounters
  readonly covisitation: Covisitation
  readonly facts: ItemFacts
}

/** Who asks, when and where. */
export interface FeatureQuestion {
  readonly userId: string
  readonly user: UserFeatures
  readonly nowMs: number
  /** The `context` of the request. */
  readonly context?: Attributes
}

/** The vectors of several items side by side, row after row. */
export interface FeatureRows {
  readonly rows: number
  /** rows x `featureNames.length`. */
  readonly numbers: Float32Array
  /** rows x `tokenNames.length`. */
  readonly tokens: Uint32Array
}

/**
 * The feature vectors of `items` (numbers of the catalogue) for one question. Depends on nothing
 * but its arguments: the same state, question and time give the same bits, online, in warm-up and
 * in a replay. O(items), about a microsecond each.
 */
export function featuresOf(
  question: FeatureQuestion,
  items: ArrayLike<number>,
  source: FeatureSource,
): FeatureRows {
  const rows = items.length
  const numbers = new Float32Array(rows * featureNames.length)
  const tokens = new Uint32Array(rows * tokenNames.length)
  if (rows === 0) return { rows, numbers, tokens }
  const shared = sharedNumbersOf(question)
  const view = viewOf(question, source)
  const { facts, counters } = source
  // An item met for the first time may bring a category of the user's along.
  for (let row = 0; row < rows; row++) facts.has(items[row] as number)
  facts.hear(question.user.categories)
  for (let row = 0, at = 0; row < rows; row++) {
    const number = items[row] as number
    const known = facts.has(number)
    for (let k = 0; k < sharedNumbers; k++) numbers[at++] = shared[k] as number
    at = counters.write(number, view.asOf, numbers, at)
    const publishedMs = known ? facts.publishedMs(number) : NaN
    numbers[at++] =
      publishedMs === publishedMs
        ? Math.log1p(Math.max(0, view.nowMs - publishedMs) / dayMs)
        : ageUnknown
    const logPrice = known ? facts.logPrice(number) : NaN
    const priced = logPrice === logPrice
    numbers[at++] = priced ? logPrice : 0
    const had = view.recent.get(number)
    numbers[at++] = had ? Math.log1p(had.times) : 0
    numbers[at++] = had ? 2 ** (-Math.max(0, view.nowMs - had.lastMs) / dayMs) : 0
    numbers[at++] = known ? facts.interestIn(number) : 0
    numbers[at++] = priced && view.priceKnown ? Math.abs(logPrice - view.priceMean) : 0
    const follows = view.follows?.get(number) ?? 0
    numbers[at++] = follows > 0 ? Math.log1p(follows * view.followsUnit) : 0
    let token = row * tokenNames.length
    tokens[token++] = view.tokens.user
    tokens[token++] = known ? facts.itemToken(number) : 0
    tokens[token++] = known ? facts.categoryToken(number) : 0
    tokens[token++] = view.tokens.lastItem
    tokens[token++] = view.tokens.hour
    tokens[token++] = view.tokens.segment
    tokens[token++] = view.tokens.place
  }
  return { rows, numbers, tokens }
}

/** The numbers of the user and the moment, by name: what a person can look at. */
export function userNumbersOf(question: FeatureQuestion): Record<string, number> {
  return Object.fromEntries(
    Array.from(sharedNumbersOf(question), (value, at) => [featureNames[at] ?? '', value]),
  )
}

/** What the rows of one question have in common, worked out once. */
interface View {
  readonly nowMs: number
  readonly recent: ReadonlyMap<number, { readonly times: number; readonly lastMs: number }>
  readonly priceKnown: boolean
  readonly priceMean: number
  readonly follows: Neighbours | undefined
  readonly followsUnit: number
  readonly asOf: CountersAsOf
  readonly tokens: {
    readonly user: number
    readonly lastItem: number
    readonly hour: number
    readonly segment: number
    readonly place: number
  }
}

function viewOf(question: FeatureQuestion, source: FeatureSource): View {
  const { user, nowMs, context } = question
  const [latest] = user.recent
  const last = latest && source.catalogue.numberOf(latest.itemId)
  return {
    nowMs,
    recent: new Map(
      user.recent.map((each) => [source.catalogue.numberOf(each.itemId) ?? -1, each]),
    ),
    priceKnown: user.price.weight !== 0,
    priceMean: user.price.mean,
    follows: last === undefined ? undefined : source.covisitation.row(last),
    followsUnit: source.covisitation.unit,
    asOf: source.counters.asOf(nowMs),
    tokens: {
      user: tokenOf('user', question.userId),
      lastItem: tokenOf('last_item', latest?.itemId),
      hour: tokenOf('hour', String(Math.floor(nowMs / hourMs) % 24)),
      segment: tokenOf('segment', user.attributes['segment']),
      place: tokenOf('place', context?.['place'] ?? context?.['page']),
    },
  }
}

function sharedNumbersOf({ user, nowMs }: FeatureQuestion): Float32Array {
  const { kinds, session, price, activity } = user
  const ageMs = Math.max(0, nowMs - user.lastMs)
  const known = user.events > 0
  const share = (kind: (typeof eventKinds)[number]): number =>
    known ? (kinds[eventKinds.indexOf(kind)] ?? 0) / user.events : 0
  const inSession = known && ageMs <= sessionGapMs
  const day = (2 * Math.PI * (nowMs % dayMs)) / dayMs
  const week = (2 * Math.PI * (nowMs % (7 * dayMs))) / (7 * dayMs)
  return Float32Array.of(
    Math.log1p(user.events),
    Math.log1p(activity.day * 2 ** (-ageMs / dayMs)),
    Math.log1p(activity.fortnight * 2 ** (-ageMs / (14 * dayMs))),
    Math.log1p(withinHours(user, 1, nowMs)),
    Math.log1p(withinHours(user, 24, nowMs)),
    known ? Math.log1p(ageMs / hourMs) : strangerRecency,
    share('cart'),
    share('purchase'),
    inSession ? Math.log1p(session.events) : 0,
    inSession ? 1 : 0,
    price.mean,
    price.deviation,
    Math.sin(day),
    Math.cos(day),
    Math.sin(week),
    Math.cos(week),
  )
}

/** As if a stranger had last come a year ago. */
const strangerRecency = Math.log1p(365 * 24)

/** The user's events of the last `hours` hours, the running one included. */
function withinHours(user: UserFeatures, hours: number, nowMs: number): number {
  const back = Math.floor(nowMs / hourMs) - Math.floor(user.lastMs / hourMs)
  let sum = 0
  for (let at = 0; at + Math.max(0, back) < hours; at++) sum += user.hours[at] ?? 0
  return sum
}

/** As if an item without a date were published a year ago. */
const ageUnknown = Math.log1p(365)
