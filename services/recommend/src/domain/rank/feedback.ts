import { joined, piecesOf } from '../saved-pieces.ts'
import { ExperimentBook, type ExperimentBookState } from '../experiment/experiment-book.ts'
import type { Interaction } from '../state.ts'
import { ArmBook, type ArmBookState } from './arm-book.ts'
import { OnlineRanker, type OnlineRankerOptions, type OnlineRankerState } from './online-ranker.ts'
import type { ServedList } from './served-list.ts'

/** Saved form; saved together with the offsets of the log it follows from. */
export interface FeedbackState {
  readonly ranker: OnlineRankerState
  readonly arms: ArmBookState
  readonly experiments?: ExperimentBookState
}

/** What users did with a list before the list itself was read from the log. */
export const earlyMax = 5000

/**
 * What came of the lists that were served: joined by request id, whichever of the two topics is
 * read first. A list that is not known any more (see `listsMax`) teaches nothing.
 */
export class Feedback {
  readonly ranker: OnlineRanker
  readonly arms: ArmBook
  readonly experiments: ExperimentBook
  readonly #early = new Map<string, Interaction[]>()
  #earlyDropped = 0

  constructor(options?: OnlineRankerOptions, saved?: FeedbackState) {
    this.ranker = new OnlineRanker(options, saved?.ranker)
    this.arms = new ArmBook(saved?.arms)
    this.experiments = new ExperimentBook(saved?.experiments)
  }

  /** Lists that are not known yet and have outcomes waiting, and those that had to make room. */
  get early(): { readonly held: number; readonly dropped: number } {
    return { held: this.#early.size, dropped: this.#earlyDropped }
  }

  /** Takes in a served list. */
  served(list: ServedList): void {
    if (!this.ranker.served(list)) return
    this.experiments.served(list)
    for (const { itemId, placement } of list.items)
      if (placement === 'explored') this.arms.shown(itemId)
    const early = this.#early.get(list.requestId)
    if (!early) return
    this.#early.delete(list.requestId)
    for (const event of early) this.follow(event)
  }

  /** Takes in an event that names the list it came from; one without a list says nothing here. */
  follow(event: Interaction): void {
    const { requestId, itemId, kind, timeMs } = event
    if (requestId === undefined) return
    const joined = this.ranker.follow(requestId, itemId, kind, timeMs)
    if (joined.kind === 'unknown') return this.#keep(requestId, event)
    this.experiments.followed(joined, itemId)
    if (joined.kind === 'first' && joined.placement === 'explored') this.arms.chosen(itemId)
  }

  /** Saved form, in the very memory and made as it is read: see `RecommendState.view`. O(lists kept). */
  view(): FeedbackState {
    return {
      ranker: this.ranker.save(),
      arms: this.arms.view(),
      experiments: this.experiments.view(),
    }
  }

  /** A copy, all at once. */
  save(): FeedbackState {
    return joined(piecesOf(this.view())) as FeedbackState
  }

  #keep(requestId: string, event: Interaction): void {
    const early = this.#early.get(requestId)
    if (early) {
      if (early.length < eventsPerListMax) early.push(event)
      return
    }
    if (this.#early.size >= earlyMax) {
      const oldest = this.#early.keys().next()
      if (!oldest.done && this.#early.delete(oldest.value)) this.#earlyDropped++
    }
    this.#early.set(requestId, [event])
  }
}

const eventsPerListMax = 200
