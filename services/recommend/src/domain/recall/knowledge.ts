import type { Covisitation } from './covisitation.ts'
import type { History } from '../history.ts'
import { scoreLinear, type LinearModel } from './linear-model.ts'
import type { Popularity, PopularitySpan } from './popularity.ts'
import { weigh, type Profile } from './profile.ts'
import type { Scores } from './scores.ts'

/** Models that are trained in batches and swapped whole. Absent until the first training. */
export interface Models {
  readonly ease?: LinearModel
  readonly next?: LinearModel
  readonly walk?: LinearModel
}

/** All the engine knows about items: live tables that follow each event, and trained models. */
export interface Knowledge {
  readonly itemCount: number
  readonly popularity: Popularity
  readonly covisitation: Covisitation
  readonly models: Models
}

/** Where candidates come from. */
export const channelNames = [
  'ease',
  'next',
  'walk',
  'covisitation',
  'popular',
  'trending',
  'again',
  'content',
  'latest',
] as const

/** Name of a channel. */
export type ChannelName = (typeof channelNames)[number]

/** One way of asking a channel: what validation chooses among. */
export type Voice =
  | { readonly channel: 'ease' | 'next' | 'walk' | 'covisitation'; readonly profile: Profile }
  | { readonly channel: 'again'; readonly profile: Profile }
  | {
      readonly channel: 'popular' | 'trending'
      readonly span: PopularitySpan
      /** Exponent on the decayed count: below 1 the very top stands out less. */
      readonly power: number
    }

/** Who asks, and when. */
export interface Asker {
  readonly history: History
  readonly nowMs: number
}

/** Most items the popularity voices name. */
const popularMax = 5000

/** Adds what `voice` says to `out`, which must be clear. Says nothing where its model is absent. */
export function speak(voice: Voice, knowledge: Knowledge, asker: Asker, out: Scores): void {
  switch (voice.channel) {
    case 'ease':
    case 'next':
    case 'walk': {
      const model = knowledge.models[voice.channel]
      if (model) scoreLinear(model, weigh(asker.history, voice.profile, asker.nowMs), out)
      return
    }
    case 'covisitation':
      scoreCovisitation(knowledge.covisitation, voice.profile, asker, out)
      return
    case 'again':
      scoreAgain(voice.profile, asker, out)
      return
    case 'popular':
    case 'trending':
      for (const item of knowledge.popularity.top(voice.span, popularMax))
        out.add(item, knowledge.popularity.relative(item, voice.span) ** voice.power)
  }
}

function scoreCovisitation(table: Covisitation, profile: Profile, asker: Asker, out: Scores): void {
  const { items, weights } = weigh(asker.history, profile, asker.nowMs, covisitationItemsMax)
  for (let at = 0; at < items.length; at++) {
    const row = table.row(items[at] as number)
    if (!row) continue
    const weight = weights[at] as number
    for (const [item, link] of row) out.add(item, weight * link * table.damping(item))
  }
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
