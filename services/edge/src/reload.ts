import type { EdgeSettings } from './settings.ts'

/** What became of new settings. */
export interface ReloadAnswer {
  readonly reloaded: true
  /** Names of settings that differ and hold from now on. */
  readonly changed: readonly string[]
  /** Names of settings that differ and hold only after a restart. */
  readonly restart: readonly string[]
}

/** Settings that need new ports, new memory or new connections of clients. */
const fixed: ReadonlySet<string> = new Set(
  'host port adminPort adminToken memoryBytesMax trustedProxies forwardedHeader workers upgradable peersName peersResolveMs peerConnectMs diskBytes diskObjectBytesMax diskObjectsMax diskPromoteBytesMax store redis sharedTtlMs sharedLookupMs sharedObjectBytesMax'.split(
    ' ',
  ),
)

/** Compares settings; `listenLimits` are the names of limits of open ports. */
export function differences(
  before: EdgeSettings,
  after: EdgeSettings,
  listenLimits: readonly string[],
): ReloadAnswer {
  const changed: string[] = []
  const restart: string[] = []
  const limits = new Set(listenLimits)
  for (const name of Object.keys(after) as (keyof EdgeSettings)[]) {
    if (JSON.stringify(before[name]) === JSON.stringify(after[name])) continue
    if (fixed.has(name) || limits.has(name)) restart.push(name)
    else changed.push(name)
  }
  return { reloaded: true, changed, restart }
}
