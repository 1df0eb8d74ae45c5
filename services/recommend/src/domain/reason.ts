import type { Catalogue } from './catalogue.ts'
import { factorsBetween } from './recall/factors.ts'
import {
  lastVisit,
  type ChannelName,
  type Knowledge,
  type LinkedChannel,
  type Voice,
} from './recall/knowledge.ts'
import { weightBetween } from './recall/linear-model.ts'
import { kindWeights, type History } from './history.ts'
import type { PopularitySpan } from './recall/popularity.ts'
import { weigh, type WeightedItems } from './recall/profile.ts'

/** Why an item is in a list; the evidence is read from the very tables that brought it there. */
export interface Reason {
  readonly channel: ChannelName | 'fallback' | 'pinned' | 'sponsored' | 'explored'
  /** One sentence for the user, in the language asked for. */
  readonly text: string
  readonly evidence: {
    /** Past items of the user that led here, the strongest first. */
    readonly items?: readonly string[]
    /** Categories and tags in common with what the user had. */
    readonly categories?: readonly string[]
    /** How often the user had this very item. */
    readonly times?: number
    /** Over what time the item is popular. */
    readonly span?: string
  }
}

/** Languages reasons are written in. */
export type Language = 'zh-CN' | 'en'

/** What a reason is made from. */
export interface ReasonSource {
  readonly knowledge: Knowledge
  readonly catalogue: Catalogue
  readonly history: History
  readonly nowMs: number
  readonly language: Language
  /** The history as each voice hears it, filled as reasons are made: the same for a whole list. */
  readonly weighed?: Map<Voice, WeightedItems>
}

const evidenceMax = 3

/** The reason for `item`, which `voice` contributed most to. */
export function reasonFor(item: number, voice: Voice | undefined, source: ReasonSource): Reason {
  if (!voice) return plain('fallback', source.language, '为你精选', 'Picked from the catalogue')
  switch (voice.channel) {
    case 'popular':
    case 'trending':
      return popularReason(item, voice, source)
    case 'again':
      return againReason(item, source)
    case 'latest':
      return isNew(item, source)
        ? plain('latest', source.language, '新品上架', 'New in the shop')
        : picked('latest', source.language)
    case 'ease':
    case 'next':
    case 'follow':
    case 'walk':
    case 'near':
    case 'factors':
    case 'covisitation':
    case 'session':
    case 'content':
      return linkedReason(item, voice, source)
  }
}

/** How strongly `from` speaks for `to` in the channel's own table. */
export function linkOf(
  knowledge: Knowledge,
  channel: LinkedChannel,
  from: number,
  to: number,
): number {
  if (channel === 'covisitation' || channel === 'session')
    return knowledge.covisitation.row(from)?.get(to) ?? 0
  if (channel === 'content') return knowledge.content?.between(from, to) ?? 0
  if (channel === 'factors') {
    const { factors } = knowledge.models
    return factors ? factorsBetween(factors, from, to) : 0
  }
  const model = knowledge.models[channel]
  return model ? weightBetween(model, from, to) : 0
}

function linkedReason(
  item: number,
  voice: Extract<Voice, { channel: LinkedChannel }>,
  source: ReasonSource,
): Reason {
  const { knowledge, catalogue, nowMs, language } = source
  let heard = source.weighed?.get(voice)
  if (!heard) {
    const asker = voice.channel === 'session' ? lastVisit(source) : source
    heard = weigh(asker.history, voice.profile, nowMs)
    source.weighed?.set(voice, heard)
  }
  const { items, weights } = heard
  // Three at most are held, strongest first: a history may be long, and this is done for each item.
  const links: Link[] = []
  for (let at = 0; at < items.length; at++) {
    const from = items[at] as number
    if (from === item) continue
    const strength = (weights[at] as number) * linkOf(knowledge, voice.channel, from, item)
    if (strength > 0) holdStrongest(links, { from, strength })
  }
  const titles = links.map(({ from }) => catalogue.at(from)?.title ?? '')
  const first = titles[0] ?? ''
  if (links.length === 0) return picked(voice.channel, language)
  const likes = titles.slice(0, 2)
  const [chinese, english] =
    voice.channel === 'content'
      ? [`与“${first}”相似`, `Similar to ${first}`]
      : followers.has(voice.channel)
        ? [`选了“${first}”的人接着选了它`, `People who chose ${first} went on to this`]
        : [
            `因为你喜欢${likes.map((title) => `“${title}”`).join('和')}`,
            `Because you like ${likes.join(' and ')}`,
          ]
  const text = language === 'en' ? english : chinese
  const evidence = { items: links.map(({ from }) => catalogue.at(from)?.itemId ?? '') }
  const said = voice.channel === 'content' ? sharedCategories(item, links, catalogue) : []
  if (said.length === 0) return { channel: voice.channel, text, evidence }
  return { channel: voice.channel, text, evidence: { ...evidence, categories: said } }
}

