import { secretBytes } from '@spate/runtime/chance'
import type { Campaign } from '../domain/campaign.ts'
import { badTicket } from '../domain/command.ts'
import { proves } from './domain/proof.ts'
import { seal, unseal, type Bearer, type Note } from './domain/seal.ts'
import type { KeyRing } from './key-ring.ts'

/** How long notes are good, ms. */
export interface TicketTimes {
  readonly ticketMs: number
  readonly challengeMs: number
}

/** A task for a client, to be solved before the start. */
export interface Challenge {
  readonly challenge: string
  /** Leading zero bits of SHA-256 over `challenge.proof`. */
  readonly bits: number
  readonly expiresMs: number
}

/** A ticket as it is given out. */
export interface IssuedTicket {
  readonly ticket: string
  readonly notBeforeMs: number
  readonly expiresMs: number
}

type Gated = Pick<Campaign, 'productId' | 'epoch' | 'startsAtMs' | 'proofBits'>

/**
 * Gives out challenges and tickets, and checks them. It remembers nothing: a challenge has a number,
 * the ticket it leads to has the same one, and the ledger spends a number once. Showing a challenge
 * twice therefore brings the same ticket twice, which also serves a client whose answer was lost.
 */
export class TicketOffice {
  readonly #ring: KeyRing
  readonly #times: TicketTimes

  constructor(ring: KeyRing, times: TicketTimes) {
    this.#ring = ring
    this.#times = times
  }

  /** A challenge for `userId`, at any time: also before the start. */
  challenge(campaign: Gated, userId: string, nowMs: number): Challenge {
    const expiresMs = Math.max(nowMs, campaign.startsAtMs) + this.#times.challengeMs
    const note: Note = {
      kind: 'challenge',
      number: Buffer.concat([zero, secretBytes(8)]).toString('base64url'),
      bits: campaign.proofBits,
      notBeforeMs: 0,
      expiresMs,
    }
    const challenge = seal(this.#ring.current, note, bearer(campaign, userId))
    return { challenge, bits: note.bits, expiresMs }
  }

  /** The number of a challenge that is ours, in time, for this user, and solved; else undefined. */
  solved(
    campaign: Gated,
    userId: string,
    { challenge, proof }: { readonly challenge: string; readonly proof: string },
    nowMs: number,
  ): string | undefined {
    const at = { bearer: bearer(campaign, userId), nowMs }
    const note = unseal(this.#ring.all, 'challenge', challenge, at)
    return note && proves(challenge, proof, note.bits) ? note.number : undefined
  }

  /** The ticket with this number, good from the start (or from now) on. */
  issue(campaign: Gated, userId: string, number: string, nowMs: number): IssuedTicket {
    const notBeforeMs = Math.max(campaign.startsAtMs, nowMs)
    const expiresMs = notBeforeMs + this.#times.ticketMs
    const note: Note = { kind: 'ticket', number, bits: 0, notBeforeMs, expiresMs }
    const ticket = seal(this.#ring.current, note, bearer(campaign, userId))
    return { ticket, notBeforeMs, expiresMs }
  }

  /** The number to spend; empty where there is no ticket, `badTicket` where it is not good. */
  number(campaign: Gated, userId: string, ticket: string | undefined, nowMs: number): string {
    if (ticket === undefined || ticket === '') return ''
    const at = { bearer: bearer(campaign, userId), nowMs }
    return unseal(this.#ring.all, 'ticket', ticket, at)?.number ?? badTicket
  }

  /** A new key signs from now on. */
  rotate(): Promise<void> {
    return this.#ring.rotate()
  }
}

/** The number of the ticket that belongs to a place in the waiting room. */
export function placeNumber(arrival: number): string {
  const bytes = Buffer.alloc(9)
  bytes[0] = 1
  bytes.writeUInt32BE(arrival, 1)
  return bytes.toString('base64url')
}

/** First byte of a challenge's number: it is never a place's. */
const zero = Buffer.alloc(1)

function bearer(campaign: Gated, userId: string): Bearer {
  return { userId, productId: campaign.productId, epoch: campaign.epoch }
}
