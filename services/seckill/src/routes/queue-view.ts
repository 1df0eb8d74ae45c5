import { isoTime } from '../answers.ts'
import { closedReason, type Campaign } from '../domain/campaign.ts'
import type { QueueJson, QueueStatus, TicketJson } from '../gate/contract.ts'
import type { QueuePlace } from '../gate/domain/queue.ts'
import { placeNumber, type IssuedTicket } from '../gate/ticket-office.ts'
import type { Desk } from './desk.ts'

/** A ticket for callers. */
export function ticketJson({ ticket, notBeforeMs, expiresMs }: IssuedTicket): TicketJson {
  return { ticket, notBefore: isoTime(notBeforeMs), expiresAt: isoTime(expiresMs) }
}

/**
 * How it stands with `userId` in the campaign's waiting room, or with the room where nobody is
 * named. Who was let in gets his ticket each time he asks: always the same number, spent once.
 */
export async function queueJson(
  { ledger, gate }: Desk,
  campaign: Readonly<Campaign>,
  userId: string | undefined,
): Promise<QueueJson> {
  const room = await gate.rooms.room(campaign)
  const nowMs = ledger.now()
  const at = userId === undefined ? undefined : room.placeOf(userId)
  const status = statusOf(campaign, at, nowMs)
  const { ahead, place } = at ?? {}
  const { productId, epoch, admitPerSecond, startsAtMs } = campaign
  return {
    productId,
    epoch,
    status,
    people: room.people,
    admitted: room.admitted,
    admitPerSecond,
    startsAt: startsAtMs === 0 ? null : isoTime(startsAtMs),
    now: isoTime(nowMs),
    commitment: room.commitment,
    ...(at ? { arrival: at.arrival } : {}),
    ...(place === undefined || ahead === undefined
      ? {}
      : { place, ahead, etaMs: Math.ceil((ahead * 1000) / admitPerSecond) }),
    ...(at && userId !== undefined && status === 'admitted'
      ? ticketJson(gate.office.issue(campaign, userId, placeNumber(at.arrival), nowMs))
      : {}),
  }
}

function statusOf(
  campaign: Readonly<Campaign>,
  at: QueuePlace | undefined,
  nowMs: number,
): QueueStatus {
  const closed = closedReason(campaign, nowMs)
  if (closed === 'ended') return 'ended'
  if (!at) return 'not_joined'
  if (at.admitted) return 'admitted'
  if (closed === 'paused') return 'paused'
  if (closed === 'not_started' || at.place === undefined) return 'before_start'
  return campaign.remaining === 0 ? 'sold_out' : 'waiting'
}

/** Statuses after which a place changes no more. */
export const settled: ReadonlySet<QueueStatus> = new Set(['admitted', 'ended', 'not_joined'])

/** What of a place must change before it is told again: not the time, and not a fresh ticket. */
export function unchanging({ status, ahead, people }: QueueJson): string {
  return `${status}/${ahead ?? people}`
}
