import { secretBytes } from '@spate/runtime/chance'
import type { Clock, Timer } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import type { Log } from '@spate/runtime/log'
import { closedReason, type Campaign } from '../domain/campaign.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { drawMethod, seedBytes } from './domain/draw.ts'
import { AdmissionPace, type QueueEvent, type QueuePlace, type QueueRoom } from './domain/queue.ts'
import { QueueJournal, type QueueJournalOptions } from './queue-journal.ts'

/** What is published of a draw: all of it before anybody joins, but the seed. */
export interface PublishedDraw {
  readonly productId: string
  readonly epoch: number
  readonly method: string
  /** SHA-256 of the seed, hex. */
  readonly commitment: string
  /** Hex; null before the draw. */
  readonly seed: string | null
  /** Arrivals that took part; null before the draw. */
  readonly arrivals: number | null
}

/** What waiting rooms need. */
export interface WaitingRoomsOptions extends QueueJournalOptions {
  readonly ledger: Pick<Ledger, 'campaign' | 'now'>
  readonly clock: Clock
  readonly log: Log
  /** Most people in one room; more are refused with `overloaded`. */
  readonly peopleMax: number
}

/** How often people are let in, ms. */
const stepMs = 50

interface Door {
  readonly room: QueueRoom
  readonly number: number
  readonly pace: AdmissionPace
  /** People let in by events that may not be durable yet. */
  granted: number
  /** True from the draw's event on. */
  drawing: boolean
  /** True from the closing event on. */
  closing: boolean
}

/**
 * The waiting rooms of all campaigns that have one. What it tells anybody is durable first: arrival,
 * draw and admission survive a crash, and no place ever changes.
 */
export class WaitingRooms {
  readonly #options: WaitingRoomsOptions
  readonly #journal: QueueJournal
  readonly #doors = new Map<string, Door>()
  readonly #opening = new Map<string, Promise<void>>()
  readonly #timer: Timer

  private constructor(options: WaitingRoomsOptions, journal: QueueJournal) {
    this.#options = options
    this.#journal = journal
    for (const [number, room] of journal.rooms.entries()) this.#hang(room, number)
    this.#timer = options.clock.every(stepMs, () => this.#step())
  }

  /** Rejects as `QueueJournal.open` does. */
  static async open(options: WaitingRoomsOptions): Promise<WaitingRooms> {
    return new WaitingRooms(options, await QueueJournal.open(options))
  }

  /** Why nobody can join any more; undefined while all is well. */
  get failure(): Fault | undefined {
    return this.#journal.failure
  }

  /** The campaign's room, made where it has none yet: its commitment stands before anybody joins. */
  async room(campaign: Readonly<Campaign>): Promise<QueueRoom> {
    const { productId, epoch } = campaign
    const name = nameOf(productId, epoch)
    if (!this.#doors.has(name)) {
      const opening = this.#opening.get(name) ?? this.#open(productId, epoch)
      this.#opening.set(name, opening)
      await opening.finally(() => this.#opening.delete(name))
    }
    return (this.#doors.get(name) as Door).room
  }

  /** Where the user stands; undefined where he has not joined. */
  async find(campaign: Readonly<Campaign>, userId: string): Promise<QueuePlace | undefined> {
    return (await this.room(campaign)).placeOf(userId)
  }

  /**
   * The user's place, a new one where he has none. Throws `overloaded` where the room is full,
   * `store_unavailable` where it cannot be written down.
   */
  async join(campaign: Readonly<Campaign>, userId: string): Promise<QueuePlace> {
    const room = await this.room(campaign)
    const { number } = this.#doors.get(nameOf(campaign.productId, campaign.epoch)) as Door
    try {
      if (room.placeOf(userId)) await this.#journal.durable()
      else {
        if (room.people >= this.#options.peopleMax)
          throw new Fault('overloaded', 'the waiting room is full', { retryAfterSeconds: 30 })
        await this.#journal.take({ type: 'joined', room: number, userId })
      }
    } catch (caught) {
      throw Fault.from(caught, 'store_unavailable')
    }
    return room.placeOf(userId) as QueuePlace
  }

  /** What is published of the campaign's draw. */
  async published(campaign: Readonly<Campaign>): Promise<PublishedDraw> {
    const { productId, epoch, commitment, drawn, seed } = await this.room(campaign)
    return {
      productId,
      epoch,
      method: drawMethod,
      commitment,
      seed: drawn === undefined ? null : Buffer.from(seed).toString('hex'),
      arrivals: drawn ?? null,
    }
  }

  async close(): Promise<void> {
    this.#timer.cancel()
    await this.#journal.close()
  }

  async #open(productId: string, epoch: number): Promise<void> {
    const number = this.#journal.rooms.length
    const event: QueueEvent = { type: 'opened', productId, epoch, seed: secretBytes(seedBytes) }
    await this.#journal.take(event)
    this.#hang(this.#journal.rooms[number] as QueueRoom, number)
  }

  #hang(room: QueueRoom, number: number): void {
    const pace = new AdmissionPace()
    const drawing = room.drawn !== undefined
    const door = { room, number, pace, granted: room.admitted, drawing, closing: room.closed }
    this.#doors.set(nameOf(room.productId, room.epoch), door)
  }

  #step(): void {
    if (this.#journal.failure) return
    try {
      for (const door of this.#doors.values()) if (!door.closing) this.#serve(door)
    } catch (caught) {
      const fault = Fault.from(caught, 'store_unavailable')
      this.#options.log.error('a waiting room cannot be served', { code: fault.code }, caught)
    }
  }

  #serve(door: Door): void {
    const { room, number } = door
    const { ledger } = this.#options
    const campaign = ledger.campaign(room.productId)
    const nowMs = ledger.now()
    const reason = campaign?.epoch === room.epoch ? closedReason(campaign, nowMs) : 'ended'
    if (!campaign || reason === 'ended') {
      door.closing = true
      return this.#write(door, { type: 'closed', room: number })
    }
    if (reason === 'not_started') return
    if (!door.drawing) {
      door.drawing = true
      this.#write(door, { type: 'drawn', room: number, arrivals: room.people })
    }
    if (room.drawn === undefined) return
    if (reason === 'paused' || campaign.remaining === 0) return door.pace.rest()
    const waiting = room.people - door.granted
    const due = door.pace.due(nowMs, campaign.admitPerSecond, waiting)
    if (due === 0) return
    door.granted += due
    this.#write(door, { type: 'admitted', room: number, count: door.granted })
  }

  /** Nobody is told before it is durable. */
  #write({ room }: Door, event: QueueEvent): void {
    this.#journal.append(event)
    this.#journal.durable().then(
      () => this.#journal.apply(event),
      (caught: unknown) => {
        const { productId } = room
        this.#options.log.error('a waiting room cannot be written down', { productId }, caught)
      },
    )
  }
}

const nameOf = (productId: string, epoch: number): string => `${epoch}/${productId}`
