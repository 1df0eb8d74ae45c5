import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { test } from 'node:test'
import { request as send } from 'undici'
import type { WarmAnswer } from '../contract.ts'
import { fetchSeen, plain, startTestEdge, type OriginAnswer, type TestEdge } from '../test-edge.ts'
import type { SiteSettings } from '../sites/settings.ts'
import { jobsRunningMax } from './warm-routes.ts'

const page = plain('page', { 'cache-control': 'max-age=60', vary: 'accept-encoding' })

/** An origin with pages below `/p`, and what `others` has by path. */
function site(others: Readonly<Record<string, OriginAnswer>> = {}): OriginAnswer {
  return (request, response) => {
    const answer = others[request.url ?? '']
    if (answer) answer(request, response)
    else if (request.url?.startsWith('/p')) page(request, response)
    else plain('nothing here', {}, 404)(request, response)
  }
}

async function call(
  edge: TestEdge,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
): Promise<{ status: number; body: WarmAnswer & { errors?: { field: string }[] } }> {
  const answer = await send(`${edge.adminUrl}${path}`, {
    method,
    headers: { ...edge.adminHeaders, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  return { status: answer.statusCode, body: (await answer.body.json()) as WarmAnswer }
}

/** Starts a job and resolves when it has ended. */
async function warmed(edge: TestEdge, body: object): Promise<WarmAnswer> {
  const started = await call(edge, 'POST', '/warm', body)
  assert.equal(started.status, 202, JSON.stringify(started.body))
  for (;;) {
    const { status, body: job } = await call(edge, 'GET', `/warm/${started.body.id}`)
    assert.equal(status, 200)
    if (job.state !== 'running') return job
  }
}

test('POST /warm brings a list in, once a URL: its first clients are hits', async () => {
  const edge = await startTestEdge(site())
  await edge.get('/p/3', { 'accept-encoding': 'gzip, deflate, br, zstd' })
  const urls = ['/p/1', '/p/2', '/p/1', '/p/2#part', '/p/3', '/none'].map((path) => edge.url + path)
  const job = await warmed(edge, { urls })
  const { id, startedAt, finishedAt, ...rest } = job
  assert.match(id, /^[\da-f-]{36}$/)
  assert.ok(startedAt && finishedAt)
  assert.deepEqual(rest, {
    state: 'done',
    total: 4,
    done: 4,
    stored: 2,
    fresh: 1,
    unstored: 0,
    failed: 1,
    skipped: 0,
    bytes: 4 + 4 + 4 + 'nothing here'.length,
    failures: [{ url: `${edge.url}/none`, why: 'status 404' }],
  })
  const before = edge.origin.requests.length
  const seen = await edge.get('/p/1', { 'accept-encoding': 'gzip, deflate, br, zstd' })
  assert.match(seen.headers['cache-status'] ?? '', /spate; hit/)
  assert.equal(edge.origin.requests.length, before)
  await edge.stop()
})

const xml = (element: string, locations: readonly string[]): string =>
  `<${element}>${locations.map((each) => `<x><loc>${each}</loc></x>`).join('')}</${element}>`

test('a sitemap, an index of them, and a packed one are read; other hosts and deeper indexes are left out', async () => {
  const edge: TestEdge = await startTestEdge(
    site({
      '/map.xml': (request, response) => {
        const at = `http://${request.headers.host}`
        const maps = [`${at}/one.xml.gz`, `${at}/deep.xml`, 'http://169.254.169.254/latest']
        plain(xml('sitemapindex', maps))(request, response)
      },
      '/one.xml.gz': (request, response) => {
        const at = `http://${request.headers.host}`
        const pages = [`${at}/p/1`, `${at}/p/1`, `${at}/p/2`, 'http://127.0.0.1:1/p/x', '/p/4', 'x']
        response.end(gzipSync(xml('urlset', pages)))
      },
      '/deep.xml': plain(xml('sitemapindex', [])),
    }),
  )
  const job = await warmed(edge, { sitemap: `${edge.url}/map.xml` })
  assert.deepEqual([job.state, job.total, job.stored, job.skipped], ['done', 2, 2, 4])
  assert.match(job.failures[0]?.why ?? '', /index in an index/)
  const paths = edge.origin.requests.map(({ url }) => url)
  assert.deepEqual(paths, ['/map.xml', '/one.xml.gz', '/deep.xml', '/p/1', '/p/2'])
  await edge.stop()
})

test('a sitemap that is none, is gone, or unpacks to too much ends its job with the reason', async () => {
  const edge = await startTestEdge(
    site({
      '/html': plain('<html></html>'),
      '/bomb': (_, response) => response.end(gzipSync(Buffer.alloc(11 * 1024 * 1024))),
      '/large': (_, response) => response.end(Buffer.alloc(11 * 1024 * 1024, 32)),
    }),
  )
  const table = [
    ['/html', /is no sitemap/],
    ['/none', /answered 404/],
    ['/bomb', /broken or larger than 10485760 bytes/],
    ['/large', /is larger than 10485760 bytes/],
  ] as const
  for (const [path, why] of table) {
    const job = await warmed(edge, { sitemap: edge.url + path })
    assert.equal(job.state, 'failed', path)
    assert.match(job.detail ?? '', why)
    assert.equal(job.done, 0)
  }
  await edge.stop()
})

test('top warms what the last hour wanted most', async () => {
  const edge = await startTestEdge(site())
  for (const path of ['/p/a', '/p/a', '/p/a', '/p/b', '/p/b', '/p/c']) await edge.get(path)
  await edge.purge({ all: true })
  const job = await warmed(edge, { top: 2 })
  assert.deepEqual([job.total, job.stored], [2, 2])
  const [a, b, c] = await Promise.all(
    ['/p/a', '/p/b', '/p/c'].map((path) =>
      edge.get(path, { 'accept-encoding': 'gzip, deflate, br, zstd' }),
    ),
  )
  const told = [a, b, c].map((seen) => /spate; hit/.test(seen?.headers['cache-status'] ?? ''))
  assert.deepEqual(told, [true, true, false])
  await edge.stop()
})

const shop = {
  name: 'shop',
  hosts: ['shop.test'],
  origins: ['http://127.0.0.1:9'],
  rules: [],
} as unknown as SiteSettings

test('what a node does not serve is refused before anything is fetched', async () => {
  const edge = await startTestEdge(site(), {
    sites: [shop],
    origin: undefined,
  })
  const table: readonly (readonly [object, number, string])[] = [
    [{}, 400, ''],
    [{ urls: [] }, 400, ''],
    [{ urls: ['http://169.254.169.254/latest/meta-data'] }, 422, 'urls'],
    [{ urls: ['file:///etc/passwd'] }, 422, 'urls'],
    [{ urls: ['http://user:pw@shop.test/'] }, 422, 'urls'],
    [{ urls: ['/p/1'] }, 422, 'urls'],
    [{ sitemap: 'http://localhost:6379/' }, 422, 'sitemap'],
    [{ top: 0 }, 422, 'top'],
    [{ top: 1001 }, 422, 'top'],
    [{ urls: Array.from({ length: 10_001 }, () => 'http://shop.test/') }, 422, 'urls'],
    [{ pages: 1 }, 422, 'pages'],
  ]
  for (const [body, status, field] of table) {
    const seen = await call(edge, 'POST', '/warm', body)
    assert.equal(seen.status, status, JSON.stringify(body).slice(0, 80))
    if (field !== '')
      assert.equal(seen.body.errors?.[0]?.field.split(/[[./]/)[0], field, JSON.stringify(seen.body))
  }
  assert.equal(edge.origin.requests.length, 0)
  assert.equal((await call(edge, 'GET', '/warm/no-such-job')).status, 404)
  assert.equal((await fetchSeen(`${edge.adminUrl}/warm/x`)).status, 401)
  await edge.stop()
})

test('no more pages than the setting says are fetched at once; cancelling ends a job; four run at most', async () => {
  let open = 0
  let most = 0
  const waiting: (() => void)[] = []
  const edge = await startTestEdge(
    (request, response) => {
      most = Math.max(most, ++open)
      waiting.push(() => {
        open--
        page(request, response)
      })
    },
    { warmConcurrency: 3 },
  )
  const urls = Array.from({ length: 10 }, (_, at) => `${edge.url}/p/${at}`)
  const first = await call(edge, 'POST', '/warm', { urls })
  const answered = async (until: number): Promise<void> => {
    for (let done = 0; done < until;) {
      const next = waiting.shift()
      if (next) {
        next()
        done++
      } else await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
  await answered(4)
  const cancelled = await call(edge, 'DELETE', `/warm/${first.body.id}`)
  assert.equal(cancelled.status, 200)
  const ended = async (id: string): Promise<WarmAnswer> => {
    for (;;) {
      const { body } = await call(edge, 'GET', `/warm/${id}`)
      if (body.state !== 'running') return body
      for (const next of waiting.splice(0)) next()
    }
  }
  const job = await ended(first.body.id)
  assert.equal(job.state, 'cancelled')
  assert.ok(job.done < 10)
  assert.equal(most, 3)
  const ids: string[] = []
  for (let at = 0; at < jobsRunningMax; at++)
    ids.push((await call(edge, 'POST', '/warm', { urls: [`${edge.url}/p/x${at}`] })).body.id)
  assert.equal((await call(edge, 'POST', '/warm', { urls })).status, 503)
  await Promise.all(ids.map(ended))
  await edge.stop()
})
