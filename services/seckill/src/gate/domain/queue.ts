import { TextTable } from '../../domain/text-table.ts'
import { commitmentOf, draw } from './draw.ts'

/** What happened in a waiting room, as it stands in the log. */
export type QueueEvent =
  | {
      readonly type: 'opened'
      readonly productId: string
      readonly epoch: number
      readonly seed: Uint8Array
    }
  | { readonly type: 'joined'; readonly room: number; readonly userId: string }
  /** Those who had come by then get their places by chance; all who come later stand behind them. */
  | { readonly type: 'drawn'; readonly room: number; readonly arrivals: number }
  | { readonly type: 'admitted'; readonly room: number; readonly count: number }
  /** The sale is over: who came is forgotten, the draw is kept. */
  | { readonly type: 'closed'; readonly room: number }

/** Somebody in a waiting room. */
export interface QueuePlace {
  /** How many joined before; never changes. */
  readonly arrival: number
  /** Place in line, from 0; undefined until the draw. Never changes afterwards. */
  readonly place: number | undefined
  /** People still to be let in before; undefined until the draw. Never grows. */
  readonly ahead: number | undefined
  readonly admitted: boolean
}

/**
 * The waiting room of one campaign: arrivals before the start in an order drawn at the start, then
 * first come, first served; one place a user. Memory: user id + 20 B a person.
 */
export class QueueRoom {
  readonly productId: string
  readonly epoch: number
  readonly seed: Uint8Array
  readonly commitment: string
  /** A user's number in it is his arrival. */
  #users: TextTable
  readonly #tableSeed: number
  /** Places of those who came before the draw; undefined until it. */
  #places: Uint32Array | undefined
  #drawn: number | undefined
  #admitted = 0
  #closed = false

  constructor(
    opened: { readonly productId: string; readonly epoch: number; readonly seed: Uint8Array },
    tableSeed = 0,
  ) {
    this.productId = opened.productId
    this.epoch = opened.epoch
    this.seed = opened.seed
    this.commitment = commitmentOf(opened.seed)
    this.#tableSeed = tableSeed
    this.#users = new TextTable(tableSeed)
  }

  /** People who ever joined. */
  get people(): number {
    return this.#users.size
  }

  /** Arrivals that took part in the draw; undefined before it. */
  get drawn(): number | undefined {
    return this.#drawn
  }

  /** People let in. */
  get admitted(): number {
    return this.#admitted
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The user's arrival, joining where he is new. */
  join(userId: string): number {
    return this.#users.add(0, userId)
  }

  /** Draws the places of the first `arrivals` people. O(arrivals). */
  draw(arrivals: number): void {
    if (this.#drawn !== undefined) return
    this.#drawn = arrivals
    this.#places = draw(this.seed, arrivals)
  }

  /** Lets in everybody whose place is below `count`. */
  admit(count: number): void {
    if (count > this.#admitted) this.#admitted = count
  }

  /** Forgets who came. */
  close(): void {
    this.#closed = true
    this.#places = undefined
    this.#users = new TextTable(this.#tableSeed)
  }

  /** Where a user stands; undefined where he never joined. */
  placeOf(userId: string): QueuePlace | undefined {
    const arrival = this.#users.find(0, userId)
    if (arrival < 0) return undefined
    const places = this.#places
    if (!places) return { arrival, place: undefined, ahead: undefined, admitted: false }
    const place = arrival < places.length ? (places[arrival] as number) : arrival
    const ahead = Math.max(0, place - this.#admitted)
    return { arrival, place, ahead, admitted: place < this.#admitted }
  }

  /** Events that make this room again, as room number `room`. */
  *events(room: number): Generator<QueueEvent> {
    const { productId, epoch, seed } = this
    yield { type: 'opened', productId, epoch, seed }
    // The draw stands behind as many people as took part in it; a closed room has only their count.
    for (let arrival = 0; arrival < this.#users.size; arrival++)
      yield { type: 'joined', room, userId: this.#users.text(arrival) }
    if (this.#drawn !== undefined) yield { type: 'drawn', room, arrivals: this.#drawn }
    if (this.#admitted > 0) yield { type: 'admitted', room, count: this.#admitted }
    if (this.#closed) yield { type: 'closed', room }
  }
}

/** Lets people in at a steady rate, to the fraction of a person. */
export class AdmissionPace {
  #atMs: number | undefined
  #credit = 0

  /**
   * People to let in now, at most `waiting`. What nobody used is lost beyond one second's worth and
   * one person, so that an idle hour brings no crowd.
   */
  due(nowMs: number, perSecond: number, waiting: number): number {
    const sinceMs = this.#atMs === undefined ? 0 : Math.max(0, nowMs - this.#atMs)
    this.#atMs = nowMs
    this.#credit = Math.min(perSecond + 1, this.#credit + (sinceMs * perSecond) / 1000)
    const due = Math.min(Math.floor(this.#credit), waiting)
    this.#credit -= due
    return due
  }

  /** Nobody is let in now: time that passes until the next `due` brings nothing. */
  rest(): void {
    this.#atMs = undefined
  }
}
