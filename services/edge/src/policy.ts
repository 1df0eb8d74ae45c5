import type { EdgePolicy } from './edge.ts'
import type { EdgeSettings } from './settings.ts'

/** The caching policy that `settings` ask for. */
export function policyOf(settings: EdgeSettings): EdgePolicy {
  const { negativeMs } = settings
  return {
    keys: { dropQuery: settings.dropQuery, sortQuery: settings.sortQuery },
    storing: {
      doubtfulAge: settings.doubtfulAge,
      disconnectedMs: settings.disconnectedMs,
      setCookie: settings.setCookie,
      heuristics: {
        fraction: settings.heuristicFraction,
        lifetimeMsMax: settings.heuristicMsMax,
        byStatus: negativeMs > 0 ? { 404: negativeMs, 410: negativeMs } : {},
      },
    },
    honourClient: settings.honourClientCacheControl,
    objectBytesMax: settings.objectBytesMax,
    transientBytesMax: settings.transientBytesMax,
  }
}
