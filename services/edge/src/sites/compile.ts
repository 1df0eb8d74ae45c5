import { Fault, type FieldProblem } from '@spate/runtime/fault'
import type { Origin } from '../origins/origin.ts'
import type { EdgePolicy } from '../policy.ts'
import { cookieField, ruleField } from './keyed-fields.ts'
import { Site, type HeaderTest, type Rule } from './site.ts'
import { Sites } from './sites.ts'
import {
  cachingSettings,
  type CachingChanges,
  type CachingSettings,
  type RuleSettings,
  type SiteSettings,
} from './settings.ts'

/** What of an edge's settings makes its sites. */
export interface SitesSource extends CachingSettings {
  readonly origin: string | undefined
  readonly origins: readonly string[]
  readonly healthPath: string | undefined
  readonly sites: readonly SiteSettings[]
}

/** Makes the way to the origins of `site`. */
export type OriginMaker = (
  site: string,
  urls: readonly string[],
  healthPath: string | undefined,
) => Origin

/** Name of the site that `origin` makes. */
export const defaultSite = 'default'

/**
 * Makes the sites that settings describe; `origin` answers for every host that no site names.
 * Throws `Fault('settings_invalid')` where there is no origin at all, or two sites want one host.
 */
export function sitesOf(source: SitesSource, originOf: OriginMaker): Sites {
  const problems = problemsOf(source)
  if (problems.length > 0) {
    const lines = problems.map(({ field, value, expected }) =>
      value === undefined ? `${field}: ${expected}` : `${field}: got "${value}", ${expected}`,
    )
    throw new Fault('settings_invalid', lines.join('\n  '), { fields: problems })
  }
  const sites = source.sites.map((site, at) => {
    const origin = originOf(site.name, site.origins, site.healthPath ?? source.healthPath)
    return siteOf(site, { origin, caching: changed(source, site), place: `sites[${at}]` })
  })
  if (source.origin !== undefined) {
    const origin = originOf(defaultSite, [source.origin, ...source.origins], source.healthPath)
    const site = { name: defaultSite, hosts: ['*'], rules: [] }
    sites.push(siteOf(site, { origin, caching: changed(source), place: '' }))
  }
  return new Sites(sites)
}

function problemsOf({ origin, sites }: SitesSource): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (origin === undefined && sites.length === 0)
    problems.push({
      field: 'origin',
      expected: 'say where pages come from, --origin http://host:port, or name sites',
    })
  const hosts = new Map<string, string>(origin === undefined ? [] : [['*', 'origin']])
  const names = new Set([defaultSite])
  for (const [at, site] of sites.entries()) {
    const { name } = site
    if (names.has(name))
      problems.push({ field: `sites[${at}].name`, value: name, expected: 'a name of its own' })
    names.add(name)
    for (const part of ['hosts', 'origins'] as const) {
      if (site[part].length === 0)
        problems.push({ field: `sites[${at}].${part}`, expected: 'at least one' })
    }
    for (const host of site.hosts) {
      const other = hosts.get(host)
      if (other !== undefined)
        problems.push({
          field: `sites[${at}].hosts`,
          value: host,
          expected: `a host that ${other} does not have`,
        })
      hosts.set(host, `sites[${at}]`)
    }
  }
  return problems
}

function siteOf(
  { name, hosts, rules }: Pick<SiteSettings, 'name' | 'hosts' | 'rules'>,
  from: { readonly origin: Origin; readonly caching: CachingSettings; readonly place: string },
): Site {
  const { origin, caching } = from
  // A rule that looks at headers makes two answers of one URL: then the rule selects too.
  const byHeader = rules.some(({ headers }) => headers.length > 0)
  const policy = (rule: string, with_: CachingSettings): EdgePolicy =>
    policyOf(with_, { site: name, rule, origin, byHeader })
  const made = rules.map((rule, at): Rule => ({
    path: rule.path,
    headers: rule.headers.map(headerTest),
    policy: policy(`rules[${at}] ${written(rule)}`, changed(caching, rule)),
  }))
  return new Site({
    name,
    hosts,
    rules: made,
    otherwise: policy('otherwise', caching),
    doubtful: policy('doubtful path', { ...caching, bypass: true }),
  })
}

function written({ path, headers }: RuleSettings): string {
  return [path, ...headers].join(', ')
}

function headerTest(text: string): HeaderTest {
  const colon = text.indexOf(':')
  return { name: text.slice(0, colon).toLowerCase(), pattern: text.slice(colon + 1).trim() }
}

/** `settings` with what `by` sets. */
function changed(settings: CachingSettings, by: Partial<CachingChanges> = {}): CachingSettings {
  const all = Object.keys(cachingSettings) as (keyof CachingSettings)[]
  return Object.fromEntries(all.map((each) => [each, by[each] ?? settings[each]])) as {
    [Name in keyof CachingSettings]: never
  }
}

/** The policy that caching settings ask for. */
function policyOf(
  caching: CachingSettings,
  of: {
    readonly site: string
    readonly rule: string
    readonly origin: Origin
    readonly byHeader: boolean
  },
): EdgePolicy {
  const { negativeMs, ttlMs } = caching
  const keyed = [
    ...caching.keyHeaders.map((name) => name.toLowerCase()),
    ...caching.keyCookies.map(cookieField),
    ...(of.byHeader ? [ruleField] : []),
  ]
  return {
    site: of.site,
    rule: of.rule,
    origin: of.origin,
    keys: { dropQuery: caching.dropQuery, sortQuery: caching.sortQuery },
    keyed: [...new Set(keyed)].sort(),
    storing: {
      doubtfulAge: caching.doubtfulAge,
      disconnectedMs: caching.disconnectedMs,
      setCookie: caching.setCookie,
      heuristics: {
        fraction: caching.heuristicFraction,
        lifetimeMsMax: caching.heuristicMsMax,
        byStatus: negativeMs > 0 ? { 404: negativeMs, 410: negativeMs } : {},
        ...(ttlMs === undefined ? {} : { ruledMs: ttlMs }),
      },
    },
    bypass: caching.bypass,
    honourClient: caching.honourClientCacheControl,
    objectBytesMax: caching.objectBytesMax,
  }
}
