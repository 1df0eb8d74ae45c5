import {
  bytes,
  choice,
  decimal,
  duration,
  list,
  records,
  text,
  toggle,
  type AnySetting,
  type Setting,
  type TableOf,
} from '@spate/runtime/settings'
import type { DoubtfulAge } from '../domain/freshness.ts'
import type { SetCookiePolicy } from '../domain/storing.ts'
import { originPattern } from '../origins/settings.ts'

/** How responses are cached; a site may differ from the node, a rule from its site. */
export interface CachingSettings {
  readonly bypass: boolean
  readonly ttlMs: number | undefined
  readonly negativeMs: number
  readonly heuristicFraction: number
  readonly heuristicMsMax: number
  readonly disconnectedMs: number
  readonly objectBytesMax: number
  readonly setCookie: SetCookiePolicy
  readonly doubtfulAge: DoubtfulAge
  readonly honourClientCacheControl: boolean
  readonly dropQuery: readonly string[]
  readonly sortQuery: boolean
  readonly keyHeaders: readonly string[]
  readonly keyCookies: readonly string[]
}

/** What may differ; unset is as above it. */
export type CachingChanges = {
  readonly [Name in keyof CachingSettings]: CachingSettings[Name] | undefined
}

/** One rule of a site. */
export interface RuleSettings extends CachingChanges {
  readonly path: string
  readonly headers: readonly string[]
}

/** One site: hosts, where its pages come from, how they are cached. */
export interface SiteSettings extends CachingChanges {
  readonly name: string
  readonly hosts: readonly string[]
  readonly origins: readonly string[]
  readonly healthPath: string | undefined
  readonly rules: readonly RuleSettings[]
}

/**
 * Query names that tell a page's scripts where a visitor came from and select no content
 * (docs/decisions/040-marketing-parameters.md).
 */
export const marketingParameters: readonly string[] = (
  'utm_* gclid gclsrc gbraid wbraid dclid fbclid msclkid ttclid twclid yclid igshid ' +
  'mc_cid mc_eid li_fat_id _ga _gl'
).split(' ')

const MiB = 1024 ** 2
const token = /^[\w!#$%&'*+.^`|~-]+$/

/** The table of `CachingSettings`. */
export const cachingSettings: TableOf<CachingSettings> = {
  bypass: toggle(false, 'Pass requests on to the origin and store nothing'),
  ttlMs: duration(
    undefined,
    0,
    31_536_000_000,
    'Freshness of answers that may be stored, whatever they say of it; no-store, private and no-cache still hold',
  ),
  negativeMs: duration(0, 0, 86_400_000, 'Freshness of 404 and 410 that say nothing; 0 is none'),
  heuristicFraction: decimal(
    0.1,
    0,
    1,
    'Share of the time since Last-Modified a silent response counts as fresh',
  ),
  heuristicMsMax: duration(86_400_000, 0, 31_536_000_000, 'Longest guessed freshness'),
  disconnectedMs: duration(
    60_000,
    0,
    86_400_000,
    'How long a stale response may stand in for an origin that cannot be reached; never where headers forbid it',
  ),
  objectBytesMax: bytes(16 * MiB, 1024, 2 ** 32, 'Largest body kept in memory'),
  setCookie: choice(
    'refuse',
    ['refuse', 'strip', 'store'],
    'Responses that set a cookie: refuse stores only those marked public, strip stores them without the cookie, store does as RFC 9111 allows',
  ),
  doubtfulAge: choice(
    'stale',
    ['stale', 'ignore'],
    'Responses whose Age is no plain number: stale validates them, ignore counts them as new (RFC 9111 section 5.1)',
  ),
  honourClientCacheControl: toggle(
    true,
    'Obey Cache-Control of clients; off where clients must not reach the origin at will',
  ),
  dropQuery: list(
    marketingParameters,
    'Query names that do not select content: left out of the key and of the request to the origin; empty keeps all',
    { pattern: /^[^\s&=#?]+$/, expected: 'query names, with * at the end for all that begin so' },
  ),
  sortQuery: toggle(true, 'Sort query names in the key; off where the origin minds their order'),
  keyHeaders: list([], 'Request headers that select content though no Vary says so', {
    pattern: token,
    expected: 'header names',
  }),
  keyCookies: list([], 'Cookies that select content', { pattern: token, expected: 'cookie names' }),
}

/** The rows that a site or a rule may change: unset by default. */
const changes = Object.fromEntries(
  Object.entries(cachingSettings as Readonly<Record<string, AnySetting>>).map(([name, row]) => [
    name,
    { ...row, default: undefined },
  ]),
) as TableOf<CachingChanges>

const ruleRows: TableOf<RuleSettings> = {
  path: text('*', 'Paths it holds for; * stands for any letters', {
    pattern: /^[/*][!-~]{0,255}$/,
    expected: 'a path with * for any letters: /assets/*, *.css',
  }),
  headers: list(
    [],
    'Request headers it holds for, all of them: name: value, with * for any letters',
    {
      pattern: /^[\w!#$%&'*+.^`|~-]+: ?[ -~]*$/,
      expected: 'texts like "accept: *json*"',
    },
  ),
  ...changes,
}

const siteRows: TableOf<SiteSettings> = {
  name: text('', 'Name for telemetry, explain and health', {
    pattern: /^[a-z0-9][a-z0-9._-]{0,62}$/,
    expected: 'small letters, digits and . _ -',
    required: true,
  }),
  hosts: list([], 'Hosts it answers for; *.example.com is all below, * all others', {
    pattern: /^(?:\*|(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]{0,250}[a-z0-9_])?|\[[0-9a-f:.]+\])$/,
    expected: 'host names in small letters without a port: shop.example, *.shop.example, *',
    required: true,
  }),
  origins: list([], 'Where its pages come from', {
    pattern: originPattern,
    expected: 'URLs of scheme, host and port',
    required: true,
  }),
  healthPath: text(undefined, 'Path its origins are asked for to see whether they are well', {
    pattern: /^\/[!-~]*$/,
    expected: 'a path: /health/ready',
  }),
  ...changes,
  rules: records(ruleRows, 'Rules by path and header; the first that fits holds'),
}

/** The row of all sites. */
export const sitesSetting: Setting<readonly SiteSettings[]> = records(
  siteRows,
  'Sites by host, with origins and rules of their own; hosts of none go to origin, or get 421 where that is unset',
)
