import { Fault } from '@spate/runtime/fault'
import type { Handler, Request } from './exchange.ts'

/**
 * Keeps other web sites away from pages on an internal address.
 *
 * Two attacks reach a listener on loopback through an operator's browser: a form or script of
 * another site that posts to it (CSRF), and a foreign name that is made to resolve to it (DNS
 * rebinding). Our admin calls need a bearer token, which a browser never adds by itself, and JSON
 * calls need `application/json`, which a form cannot send. What is left is pages and calls without
 * a token; for them this guard checks two headers the browser writes and a script cannot forge:
 * `Host` must be a name we serve (or an address), and `Sec-Fetch-Site` or `Origin` must not say
 * that another site sends a changing request.
 */

/** Whom to let in. */
export interface SiteGuardOptions {
  /** Names the listener is reached by, without port; addresses and `localhost` always are. */
  readonly hosts?: readonly string[]
}

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/** `handler` behind the guard; refusals throw `Fault('forbidden')` before it runs. */
export function siteGuard(handler: Handler, options: SiteGuardOptions = {}): Handler {
  const hosts = new Set(options.hosts?.map((host) => host.toLowerCase()))
  return (request) => {
    const name = hostname(request.host)
    if (name !== undefined && name !== 'localhost' && !isAddress(name) && !hosts.has(name))
      throw refused('host', request.host, 'a name this program serves')
    if (!safe.has(request.method)) requireSameSite(request)
    return handler(request)
  }
}

function requireSameSite(request: Request): void {
  const site = request.headers.get('sec-fetch-site')
  if (site !== undefined) {
    if (site === 'same-origin' || site === 'none') return
    throw refused('sec-fetch-site', site, 'same-origin')
  }
  // Programs send neither header; browsers of before 2023 send at least Origin.
  const origin = request.headers.get('origin')
  if (origin === undefined || URL.parse(origin)?.host === request.host) return
  throw refused('origin', origin, 'the origin of this page')
}

function refused(field: string, value: string, expected: string): Fault {
  return new Fault('forbidden', `${field} does not belong here`, {
    fields: [{ field, value: value.slice(0, 80), expected }],
  })
}

/** Undefined where the client named none (HTTP/1.0): no browser does that. */
function hostname(host: string): string | undefined {
  if (host === '') return undefined
  return host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.split(':', 1)[0]
}

function isAddress(name: string): boolean {
  return name.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name)
}
