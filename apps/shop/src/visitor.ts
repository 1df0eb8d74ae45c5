import { createHmac, timingSafeEqual } from 'node:crypto'
import { secretBytes } from '@spate/runtime/chance'
import type { Request } from '@spate/http/exchange'

/**
 * Who is visiting: a random id in a signed cookie. It is set on answers that no cache keeps, and
 * pages that caches keep never look at it.
 */

/** Name of the cookie. */
export const visitorCookie = 'spate_visitor'

/** How long a browser keeps it, seconds: half a year. */
export const visitorSecondsMax = 15_552_000

/** A visitor, and the header that makes the browser remember one that is new. */
export interface Visitor {
  readonly userId: string
  /** Value of `Set-Cookie`; undefined where the browser has it already. */
  readonly cookie: string | undefined
}

/** Reads and makes visitors. */
export class Visitors {
  readonly #key: Buffer

  /** `secret`: anything stable and secret; the key is derived from it. */
  constructor(secret: string) {
    this.#key = createHmac('sha256', secret).update('spate shop visitor v1').digest()
  }

  /** The visitor of `request`; a new one where it has none, or one that we did not sign. */
  of(request: Pick<Request, 'headers' | 'secure'>): Visitor {
    const userId = this.#known(request.headers.get('cookie'))
    return userId === undefined ? this.fresh(request) : { userId, cookie: undefined }
  }

  /** A visitor never seen before. */
  fresh(request: Pick<Request, 'secure'>): Visitor {
    const userId = `u-${secretBytes(9).toString('hex')}`
    const cookie = `${visitorCookie}=${userId}.${this.#sign(userId)}; Path=/; Max-Age=${visitorSecondsMax}; HttpOnly; SameSite=Lax`
    return { userId, cookie: request.secure ? `${cookie}; Secure` : cookie }
  }

  #sign(userId: string): string {
    return createHmac('sha256', this.#key).update(userId).digest('base64url')
  }

  #known(header: string | undefined): string | undefined {
    const value = header
      ?.split(';')
      .map((pair) => pair.trim())
      .find((pair) => pair.startsWith(`${visitorCookie}=`))
      ?.slice(visitorCookie.length + 1)
    const match = value === undefined ? null : /^(u-[\da-f]{18})\.([\w-]{43})$/.exec(value)
    const [userId, given] = [match?.[1], match?.[2]]
    if (userId === undefined || given === undefined) return undefined
    return timingSafeEqual(Buffer.from(this.#sign(userId)), Buffer.from(given)) ? userId : undefined
  }
}
