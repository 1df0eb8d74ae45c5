import type { Interactions } from '../recall/interactions.ts'

/**
 * What a list will be asked for; it decides how validation data are cut from the training data.
 * `last`: the next `count` events of each user. `horizon`: what users do within `ms` after a moment
 * that is the same for all. `holes`: a random `share` of each user's events, anywhere in between.
 */
export type Task =
  | { readonly kind: 'last'; readonly count: number }
  | { readonly kind: 'horizon'; readonly ms: number }
  | { readonly kind: 'holes'; readonly share: number }

/** Training data without the held-out part, and the held-out part. */
export interface Cut {
  readonly train: Interactions
  /** Held-out items of each user, distinct, in order; empty for most users of a `horizon` cut. */
  readonly held: readonly (readonly number[])[]
  /** The moment lists are made for. */
  readonly nowMs: number
  /** Events held out. */
  readonly heldEvents: number
}

/** Fewest events a user keeps for training. */
const keptMin = 1

/** Cuts validation data as `task` says. Deterministic. */
export function cut(interactions: Interactions, task: Task): Cut {
  const { start, items, timesMs, itemCount } = interactions
  const users = start.length - 1
  let latest = -Infinity
  for (const timeMs of timesMs) if (timeMs > latest) latest = timeMs
  const horizonMs = task.kind === 'horizon' ? latest - task.ms : Infinity
  const keptItems = new Uint32Array(items.length)
  const keptTimes = new Float64Array(items.length)
  const keptStart = new Uint32Array(users + 1)
  const held: number[][] = []
  let kept = 0
  for (let user = 0; user < users; user++) {
    const first = start[user] as number
    const end = start[user + 1] as number
    const out: number[] = []
    for (let at = first; at < end; at++) {
      const isHeld =
        task.kind === 'horizon'
          ? (timesMs[at] as number) >= horizonMs
          : task.kind === 'last'
            ? at >= Math.max(end - task.count, first + keptMin)
            : isHole(user, at - first, task.share) && at - first >= keptMin
      if (isHeld) {
        if (!out.includes(items[at] as number)) out.push(items[at] as number)
        continue
      }
      keptItems[kept] = items[at] as number
      keptTimes[kept++] = timesMs[at] as number
    }
    keptStart[user + 1] = kept
    held.push(out)
  }
  return {
    train: {
      itemCount,
      start: keptStart,
      items: keptItems.slice(0, kept),
      timesMs: keptTimes.slice(0, kept),
    },
    held,
    nowMs: task.kind === 'horizon' ? horizonMs : latest,
    heldEvents: items.length - kept,
  }
}

/** A fixed pseudo-random choice, so that the same data always give the same cut. */
function isHole(user: number, at: number, share: number): boolean {
  let hash = Math.imul(user + 1, 0x9e3779b1) ^ Math.imul(at + 1, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash ^= hash >>> 13
  return (hash >>> 0) / 4_294_967_296 < share
}
