import type { Catalogue } from '../catalogue.ts'
import { eventKinds, kindWeights, type Attributes, type History } from '../history.ts'
import { windowHours } from './hour-windows.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/**
 * What is known of a user, as of the latest event, in plain values: the very thing that is cached,
 * and that a vector is made from. What depends on the time of asking is worked out from it when it
 * is read, so a cached value and a fresh one give the same bits.
 */
export interface UserFeatures {
  /** Of the definition: values of another version are passed over. */
  readonly version: typeof featuresVersion
  /** Of the history they were made from. */
  readonly revision: number
  /** Events looked at. */
  readonly events: number
  /** Ms since the Unix epoch; 0 where there is none. */
  readonly firstMs: number
  readonly lastMs: number
  /** Events by kind, in the order of `eventKinds`. */
  readonly kinds: readonly number[]
  /** Decayed counts as of `lastMs`. */
  readonly activity: { readonly day: number; readonly fortnight: number }
  /** Events of the hours up to that of `lastMs`, the latest first. */
  readonly hours: readonly number[]
  /** The events since the last pause of half an hour. */
  readonly session: { readonly events: number; readonly startMs: number }
  /** Mean and deviation of log(1 + price) of what the user dealt with; `weight` 0: unknown. */
  readonly price: { readonly mean: number; readonly deviation: number; readonly weight: number }
  /** Share of the user's interest by category, greatest first. */
  readonly categories: readonly (readonly [category: string, share: number])[]
  /** The latest items, the latest first. */
  readonly recent: readonly RecentItem[]
  readonly attributes: Attributes
}

/** One of a user's latest items. */
export interface RecentItem {
  readonly itemId: string
  readonly times: number
  readonly lastMs: number
}

/** Goes up with every change of the definition. */
export const featuresVersion = 1

/** A pause after which a new session begins. */
export const sessionGapMs: number = 30 * 60_000

const eventsMax = 200
const categoriesMax = 16
const recentMax = 32
const interestHalfLifeMs = 30 * dayMs

/** What is assumed of somebody nobody has met. */
export const coldUser: UserFeatures = Object.freeze({
  version: featuresVersion,
  revision: 0,
  events: 0,
  firstMs: 0,
  lastMs: 0,
  kinds: eventKinds.map(() => 0),
  activity: { day: 0, fortnight: 0 },
  hours: Array.from({ length: windowHours }, () => 0),
  session: { events: 0, startMs: 0 },
  price: { mean: 0, deviation: 0, weight: 0 },
  categories: [],
  recent: [],
  attributes: {},
})

/**
 * The features of a user, from the latest 200 events of the history. The one definition: requests,
 * warm-up and replays all come through here. O(events).
 */
export function userFeaturesOf(history: History, catalogue: Catalogue): UserFeatures {
  const { items, timesMs, kinds, revision = 0, attributes = {} } = history
  const end = items.length
  if (end === 0) return { ...coldUser, revision, attributes }
  const first = Math.max(0, end - eventsMax)
  const lastMs = timesMs[end - 1] as number
  const lastHour = Math.floor(lastMs / hourMs)
  const counts = eventKinds.map(() => 0)
  const hours = Array.from({ length: windowHours }, () => 0)
  const activity = { day: 0, fortnight: 0 }
  for (let at = first; at < end; at++) {
    const kind = kinds[at] as number
    counts[kind] = (counts[kind] ?? 0) + 1
    const timeMs = timesMs[at] as number
    const back = lastHour - Math.floor(timeMs / hourMs)
    if (back < windowHours) hours[back] = (hours[back] ?? 0) + 1
    activity.day += 2 ** ((timeMs - lastMs) / dayMs)
    activity.fortnight += 2 ** ((timeMs - lastMs) / (14 * dayMs))
  }
  return {
    version: featuresVersion,
    revision,
    events: end - first,
    firstMs: timesMs[first] as number,
    lastMs,
    kinds: counts,
    activity,
    hours,
    session: sessionOf(timesMs, first),
    ...interestsOf(history, first, catalogue),
    recent: recentOf(history, first, catalogue),
    attributes,
  }
}

function sessionOf(timesMs: readonly number[], first: number): UserFeatures['session'] {
  let at = timesMs.length - 1
  while (at > first && (timesMs[at] as number) - (timesMs[at - 1] as number) <= sessionGapMs) at--
  return { events: timesMs.length - at, startMs: timesMs[at] as number }
}

/** Price and categories, each event as strong as its kind and younger ones stronger. */
function interestsOf(
  { items, timesMs, kinds }: History,
  first: number,
  catalogue: Catalogue,
): Pick<UserFeatures, 'price' | 'categories'> {
  const lastMs = timesMs[timesMs.length - 1] as number
  const shares = new Map<string, number>()
  let inAll = 0
  let weight = 0
  let sum = 0
  let squares = 0
  for (let at = first; at < items.length; at++) {
    const item = catalogue.at(items[at] as number)
    if (!item) continue
    const kind = eventKinds[kinds[at] as number] ?? 'other'
    const strength =
      kindWeights[kind] * 2 ** (((timesMs[at] as number) - lastMs) / interestHalfLifeMs)
    for (const category of item.categories) {
      shares.set(category, (shares.get(category) ?? 0) + strength)
      inAll += strength
    }
    if (item.price === undefined) continue
    const price = Math.log1p(item.price)
    weight += strength
    sum += strength * price
    squares += strength * price * price
  }
  const mean = weight > 0 ? sum / weight : 0
  const variance = weight > 0 ? squares / weight - mean * mean : 0
  const categories = [...shares]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, categoriesMax)
    .map(([category, share]) => [category, share / inAll] as const)
  return { price: { mean, deviation: Math.sqrt(Math.max(0, variance)), weight }, categories }
}

function recentOf(
  { items, timesMs }: History,
  first: number,
  catalogue: Catalogue,
): readonly RecentItem[] {
  const recent = new Map<number, { times: number; lastMs: number }>()
  for (let at = items.length - 1; at >= first; at--) {
    const item = items[at] as number
    const known = recent.get(item)
    if (known) known.times++
    else if (recent.size < recentMax) recent.set(item, { times: 1, lastMs: timesMs[at] as number })
  }
  return [...recent].map(([item, seen]) => ({ itemId: catalogue.at(item)?.itemId ?? '', ...seen }))
}
