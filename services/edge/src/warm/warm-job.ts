import { gunzipSync } from 'node:zlib'
import { isPrepared, type Headers, type Response } from '@spate/http/exchange'
import { errorText, Fault, shown } from '@spate/runtime/fault'
import type { WarmAnswer } from '../contract.ts'
import { fieldSource, fieldValue } from '../domain/fields.ts'
import { readSitemap, sitemapUrlsMax } from '../domain/sitemap.ts'
import type { Edge } from '../edge.ts'
import { ownRequest } from './own-request.ts'

/** Largest sitemap, unpacked, bytes. */
export const sitemapBytesMax: number = 10 * 1024 ** 2
/** Sitemaps an index may lead to; indexes of indexes are not followed. */
export const sitemapsMax = 100
/** Failures a job names; the rest is counted. */
const failuresMax = 20

/** What browsers accept: pages that vary by it are warmed as browsers will ask for them. */
const asBrowsers = own({ 'accept-encoding': 'gzip, deflate, br, zstd' })
const asRobots = own({})

/** One order to bring pages into the cache. */
export class WarmJob {
  readonly id: string
  readonly #edge: Edge
  readonly #stop = new AbortController()
  readonly #startedAt: string
  #state: WarmAnswer['state'] = 'running'
  #finishedAt: string | undefined
  #detail: string | undefined
  readonly #urls = new Map<string, URL>()
  readonly #counts = { done: 0, stored: 0, fresh: 0, unstored: 0, failed: 0, skipped: 0, bytes: 0 }
  readonly #failures: { readonly url: string; readonly why: string }[] = []

  constructor(id: string, edge: Edge) {
    this.id = id
    this.#edge = edge
    this.#startedAt = new Date(edge.now()).toISOString()
  }

  get running(): boolean {
    return this.#state === 'running'
  }

