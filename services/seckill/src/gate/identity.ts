import { readFile } from 'node:fs/promises'
import { createClientAddress } from '@spate/http/client-address'
import type { Request } from '@spate/http/exchange'
import type { Clock } from '@spate/runtime/clock'
import { Fault } from '@spate/runtime/fault'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose'
import { idLengthMax } from '../contract.ts'

/** How the engine knows who is buying. */
export interface IdentitySettings {
  readonly identity: 'body' | 'header' | 'jwt'
  readonly identityHeader: string
  readonly trustedProxies: readonly string[]
  readonly jwtSecret: string | undefined
  /** File or URL of a JSON Web Key Set (RFC 7517). */
  readonly jwtKeys: string | undefined
  readonly jwtIssuer: string | undefined
  readonly jwtAudience: string | undefined
  readonly jwtClaim: string
  readonly jwtCacheMax: number
}

/**
 * The buyer a request speaks for, and `named`, where the body names one too, must be the same.
 * A promise only where a token is seen for the first time. Throws or rejects with `invalid_field`,
 * `unauthorized` (no proof of identity, or a bad one) or `forbidden` (somebody else is named).
 */
export type Identity = (request: Request, named: string | undefined) => string | Promise<string>

/** The way `settings` ask for. Rejects with `settings_invalid` where keys are missing or unreadable. */
export async function openIdentity(settings: IdentitySettings, clock: Clock): Promise<Identity> {
  if (settings.identity === 'body') return bodyIdentity
  if (settings.identity === 'header') return headerIdentity(settings)
  return await jwtIdentity(settings, clock)
}

/** Whoever the body names: behind a shop that knows its users, and in tests. */
export function bodyIdentity(_request: unknown, named: string | undefined): string {
  if (named !== undefined) return named
  throw new Fault('invalid_field', undefined, {
    fields: [{ field: 'userId', expected: 'a user id: 1 to 128 characters' }],
  })
}

function headerIdentity({ identityHeader, trustedProxies }: IdentitySettings): Identity {
  const name = identityHeader.toLowerCase()
  // Only a trusted peer's word on the client's address is taken: the probe tells which one that is.
  const probe = '192.0.2.1'
  const clientOf = createClientAddress(trustedProxies)
  const trusted = (peer: string): boolean => clientOf(peer, { all: () => [probe] }) === probe
  return (request, named) => {
    // Two lines are one of ours and one of the client's: neither is believed.
    const [given, second] = request.headers.all(name)
    if (given === undefined || second !== undefined)
      throw new Fault('unauthorized', `the header ${name} must name one user`)
    if (!trusted(request.peerAddress))
      throw new Fault('unauthorized', `the header ${name} does not come from a trusted proxy`)
    return same(checked(given), named)
  }
}

interface Known {
  readonly userId: string
  readonly untilMs: number
}

async function jwtIdentity(settings: IdentitySettings, clock: Clock): Promise<Identity> {
  const keys = await keysOf(settings)
  const { jwtIssuer: issuer, jwtAudience: audience, jwtClaim, jwtCacheMax } = settings
  const rules: JWTVerifyOptions = {
    requiredClaims: ['exp', jwtClaim],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
    algorithms: settings.jwtKeys === undefined ? symmetric : asymmetric,
  }
  const known = new Map<string, Known>()
  const learn = (token: string, payload: JWTPayload): string => {
    const claim = payload[jwtClaim]
    const userId = checked(typeof claim === 'string' ? claim : '')
    for (const oldest of known.keys()) {
      if (known.size < jwtCacheMax) break
      known.delete(oldest)
    }
    known.set(token, { userId, untilMs: (payload.exp ?? 0) * 1000 })
    return userId
  }
  return (request, named) => {
    const token = bearer(request.headers.get('authorization'))
    const found = known.get(token)
    if (found && clock.now() < found.untilMs) return same(found.userId, named)
    if (found) known.delete(token)
    const currentDate = new Date(clock.now())
    return jwtVerify(token, keys, { ...rules, currentDate }).then(
      ({ payload }) => same(learn(token, payload), named),
      (caught: unknown) => {
        throw refusalOf(caught)
      },
    )
  }
}

const symmetric = ['HS256', 'HS384', 'HS512']
const asymmetric = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA']

async function keysOf({ jwtKeys, jwtSecret }: IdentitySettings): Promise<JWTVerifyGetKey> {
  if (jwtKeys === undefined && jwtSecret === undefined)
    throw new Fault('settings_invalid', 'identity jwt needs jwtKeys or jwtSecret', {
      fields: [{ field: 'jwtKeys', expected: 'a file or URL of a key set, or jwtSecret' }],
    })
  if (jwtKeys === undefined) {
    const secret = Buffer.from(jwtSecret ?? '')
    return () => secret
  }
  if (/^https?:\/\//.test(jwtKeys)) return createRemoteJWKSet(new URL(jwtKeys))
  try {
    return createLocalJWKSet(JSON.parse(await readFile(jwtKeys, 'utf8')) as JSONWebKeySet)
  } catch (caught) {
    throw new Fault('settings_invalid', `no key set: ${jwtKeys}`, {
      fields: [{ field: 'jwtKeys', value: jwtKeys, expected: 'a readable JSON Web Key Set' }],
      cause: caught,
    })
  }
}

/** A key set that does not answer is our trouble; everything else is the token's. */
function refusalOf(caught: unknown): Fault {
  if (caught instanceof Fault) return caught
  if (caught instanceof errors.JWKSTimeout || !(caught instanceof errors.JOSEError))
    return new Fault('store_unavailable', 'the keys of tokens cannot be had now', { cause: caught })
  return new Fault('unauthorized', `the token is not good: ${caught.code}`, { cause: caught })
}

function bearer(header: string | undefined): string {
  const token = /^bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header ?? '')?.[1]
  if (token === undefined)
    throw new Fault('unauthorized', 'this call needs Authorization: Bearer <token>')
  return token
}

function checked(userId: string): string {
  // oxlint-disable-next-line no-control-regex
  if (userId.length >= 1 && userId.length <= idLengthMax && !/[\u0000-\u001f\u007f]/.test(userId))
    return userId
  throw new Fault('unauthorized', `the user named is not 1 to ${idLengthMax} plain characters`)
}

function same(userId: string, named: string | undefined): string {
  if (named === undefined || named === userId) return userId
  throw new Fault('forbidden', 'userId names somebody else')
}
