import { Fault, shown } from '@spate/runtime/fault'
import { hashOf } from './event-memory.ts'

/**
 * The users of one process among several: those whose id leads here by jump consistent hashing
 * (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014). Where a partition is
 * added, only the users move that go to it.
 */
export class Partition {
  readonly own: number
  readonly count: number

  /** `own`: 0 to count - 1. */
  constructor(own = 0, count = 1) {
    this.own = own
    this.count = count
  }

  /** As it is written: `0/4`. */
  get name(): string {
    return `${this.own}/${this.count}`
  }

  owns(userId: string): boolean {
    return this.count === 1 || ownerOf(userId, this.count) === this.own
  }

  /** Throws `misdirected`, which names the owner, where the user is not of this partition. */
  require(userId: string): void {
    if (this.owns(userId)) return
    const owner = `${ownerOf(userId, this.count)}/${this.count}`
    throw new Fault('misdirected', `this user is of partition ${owner}, here is ${this.name}`, {
      fields: [
        { field: 'userId', value: shown(userId), expected: `a user of partition ${this.name}` },
      ],
    })
  }
}

/** The partition `text` names; throws `settings_invalid` where it is none of its own count. */
export function partitionOf(text: string): Partition {
  const [own = 0, count = 1] = text.split('/').map(Number)
  if (!(own < count))
    throw new Fault('settings_invalid', `partition: expected 0/4 to 3/4, got ${shown(text)}`)
  return new Partition(own, count)
}

/** Number of the partition a user belongs to, 0 to `count` - 1. O(log count). */
export function ownerOf(userId: string, count: number): number {
  let seed = hashOf(userId) | 0
  let owner = 0
  for (let next = 0; next < count;) {
    owner = next
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    const share = (((mixed ^ (mixed >>> 14)) >>> 0) + 1) / 4_294_967_296
    next = Math.floor((owner + 1) / share)
  }
  return owner
}
