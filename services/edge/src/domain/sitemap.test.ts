import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSitemap, sitemapUrlsMax } from './sitemap.ts'

test('a sitemap is read with prefixes, comments, entities, CDATA and space around', () => {
  const text = `\uFEFF<?xml version="1.0"?><!-- <urlset> not here -->
    <sm:urlset xmlns:sm="http://www.sitemaps.org/schemas/sitemap/0.9">
      <sm:url><sm:loc> http://a/?x=1&amp;y=2&#38;z=&#x33; </sm:loc><sm:lastmod>2026</sm:lastmod></sm:url>
      <sm:url><sm:loc><![CDATA[http://a/c&d]]></sm:loc></sm:url>
    </sm:urlset>`
  assert.deepEqual(readSitemap(text), {
    kind: 'pages',
    locations: ['http://a/?x=1&y=2&z=3', 'http://a/c&d'],
    cut: false,
  })
})

test('an index is told apart; what is neither is refused; entities of its own expand to nothing', () => {
  const index = '<sitemapindex><sitemap><loc>http://a/1.xml</loc></sitemap></sitemapindex>'
  assert.deepEqual(readSitemap(index), {
    kind: 'index',
    locations: ['http://a/1.xml'],
    cut: false,
  })
  for (const text of ['', 'http://a/', '<html><loc>x</loc></html>', '{"urlset": 1}'])
    assert.equal(readSitemap(text).kind, 'refused', text)
  const bomb =
    '<!DOCTYPE urlset [<!ENTITY a "aaaa">]><urlset><url><loc>http://a/&a;</loc></url></urlset>'
  assert.equal(readSitemap(bomb).kind, 'refused')
  const own = readSitemap('<urlset><url><loc>http://a/&bomb;&#x110000;</loc></url></urlset>')
  assert.deepEqual(own.kind !== 'refused' && own.locations, ['http://a/&bomb;&#x110000;'])
})

test('at most 50,000 locations are taken', () => {
  const with_ = (count: number): ReturnType<typeof readSitemap> =>
    readSitemap(`<urlset>${'<url><loc>http://a/</loc></url>'.repeat(count)}</urlset>`)
  for (const [count, cut] of [
    [sitemapUrlsMax - 1, false],
    [sitemapUrlsMax, false],
    [sitemapUrlsMax + 1, true],
  ] as const) {
    const read = with_(count)
    assert.ok(read.kind === 'pages' && read.cut === cut, `${count}`)
    assert.equal(read.locations.length, Math.min(count, sitemapUrlsMax))
  }
})