/** Categories and tags of `item` that an item of the evidence has too. */
function sharedCategories(
  item: number,
  links: readonly { readonly from: number }[],
  catalogue: Catalogue,
): readonly string[] {
  const of = (number: number): readonly string[] => {
    const known = catalogue.at(number)
    return known ? [...known.categories, ...known.tags] : []
  }
  const theirs = new Set(links.flatMap(({ from }) => of(from)))
  return of(item).filter((each) => theirs.has(each))
}

interface Link {
  readonly from: number
  readonly strength: number
}

/** Puts `link` in its place among the strongest; ties go to the lower item. */
function holdStrongest(links: Link[], link: Link): void {
  let at = links.length
  while (at > 0 && isStronger(link, links[at - 1] as Link)) at--
  if (at === evidenceMax) return
  links.splice(at, 0, link)
  if (links.length > evidenceMax) links.pop()
}

function isStronger(a: Link, b: Link): boolean {
  return a.strength > b.strength || (a.strength === b.strength && a.from < b.from)
}

/**
 * Channels whose every link is of people who had the one and then the other. What a regression
 * links (`next`) need not be.
 */
const followers: ReadonlySet<LinkedChannel> = new Set(['covisitation', 'session', 'follow'])

function againReason(item: number, { history, language }: ReasonSource): Reason {
  const times = history.items.reduce((count, past) => count + (past === item ? 1 : 0), 0)
  const text =
    language === 'en'
      ? times === 1
        ? 'You chose this before'
        : `You chose this ${times} times before`
      : `你之前选过${times === 1 ? '' : ` ${times} 次`}`
  return { channel: 'again', text, evidence: { times } }
}

const spanTexts = {
  day: ['今日热门', 'Popular today'],
  fortnight: ['近两周热门', 'Popular in the last two weeks'],
  quarter: ['本季热门', 'Popular this season'],
  ever: ['一直热门', 'Popular all along'],
} as const

function popularReason(
  item: number,
  { channel, span }: { readonly channel: 'popular' | 'trending'; readonly span: PopularitySpan },
  source: ReasonSource,
): Reason {
  const { language } = source
  if (!isPopular(item, span, source)) return picked(channel, language)
  return {
    channel,
    text: spanTexts[span][language === 'en' ? 1 : 0],
    evidence: { span },
  }
}

/**
 * Whether an item may be called popular: wanted at least as the item at the end of the catalogue's
 * first tenth (20 items at least, 5000 at most), and at least as much as one view a half-life ago.
 */
export function isPopular(
  item: number,
  span: PopularitySpan,
  { knowledge, nowMs }: Pick<ReasonSource, 'knowledge' | 'nowMs'>,
): boolean {
  const { popularity, itemCount } = knowledge
  const most = Math.min(popularMax, Math.max(popularMin, Math.ceil(itemCount / 10)))
  const bar = popularity.top(span, most).at(-1)
  return (
    bar !== undefined &&
    popularity.relative(item, span) >= popularity.relative(bar, span) &&
    popularity.value(item, span, nowMs) >= wantedMin
  )
}

const popularMin = 20
const popularMax = 5000
const wantedMin = kindWeights.view / 2

/** Whether an item may be called new: there for 30 days at most. */
function isNew(item: number, { knowledge, nowMs }: ReasonSource): boolean {
  const sinceMs = knowledge.latest?.since(item)
  return sinceMs !== undefined && sinceMs <= nowMs && nowMs - sinceMs <= newMs
}

const newMs = 30 * 86_400_000

const placementTexts = {
  pinned: ['店铺推荐', 'Chosen by the shop'],
  sponsored: ['推广', 'Sponsored'],
  explored: ['新品尝鲜', 'Something new to try'],
} as const

/** The reason for an item that is there by a rule and not by its rank. */
export function placementReason(
  placement: keyof typeof placementTexts,
  language: Language,
): Reason {
  const [chinese, english] = placementTexts[placement]
  return plain(placement, language, chinese, english)
}

/** What can be said where nothing more is known to be true. */
function picked(channel: Reason['channel'], language: Language): Reason {
  return plain(channel, language, '为你精选', 'Picked for you')
}

function plain(
  channel: Reason['channel'],
  language: Language,
  chinese: string,
  english: string,
): Reason {
  return { channel, text: language === 'en' ? english : chinese, evidence: {} }
}
