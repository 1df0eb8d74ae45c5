import type { ContentIndex } from './content.ts'
import type { Covisitation } from './covisitation.ts'
import { scoreFactors, type FactorModel } from './factors.ts'
import type { Latest } from './latest.ts'
import type { History } from '../history.ts'
import { scoreLinear, type LinearModel } from './linear-model.ts'
import type { Popularity, PopularitySpan } from './popularity.ts'
import { weigh, type Profile } from './profile.ts'
import type { Scores } from './scores.ts'

/** Models that are trained in batches and swapped whole. Absent until the first training. */
export interface Models {
  readonly ease?: LinearModel
  readonly next?: LinearModel
  readonly follow?: LinearModel
  readonly walk?: LinearModel
  readonly near?: LinearModel
  readonly factors?: FactorModel
}

/** All the engine knows about items: live tables that follow each event, and trained models. */
export interface Knowledge {
  readonly itemCount: number
  readonly popularity: Popularity
  readonly covisitation: Covisitation
  /** What is said of items; absent where only events are known. */
  readonly content?: ContentIndex
  readonly latest?: Latest
  readonly models: Models
}

/** Where candidates come from. */
export const channelNames = [
  'ease',
  'next',
  'follow',
  'walk',
  'near',
  'factors',
  'covisitation',
  'session',
  'popular',
  'trending',
  'again',
  'content',
  'latest',
] as const

/** Name of a channel. */
export type ChannelName = (typeof channelNames)[number]

/** Channels that lead from items a user had to others. */
export type LinkedChannel =
  | 'ease'
  | 'next'
  | 'follow'
  | 'walk'
  | 'near'
  | 'factors'
  | 'covisitation'
  | 'session'
  | 'content'

/** One way of asking a channel: what validation chooses among. */
export type Voice =
  | { readonly channel: LinkedChannel; readonly profile: Profile }
  | { readonly channel: 'again'; readonly profile: Profile }
  | { readonly channel: 'latest'; readonly halfLifeMs: number }
  | {
      readonly channel: 'popular' | 'trending'
      readonly span: PopularitySpan
      /** Exponent on the decayed count: below 1 the very top stands out less. */
      readonly power: number
    }

/** Whether a channel's answer depends on who asks. */
export function isPersonal(channel: ChannelName): boolean {
  return channel !== 'popular' && channel !== 'trending' && channel !== 'latest'
}

/** Who asks, and when. */
export interface Asker {
  readonly history: History
  readonly nowMs: number
}

/** Adds what `voice` says to `out`, which must be clear. Says nothing where its model is absent. */
export function speak(voice: Voice, knowledge: Knowledge, asker: Asker, out: Scores): void {
  switch (voice.channel) {
    case 'ease':
    case 'next':
    case 'follow':
    case 'walk':
    case 'near': {
      const model = knowledge.models[voice.channel]
      if (model) scoreLinear(model, weigh(asker.history, voice.profile, asker.nowMs), out)
      return
    }
    case 'covisitation':
      scoreCovisitation(knowledge.covisitation, voice.profile, asker, out)
      return
    case 'session':
      scoreCovisitation(knowledge.covisitation, voice.profile, lastVisit(asker), out)
      return
    case 'factors': {
      const model = knowledge.models.factors
      if (model) scoreFactors(model, weigh(asker.history, voice.profile, asker.nowMs), out)
      return
    }
    case 'content':
      knowledge.content?.score(heardOf(voice.profile, asker), out)
      return
    case 'latest':
      knowledge.latest?.score(asker.nowMs, voice.halfLifeMs, out)
      return
    case 'again':
      scoreAgain(voice.profile, asker, out)
      return
    case 'popular':
    case 'trending': {
      const { items, worth } = knowledge.popularity.powered(voice.span, voice.power)
      out.addAll(items, worth)
    }
  }
}

/** The asker with nothing but the last visit: what came without a pause of half an hour. */
export function lastVisit({ history, nowMs }: Asker): Asker {
  const { items, timesMs, kinds } = history
  let first = items.length - 1
  while (
    first > 0 &&
    (timesMs[first] as number) - (timesMs[first - 1] as number) <= visitGapMs &&
    items.length - first < visitEventsMax
  )
    first--
  if (first <= 0) return { history, nowMs }
  return {
    history: {
      items: items.slice(first),
      timesMs: timesMs.slice(first),
      kinds: kinds.slice(first),
    },
    nowMs,
  }
}

const visitGapMs = 30 * 60_000
const visitEventsMax = 50

/** The past items a table by item can be asked about. */
function heardOf(profile: Profile, asker: Asker): ReturnType<typeof weigh> {
  return weigh(asker.history, profile, asker.nowMs, covisitationItemsMax)
}

function scoreCovisitation(table: Covisitation, profile: Profile, asker: Asker, out: Scores): void {
  const { items, weights } = heardOf(profile, asker)
  for (let at = 0; at < items.length; at++) {
    const row = table.row(items[at] as number)
    if (!row) continue
    out.addAll(row.items, row.weights, weights[at], row.size)
  }
  // Damped once an item, however many past items led to it.
  out.map((item, value) => value * table.damping(item))
}

/** Past items that are followed up; those before them are too faint to hear. */
const covisitationItemsMax = 50

/** Own past items, each event with its weight: what a shop's customers come back for. */
function scoreAgain(profile: Profile, asker: Asker, out: Scores): void {
  const { items, timesMs } = asker.history
  for (let at = items.length - 1; at >= 0; at--) {
    const weight =
      profile.kind === 'time'
        ? 2 ** (-Math.max(0, asker.nowMs - (timesMs[at] as number)) / profile.halfLifeMs)
        : profile.kind === 'position'
          ? profile.factor ** (items.length - 1 - at)
          : 1
    out.add(items[at] as number, weight)
  }
}
