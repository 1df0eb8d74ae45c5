import { createHash, timingSafeEqual } from 'node:crypto'
import { chmod, link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { secretBytes } from '@spate/runtime/chance'
import { errorCode, Fault } from '@spate/runtime/fault'
import type { Request } from './exchange.ts'

/** The key to admin calls: `Authorization: Bearer <token>`. */
export interface AdminToken {
  /** The secret itself. Never log it. */
  readonly value: string
  /** True where this start made it: show it to the operator once. */
  readonly generated: boolean
  /** Compares in constant time. */
  accepts(token: string): boolean
  /** Throws `Fault('unauthorized')` unless `request` carries the token. */
  require(request: Pick<Request, 'headers'>): void
}

/** Fewest characters of a token a user may set. */
export const adminTokenLengthMin = 16

/** A token with a known value: where a variable sets it, and in tests. */
export function adminToken(value: string, generated = false): AdminToken {
  const digest = sha256(value)
  const accepts = (token: string): boolean => timingSafeEqual(sha256(token), digest)
  return {
    value,
    generated,
    accepts,
    require(request) {
      const given = bearer(request.headers.get('authorization'))
      if (given === undefined)
        throw new Fault('unauthorized', 'this call needs Authorization: Bearer <admin token>')
      if (!accepts(given)) throw new Fault('unauthorized', 'the admin token is wrong')
    },
  }
}

/**
 * The token of this data folder: `configured` where it is set, else the one kept in
 * `<dataDir>/admin-token`, else a new one, written there with mode 600.
 */
export async function loadAdminToken(options: {
  readonly configured?: string | undefined
  readonly dataDir: string
}): Promise<AdminToken> {
  const { configured, dataDir } = options
  if (configured !== undefined && configured !== '') return adminToken(configured)
  const path = join(dataDir, 'admin-token')
  const kept = await readToken(path)
  if (kept !== undefined) return adminToken(kept)
  await mkdir(dataDir, { recursive: true })
  const made = secretBytes(24).toString('base64url')
  const draft = `${path}.${secretBytes(6).toString('hex')}`
  try {
    await writeFile(draft, `${made}\n`, { mode: 0o600, flush: true })
    // A link appears whole or not at all: of programs that start at once, one makes the token.
    await link(draft, path)
  } catch (caught) {
    const theirs = errorCode(caught) === 'EEXIST' ? await readToken(path) : undefined
    if (theirs === undefined) throw caught
    return adminToken(theirs)
  } finally {
    await rm(draft, { force: true })
  }
  return adminToken(made, true)
}

async function readToken(path: string): Promise<string | undefined> {
  try {
    // A copy or a restore may have widened the mode; others on the machine must not read it.
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600)
    const token = (await readFile(path, 'utf8')).trim()
    return token === '' ? undefined : token
  } catch (caught) {
    if (errorCode(caught) === 'ENOENT') return undefined
    throw caught
  }
}

function bearer(header: string | undefined): string | undefined {
  const match = header === undefined ? null : /^bearer +([^\s,]+)$/i.exec(header)
  return match?.[1]
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
