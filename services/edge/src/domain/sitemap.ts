/**
 * Sitemaps (sitemaps.org protocol 0.9): a list of pages, or an index of further sitemaps. Read by
 * looking for `<loc>` inside `<url>` or `<sitemap>`: no DTD, no entities but the five of XML and
 * character references, so nothing expands.
 */

/** URLs in one sitemap, and in all sitemaps of one job. */
export const sitemapUrlsMax = 50_000

/** What a sitemap says; `cut`: it named more than `sitemapUrlsMax`. */
export type Sitemap =
  | {
      readonly kind: 'pages' | 'index'
      readonly locations: readonly string[]
      readonly cut: boolean
    }
  | { readonly kind: 'refused'; readonly why: string }

const name = '(?:[A-Za-z_][\\w.-]*:)?'
const root = new RegExp(
  `^\\uFEFF?(?:\\s|<\\?[^>]*>|<!--(?:(?!-->)[^])*-->)*<${name}(urlset|sitemapindex)[\\s>/]`,
)
const location = new RegExp(
  `<${name}loc\\s*>\\s*(?:<!\\[CDATA\\[([^\\]<]{1,2048})\\]\\]>|([^<]{1,16384}?))\\s*</${name}loc\\s*>`,
  'g',
)

/** Reads the text of a sitemap. O(length). */
export function readSitemap(text: string): Sitemap {
  const found = root.exec(text)
  if (!found) return { kind: 'refused', why: 'no urlset and no sitemapindex at its beginning' }
  const locations: string[] = []
  for (const match of text.matchAll(location)) {
    if (locations.length === sitemapUrlsMax) return { kind: kindOf(found[1]), locations, cut: true }
    locations.push(match[1] ?? decoded(match[2] ?? ''))
  }
  return { kind: kindOf(found[1]), locations, cut: false }
}

function kindOf(element: string | undefined): 'pages' | 'index' {
  return element === 'urlset' ? 'pages' : 'index'
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}

/** `text` with the entities of XML 1.0 section 4.6 and character references put in; others stay. */
function decoded(text: string): string {
  return text.replaceAll(
    /&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|([a-z]{2,4}));/g,
    (whole, ...found) => {
      const [decimal, hex, entity] = found as [string?, string?, string?]
      if (entity !== undefined) return entities[entity] ?? whole
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
      return code <= 0x10_ffff ? String.fromCodePoint(code) : whole
    },
  )
}
