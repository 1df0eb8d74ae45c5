import type { Timing } from './freshness.ts'

/** How long after a soft purge a response may still be served stale, ms. */
export const softPurgeStaleMs = 86_400_000

/** `timing` after a soft purge at `nowMs`: stale from then on, but good while it is validated and where the origin fails. */
export function softened(timing: Timing, nowMs: number): Timing {
  if (timing.freshUntilMs <= nowMs) return timing
  const allowed = timing.neverStale ? 0 : softPurgeStaleMs
  return {
    ...timing,
    freshUntilMs: nowMs,
    staleWhileRevalidateMs: Math.max(timing.staleWhileRevalidateMs, allowed),
    staleIfErrorMs: Math.max(timing.staleIfErrorMs, allowed),
  }
}
