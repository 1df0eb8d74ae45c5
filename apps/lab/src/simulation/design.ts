import type { Disk } from '@spate/journal/disk'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'

import type { Answer, FinalOrder, OnSale } from '../checker/history.ts'

/** What a client asks of a sale. */
export interface Ask {
  readonly kind: 'purchase' | 'pay' | 'cancel'
  readonly userId: string
  readonly productId: string
  readonly quantity: number
  readonly key: string
  readonly orderId: string
  readonly paymentId: string
}

/** One life of the sale's process: from a start to a crash. */
export interface Seller {
  handle(ask: Ask): Promise<Answer>
  orders(userIds: readonly string[]): readonly FinalOrder[]
  counters(productId: string): OnSale['counters']
}

/** What a life is given. After its crash the clock stands still for it and the disk never answers. */
export interface Surroundings {
  readonly clock: Clock
  readonly disk: Disk
  readonly chance: Chance
  readonly products: readonly OnSale[]
  /** Time to pay, ms. */
  readonly reservationTtlMs: number
  /** Called at each named point; the process may die there. */
  readonly crash: (name: string) => void
  /** A store on another machine that outlives the process (the control designs keep theirs there). */
  readonly remote: Map<string, unknown>
  /** How often this sale was started before. */
  readonly lives: number
}

/** A way to build a sale, to be judged. */
export interface Design {
  readonly name: string
  open(around: Surroundings): Promise<Seller>
}
