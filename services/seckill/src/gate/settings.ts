import { rateLimitSettings } from '@spate/http/settings'
import { choice, duration, integer, list, text, type TableOf } from '@spate/runtime/settings'
import { proofBitsMax } from './domain/proof.ts'
import type { IdentitySettings } from './identity.ts'
import type { RateLimitsSettings } from './rate-limits.ts'
import type { RiskSettings } from './risk-desk.ts'

/** Settings of tickets and waiting rooms. */
interface TicketSettings {
  readonly ticketKey: string | undefined
  readonly ticketKeyPrevious: string | undefined
  readonly ticketExpire: number
  readonly challengeExpire: number
  readonly proofBits: number
  readonly queuePeopleMax: number
  readonly queueStreamsMax: number
  readonly admitPerSecond: number
}

/** Settings of admission. */
export interface GateSettings
  extends
    TicketSettings,
    RateLimitsSettings,
    RiskSettings,
    Omit<IdentitySettings, 'trustedProxies'> {}

const rate = (whose: string): ReturnType<typeof text<undefined>> =>
  text(undefined, `Requests ${whose}, steadily; off where unset`, {
    pattern: /^[1-9]\d{0,5}\/\d{0,5}(?:ms|s|m|h|d)$/,
    expected: 'a count and a time: 10/s, 600/m, 5/10s',
  })
const burst = (whose: string): ReturnType<typeof integer<undefined>> =>
  integer(undefined, 1, 1_000_000, `Requests ${whose} at once; the count of its rate where unset`, {
    unit: 'requests',
  })
const secret = (why: string): ReturnType<typeof text<undefined>> =>
  text(undefined, why, {
    secret: true,
    pattern: /^[\w.~+/=-]{32,256}$/,
    expected: '32 to 256 letters, digits and . _ ~ + / = -',
  })

const rateRows: TableOf<RateLimitsSettings> = {
  ...rateLimitSettings,
  deviceRateLimit: rate('of one device (Seckill-Device header or seckill_device cookie)'),
  deviceRateBurst: burst('of one device'),
  userRateLimit: rate('of one user'),
  userRateBurst: burst('of one user'),
  campaignRateLimit: rate('for one campaign, all users together'),
  campaignRateBurst: burst('for one campaign'),
  globalRateLimit: rate('of all users together'),
  globalRateBurst: burst('of all users together'),
}

const ticketRows: TableOf<TicketSettings> = {
  ticketKey: secret('Secret that signs tickets; where unset, one is kept in the data folder'),
  ticketKeyPrevious: secret('Secret before it: tickets signed with it stay good'),
  ticketExpire: duration(600_000, 1000, 86_400_000, 'How long a ticket is good'),
  challengeExpire: duration(
    600_000,
    1000,
    86_400_000,
    'How long a proof of work may be shown, from its challenge or the start, whichever is later',
  ),
  proofBits: integer(
    16,
    0,
    proofBitsMax,
    'Zero bits a proof of work must have where a campaign says nothing: each doubles the work',
    { unit: 'bits' },
  ),
  queuePeopleMax: integer(1_000_000, 1, 20_000_000, 'People in one waiting room', {
    unit: 'people',
  }),
  queueStreamsMax: integer(10_000, 0, 1_000_000, 'People who watch their place by events at once'),
  admitPerSecond: integer(
    100,
    1,
    1_000_000,
    'People let in from a waiting room where a campaign says nothing',
    { unit: 'people' },
  ),
}

const riskRows: TableOf<RiskSettings> = {
  risk: choice(
    'off',
    ['off', 'watch', 'on'],
    'Score attempts for signs of machines; watch only lists them',
  ),
  riskHoldAt: integer(60, 1, 101, 'Score from which an attempt is held for review; 101 is never'),
  riskDenyAt: integer(90, 1, 101, 'Score from which an attempt is denied; 101 is never'),
  riskPoints: list([], 'Points by reason where they differ from ours: shared_address:0', {
    pattern: /^[a-z_]+:(?:100|\d{1,2})$/,
    expected: 'reason:points, points from 0 to 100',
  }),
  riskTracesMax: integer(200_000, 10, 10_000_000, 'Users, networks and devices remembered'),
  riskReviewsMax: integer(10_000, 1, 1_000_000, 'Users on the review list, and decided on'),
}

const identityRows: TableOf<Omit<IdentitySettings, 'trustedProxies'>> = {
  identity: choice(
    'body',
    ['body', 'header', 'jwt'],
    'Who says who is buying: the body, a header of a trusted proxy, or a signed token',
  ),
  identityHeader: text('x-user-id', 'Header in which a trusted proxy names the user', {
    pattern: /^[\w-]{1,64}$/,
    expected: 'a header name',
  }),
  jwtSecret: secret('Secret of HMAC-signed tokens (HS256, HS384, HS512)'),
  jwtKeys: text(undefined, 'File or URL of the JSON Web Key Set that tokens are signed with'),
  jwtIssuer: text(undefined, 'Issuer that tokens must name; any where unset'),
  jwtAudience: text(undefined, 'Audience that tokens must name; any where unset'),
  jwtClaim: text('sub', 'Claim that holds the user id'),
  jwtCacheMax: integer(100_000, 1, 10_000_000, 'Verified tokens remembered until they expire'),
}

/** Every setting of admission. */
export const gateSettings: TableOf<GateSettings> = {
  ...rateRows,
  ...ticketRows,
  ...riskRows,
  ...identityRows,
}