  get answer(): WarmAnswer {
    return {
      id: this.id,
      state: this.#state,
      total: this.#urls.size,
      ...this.#counts,
      failures: this.#failures,
      startedAt: this.#startedAt,
      ...(this.#finishedAt === undefined ? {} : { finishedAt: this.#finishedAt }),
      ...(this.#detail === undefined ? {} : { detail: this.#detail }),
    }
  }

  /** Takes `url` up, once; skips what is too much or not of this node. */
  add(url: URL): void {
    const key = url.host + url.pathname + url.search
    if (this.#urls.has(key)) return
    if (this.#urls.size >= sitemapUrlsMax || !this.#edge.sites.of(url.host)) this.#counts.skipped++
    else this.#urls.set(key, url)
  }

  cancel(): void {
    this.#stop.abort(new Fault('cancelled'))
  }

  /** Reads `sitemap`, where there is one, then fetches every page, `concurrency` at a time. Never rejects. */
  async run(sitemap: URL | undefined, concurrency: number): Promise<void> {
    const { signal } = this.#stop
    try {
      if (sitemap) await this.#readSitemaps(sitemap)
      const urls = [...this.#urls.values()]
      let next = 0
      const work = async (): Promise<void> => {
        for (let url = urls[next++]; url && !signal.aborted; url = urls[next++]) {
          await this.#warm(url)
          // Fresh pages are answered at once: others must have their turn.
          await new Promise<void>((resolve) => void setImmediate(resolve))
        }
      }
      await Promise.all(Array.from({ length: concurrency }, work))
      this.#state = signal.aborted ? 'cancelled' : 'done'
    } catch (caught) {
      this.#state = signal.aborted ? 'cancelled' : 'failed'
      this.#detail = signal.aborted ? undefined : errorText(caught)
    }
    this.#finishedAt = new Date(this.#edge.now()).toISOString()
  }

  async #readSitemaps(first: URL): Promise<void> {
    const top = await this.#readSitemap(first)
    if (top.kind === 'pages') return this.#addAll(top.locations, first)
    const further = this.#ofHost(top.locations, first)
    this.#counts.skipped += Math.max(0, further.length - sitemapsMax)
    for (const url of further.slice(0, sitemapsMax)) {
      if (this.#stop.signal.aborted) return
      const below = await this.#readSitemap(url)
      if (below.kind === 'pages') this.#addAll(below.locations, url)
      else this.#failed(url.href, 'an index in an index is not followed')
    }
  }

  #addAll(locations: readonly string[], from: URL): void {
    for (const url of this.#ofHost(locations, from)) this.add(url)
  }

  /** Locations of the host that names them: a sitemap speaks for no other (sitemaps.org, "Location"). */
  #ofHost(locations: readonly string[], { host }: URL): URL[] {
    const urls = locations.flatMap((location) => {
      const url = URL.parse(location)
      return url && /^https?:$/.test(url.protocol) && url.host === host ? [url] : []
    })
    this.#counts.skipped += locations.length - urls.length
    return urls
  }

  async #readSitemap(
    url: URL,
  ): Promise<{ readonly kind: 'pages' | 'index'; readonly locations: readonly string[] }> {
    const { status, body } = await this.#fetch(url, asRobots, sitemapBytesMax)
    if (status !== 200) throw new Fault('bad_gateway', `${shown(url.href)} answered ${status}`)
    const sitemap = readSitemap(unpacked(body).toString('utf8'))
    if (sitemap.kind === 'refused')
      throw new Fault('bad_gateway', `${shown(url.href)} is no sitemap: ${sitemap.why}`)
    if (sitemap.cut) this.#detail = `${url.href} names more than ${sitemapUrlsMax} URLs`
    return sitemap
  }

  async #warm(url: URL): Promise<void> {
    const counts = this.#counts
    try {
      const { status, told, bytes } = await this.#fetch(url, asBrowsers, 0)
      counts.bytes += bytes
      if (status >= 400) this.#failed(url.href, `status ${status}`)
      else if (/(?:^|, )spate; hit/.test(told)) counts.fresh++
      else if (told.includes('; stored')) counts.stored++
      else counts.unstored++
    } catch (caught) {
      if (this.#stop.signal.aborted) return
      this.#failed(url.href, errorText(caught))
    }
    counts.done++
  }

  #failed(url: string, why: string): void {
    this.#counts.failed++
    if (this.#failures.length < failuresMax) this.#failures.push({ url: url.slice(0, 512), why })
  }

  /** Asks this node's own handler and reads the answer to its end; keeps at most `keepMax` bytes. */
  async #fetch(
    url: URL,
    headers: Headers,
    keepMax: number,
  ): Promise<{
    readonly status: number
    readonly told: string
    readonly body: Buffer
    readonly bytes: number
  }> {
    const request = ownRequest(url, { headers, signal: this.#stop.signal })
    const made = await this.#edge.handle(request)
    const answer: Response = isPrepared(made) ? made.response() : made
    const kept: Uint8Array[] = []
    let bytes = 0
    for await (const piece of piecesOf(answer)) {
      bytes += piece.length
      if (keepMax === 0) continue
      if (bytes > keepMax)
        throw new Fault('bad_gateway', `${shown(url.href)} is larger than ${keepMax} bytes`)
      kept.push(piece)
    }
    const told = fieldValue(answer.headers, 'cache-status') ?? ''
    return { status: answer.status, told, body: Buffer.concat(kept), bytes }
  }
}

async function* piecesOf({ body }: Response): AsyncGenerator<Uint8Array, void, undefined> {
  if (body === undefined) return
  if (typeof body === 'string') yield Buffer.from(body)
  else if (body instanceof Uint8Array) yield body
  else yield* body
}

/** A packed sitemap (`.xml.gz`) unpacked, as far as `sitemapBytesMax`. */
function unpacked(body: Buffer): Buffer {
  if (body[0] !== 0x1f || body[1] !== 0x8b) return body
  try {
    return gunzipSync(body, { maxOutputLength: sitemapBytesMax })
  } catch (caught) {
    throw new Fault(
      'bad_gateway',
      `a packed sitemap is broken or larger than ${sitemapBytesMax} bytes`,
      {
        cause: caught,
      },
    )
  }
}

function own(fields: Readonly<Record<string, string>>): Headers {
  const raw = Object.entries({ 'user-agent': 'spate-warm', ...fields }).flat()
  const source = fieldSource(raw)
  return {
    raw,
    get: (name) => source.get(name),
    all: (name) => [source.get(name) ?? []].flat(),
    has: (name) => source.get(name) !== undefined,
  }
}
