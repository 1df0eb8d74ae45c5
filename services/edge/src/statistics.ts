/** Counts of what the cache did since it started; plain fields, so that a hit costs an increment. */
export class Statistics {
  requests = 0
  hits = 0
  staleHits = 0
  misses = 0
  passes = 0
  collapsed = 0
  originRequests = 0
  /** Requests to other nodes. */
  peerRequests = 0
  originFailures = 0
  originLatencyMs = 0
  refused = 0
  errors = 0
  bytesFromCache = 0
  bytesFromOrigin = 0
  purged = 0
  /** Events of stock that purged something's tag. */
  stockEvents = 0

  hit(bytes: number): void {
    this.requests++
    this.hits++
    this.bytesFromCache += bytes
  }

  /** A miss of this node that the shared tier had: a hit after all. */
  sharedHit(bytes: number): void {
    this.misses--
    this.hits++
    this.bytesFromCache += bytes
  }

  staleHit(bytes: number): void {
    this.hit(bytes)
    this.staleHits++
  }

  /** Share of requests answered from the store, 0 to 1; 0 before the first. */
  get hitRatio(): number {
    return this.requests === 0 ? 0 : this.hits / this.requests
  }
}
