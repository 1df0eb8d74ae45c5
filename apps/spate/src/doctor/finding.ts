/** What one look at the machine came to. */
export type Verdict = 'ok' | 'warn' | 'fail'

/** One line of `spate doctor`. */
export interface Finding {
  /** What was looked at: `memory`. */
  readonly check: string
  readonly verdict: Verdict
  /** What was found, with its figure. */
  readonly detail: string
  /** What to do about it; absent where nothing need be done. */
  readonly next?: string
}

/** A finding that is well. */
export function well(check: string, detail: string): Finding {
  return { check, verdict: 'ok', detail }
}

/** A finding that costs something, or everything. */
export function poor(
  check: string,
  verdict: 'warn' | 'fail',
  detail: string,
  next: string,
): Finding {
  return { check, verdict, detail, next }
}

/** Bounds of a figure: below `least` nothing works, below `good` it costs something. */
export interface Bounds {
  readonly least: number
  readonly good: number
}

/** A finding for a figure that should not be below `good`, and must not be below `least`. */
export function atLeast(
  figure: number,
  bounds: Bounds,
  words: { readonly check: string; readonly detail: string; readonly next: string },
): Finding {
  const { check, detail, next } = words
  if (figure >= bounds.good) return well(check, detail)
  return poor(check, figure >= bounds.least ? 'warn' : 'fail', detail, next)
}
