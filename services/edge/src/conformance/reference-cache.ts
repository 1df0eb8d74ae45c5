/**
 * A cache as RFC 9111 tells it, with no thought for speed: a plain list of all stored responses.
 * The property test asks it and the real one the same questions.
 */
import { parseRequestDirectives } from '../domain/cache-control.ts'
import { fieldSource, fieldValue, type FieldList } from '../domain/fields.ts'

/** One response of the imagined origin. */
export interface ReferenceResponse {
  /** Value of Cache-Control; absent where there is none. */
  readonly control: string | undefined
  readonly vary: string | undefined
  readonly tag: string
  readonly body: string
  readonly status: number
}

interface Stored extends ReferenceResponse {
  readonly url: string
  readonly request: FieldList
  readonly atMs: number
}

/** What the list says to one request. */
export type ReferenceAnswer =
  | { readonly kind: 'hit'; readonly body: string }
  | { readonly kind: 'forward' }

/** The naive cache. Every call is O(stored responses). */
export class ReferenceCache {
  #stored: Stored[] = []

  /** RFC 9111 section 4: the newest stored response that matches, if it is fresh enough. */
  ask(url: string, request: FieldList, nowMs: number): ReferenceAnswer {
    const found = this.#stored.findLast((each) => each.url === url && this.#selected(each, request))
    if (!found) return { kind: 'forward' }
    const wishes = parseRequestDirectives(fieldValue(request, 'cache-control'), undefined)
    const age = (nowMs - found.atMs) / 1000
    const lifetime = lifetimeOf(found)
    if (wishes.noCache) return { kind: 'forward' }
    if (wishes.maxAge !== undefined && age > wishes.maxAge) return { kind: 'forward' }
    if (wishes.minFresh !== undefined && lifetime - age < wishes.minFresh)
      return { kind: 'forward' }
    return age < lifetime ? { kind: 'hit', body: found.body } : { kind: 'forward' }
  }

  /** RFC 9111 section 3: stores what may be stored, in place of what it replaces. */
  tell(url: string, request: FieldList, response: ReferenceResponse, nowMs: number): void {
    const previous = this.#stored.findLast(
      (each) => each.url === url && this.#selected(each, request),
    )
    const control = response.control ?? ''
    const wishes = parseRequestDirectives(fieldValue(request, 'cache-control'), undefined)
    const refused =
      /no-store|private/.test(control) ||
      wishes.noStore ||
      response.vary === '*' ||
      lifetimeOf(response) === 0 ||
      (fieldValue(request, 'authorization') !== undefined &&
        !/public|s-maxage|must-revalidate/.test(control))
    const alone = fieldValue(request, 'authorization') !== undefined
    // The origin has said something else: what was stored for this request is past.
    if (previous && !alone) this.#stored = this.#stored.filter((each) => each !== previous)
    if (refused) return
    const made = { ...response, url, request, atMs: nowMs }
    this.#stored = this.#stored.filter((each) => !(each.url === url && this.#same(each, made)))
    this.#stored.push(made)
  }

  /** RFC 9111 section 4.4, and a purge by URL. */
  forget(url: string): void {
    this.#stored = this.#stored.filter((each) => each.url !== url)
  }

  forgetTag(tag: string): void {
    this.#stored = this.#stored.filter((each) => each.tag !== tag)
  }

  #selected(stored: Stored, request: FieldList): boolean {
    return names(stored.vary).every(
      (name) => fieldSource(stored.request).get(name) === fieldSource(request).get(name),
    )
  }

  #same(one: Stored, other: Stored): boolean {
    return one.vary === other.vary && this.#selected(one, other.request)
  }
}

const names = (vary: string | undefined): string[] => (vary === undefined ? [] : vary.split(', '))

/** Seconds; 0 where it must not be reused without asking. */
function lifetimeOf({ control = '' }: { readonly control: string | undefined }): number {
  if (/no-cache/.test(control)) return 0
  const shared = /s-maxage=(\d+)/.exec(control) ?? /max-age=(\d+)/.exec(control)
  return shared ? Number(shared[1]) : 0
}
