/** A flash sale as pages show it; read from seckill's campaigns. */
export interface Offer {
  readonly productId: string
  /** Units the campaign has in all. */
  readonly total: number
  /** Units not yet given away. */
  readonly remaining: number
  readonly perUserLimit: number
  /** Wall times, ms; undefined where there is no such bound. */
  readonly startsAtMs: number | undefined
  readonly endsAtMs: number | undefined
  readonly paused: boolean
  /** True where buyers wait in a queue first. */
  readonly queue: boolean
}

/** What an offer is at a moment. */
export type OfferPhase = 'upcoming' | 'running' | 'paused' | 'sold_out' | 'ended'

/** The phase of `offer` at wall time `nowMs`. */
export function phaseOf(offer: Offer, nowMs: number): OfferPhase {
  if (offer.endsAtMs !== undefined && nowMs >= offer.endsAtMs) return 'ended'
  if (offer.startsAtMs !== undefined && nowMs < offer.startsAtMs) return 'upcoming'
  if (offer.paused) return 'paused'
  return offer.remaining > 0 ? 'running' : 'sold_out'
}

/** Offers worth showing first: running, then upcoming, then the rest; ended ones are left out. */
export function shownOffers(offers: readonly Offer[], nowMs: number): readonly Offer[] {
  const order: readonly OfferPhase[] = ['running', 'upcoming', 'paused', 'sold_out']
  return offers
    .filter((offer) => phaseOf(offer, nowMs) !== 'ended')
    .sort((a, b) => order.indexOf(phaseOf(a, nowMs)) - order.indexOf(phaseOf(b, nowMs)))
}
