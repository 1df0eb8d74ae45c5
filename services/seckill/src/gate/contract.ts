import Type, { type TUnsafe } from 'typebox'
import { productId, userId } from '../contract.ts'
import { sealLength } from './domain/seal.ts'
import type { RiskFinding } from './domain/risk.ts'
import type { RiskVerdict } from './risk-desk.ts'

/** Wire types of admission. */

/** Longest proof, in characters. */
export const proofLengthMax = 32

const challenge = Type.String({
  minLength: sealLength,
  maxLength: sealLength,
  pattern: `^[A-Za-z0-9_-]+$`,
  expected: `a challenge as POST /seckill/challenges gave it: ${sealLength} characters`,
})
const proof = Type.String({
  minLength: 1,
  maxLength: proofLengthMax,
  pattern: '^[A-Za-z0-9_-]+$',
  expected: `1 to ${proofLengthMax} letters, digits, - and _`,
})

/** Body of `POST /seckill/challenges`; `userId` is needed unless identity comes from elsewhere. */
export interface ChallengeBody {
  readonly userId?: string
  readonly productId: string
}

/** Schema of `ChallengeBody`. */
export const challengeBody: TUnsafe<ChallengeBody> = Type.Unsafe<ChallengeBody>(
  Type.Object({ userId: Type.Optional(userId), productId }),
)

/** A task: find a proof so that SHA-256 of `challenge.proof` begins with `bits` zero bits. */
export interface ChallengeJson {
  readonly challenge: string
  readonly algorithm: 'SHA-256'
  readonly bits: number
  readonly expiresAt: string
}

/** Body of `POST /seckill/tickets`. */
export interface TicketBody {
  readonly userId?: string
  readonly productId: string
  readonly challenge: string
  readonly proof: string
}

/** Schema of `TicketBody`. */
export const ticketBody: TUnsafe<TicketBody> = Type.Unsafe<TicketBody>(
  Type.Object({ userId: Type.Optional(userId), productId, challenge, proof }),
)

/** A permission to purchase, for the header `Seckill-Ticket`. */
export interface TicketJson {
  readonly ticket: string
  readonly notBefore: string
  readonly expiresAt: string
}

/** Body of `POST /seckill/queue/{productId}`. */
export interface JoinBody {
  readonly userId?: string
  /** Needed where the campaign's `proofBits` is not 0. */
  readonly challenge?: string
  readonly proof?: string
}

/** Schema of `JoinBody`. */
export const joinBody: TUnsafe<JoinBody> = Type.Unsafe<JoinBody>(
  Type.Object({
    userId: Type.Optional(userId),
    challenge: Type.Optional(challenge),
    proof: Type.Optional(proof),
  }),
)

/** Query of `GET /seckill/queue/{productId}`. */
export const queueQuery: TUnsafe<{ readonly userId?: string }> = Type.Unsafe<{
  readonly userId?: string
}>(Type.Object({ userId: Type.Optional(userId) }))

/** How it stands with somebody in a waiting room. */
export type QueueStatus =
  | 'not_joined'
  | 'before_start'
  | 'waiting'
  | 'sold_out'
  | 'paused'
  | 'admitted'
  | 'ended'

/** A place in a waiting room as callers see it. */
export interface QueueJson extends Partial<TicketJson> {
  readonly productId: string
  readonly epoch: number
  readonly status: QueueStatus
  /** People who joined, and how many of them were let in. */
  readonly people: number
  readonly admitted: number
  readonly admitPerSecond: number
  readonly startsAt: string | null
  readonly now: string
  /** SHA-256 of the draw's seed. */
  readonly commitment: string
  /** How many joined before. */
  readonly arrival?: number
  /** Place in line from 0, drawn at the start; then people to be let in before, and ms until then. */
  readonly place?: number
  readonly ahead?: number
  readonly etaMs?: number
}

/** Whether a product can be had: value of an event on the topic `stock`, and of `GET /seckill/stock`. */
export interface StockFlagJson {
  readonly type: 'stock.soldout' | 'stock.available'
  readonly productId: string
  readonly epoch: number
  /** Of two flags with the same epoch the greater version is newer. */
  readonly version: number
  readonly remaining: number
  readonly atMs: number
}

/** Body of `POST /seckill/risk/reviews`. */
export interface ReviewBody {
  readonly userId: string
  readonly verdict: RiskVerdict
}

/** Schema of `ReviewBody`. */
export const reviewBody: TUnsafe<ReviewBody> = Type.Unsafe<ReviewBody>(
  Type.Object({ userId, verdict: Type.Enum(['allow', 'hold', 'deny']) }),
)

/** A line of the review list as administrators see it. */
export interface ReviewJson {
  readonly userId: string
  readonly network: string
  readonly device: string | null
  readonly products: readonly string[]
  readonly score: number
  readonly findings: readonly RiskFinding[]
  readonly verdict: RiskVerdict
  readonly decided: RiskVerdict | null
  readonly attempts: number
  readonly at: string
}
