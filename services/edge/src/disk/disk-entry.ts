import type { ContentRange } from '../domain/ranges.ts'
import type { Selector } from '../domain/vary.ts'
import type { Indexed } from '../store/response-index.ts'
import type { DiskPlace, StoredResponse } from '../store/stored-response.ts'
import type { DataFile } from './data-file.ts'

/** Where bytes lie. */
export interface Span {
  readonly file: DataFile
  readonly at: number
  readonly length: number
}

/** Where a head lies, and its checksum: the index vouches for the head, the head for the body. */
export interface HeadSpan extends Span {
  readonly crc: number
}

/** One response on disk as the index in memory knows it: what it is found by, and where it lies. */
export class DiskEntry implements Indexed, DiskPlace {
  readonly id: number
  readonly key: string
  readonly host: string
  readonly tags: readonly string[]
  readonly selector: Selector
  readonly partial: ContentRange | undefined = undefined
  /** Bytes of the body. */
  readonly length: number
  body: Span | undefined
  head: HeadSpan | undefined
  /** Checksum of each chunk of the body; undefined until it was written or read by this process. */
  crcs: readonly number[] | undefined
  /** Wall ms of the soft purge since its head was written; 0 where there was none. */
  softMs = 0
  live = true
  /** Set by a hit: worth keeping when its file makes room. */
  visited = false
  /** The same response in memory; undefined where it is on disk only. */
  stored: StoredResponse | undefined
  loading: Promise<StoredResponse | undefined> | undefined

  constructor(id: number, of: Omit<Indexed, 'partial' | 'live'> & { readonly length: number }) {
    this.id = id
    this.key = of.key
    this.host = of.host
    this.tags = of.tags
    this.selector = of.selector
    this.length = of.length
  }

  /** True once all of it is on disk. */
  get ready(): boolean {
    return this.body !== undefined && this.head !== undefined
  }
}

/** Those of `entries` that are not purged; some may be so, and not swept yet. */
export function* living(entries: Iterable<DiskEntry>): Generator<DiskEntry> {
  for (const entry of entries) if (entry.live) yield entry
}
