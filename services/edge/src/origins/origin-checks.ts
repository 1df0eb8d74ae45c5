import type { Health, HealthChecks } from '@spate/http/health'
import type { OriginSet } from './origin-set.ts'

/**
 * Readiness by site: `origin:<site>`. None is vital, because a cache answers without its origin
 * too, and taking this node out of service would take its stored pages with it.
 */
export function originChecks(origins: ReadonlyMap<string, OriginSet>): HealthChecks {
  return Object.fromEntries(
    [...origins].map(([site, set]) => [`origin:${site}`, () => healthOf(set)]),
  )
}

function healthOf({ members }: OriginSet): Health {
  const well = members.filter(({ healthy, breaker }) => healthy && breaker.state === 'closed')
  return {
    ready: well.length > 0,
    optional: true,
    detail: `${well.length} of ${members.length} well`,
  }
}
