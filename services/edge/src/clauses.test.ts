/** Rules that newer cuts of the public suite test, against a whole edge, with what reaches the origin. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as ask, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { plain, startTestEdge } from './test-edge.ts'

test('CDN-Cache-Control rules the edge and goes on to the next cache; an invalid one is as if absent (RFC 9213 2.1, 2.2)', async () => {
  const cases = [
    // [CDN-Cache-Control, Cache-Control, requests that two of a client's cause]
    ['max-age=60', 'no-store', 1],
    ['no-store', 'max-age=60', 2],
    ['max-age=0', 'max-age=60', 2],
    ['max-age=60, &&&', 'no-store', 2],
    ['max-age="60"', 'max-age=60', 1],
    ['MaX-aGe=60', 'no-store', 2],
  ] as const
  for (const [cdn, control, asked] of cases) {
    const it = await startTestEdge(
      plain('x', { 'cdn-cache-control': cdn, 'cache-control': control }),
    )
    const first = await it.get('/t')
    assert.equal(first.headers['cdn-cache-control'], cdn)
    await it.get('/t')
    assert.equal(it.origin.requests.length, asked, `${cdn} with ${control}`)
    await it.stop()
  }
})

test('interim responses go to the client who waits and are not stored (RFC 9110 15.2, RFC 8297)', async () => {
  const it = await startTestEdge((request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () =>
      plain('final', { 'cache-control': 'max-age=60' })(request, response),
    )
  })
  const seen: string[] = []
  const look = async (): Promise<string> => {
    const asking = ask(`${it.url}/i`)
    asking.on('information', ({ statusCode, headers }) =>
      seen.push(`${statusCode} ${String(headers['link'])}`),
    )
    asking.end()
    const [answer] = (await once(asking, 'response')) as [IncomingMessage]
    let body = ''
    for await (const piece of answer) body += String(piece)
    return `${answer.statusCode} ${body}`
  }
  assert.equal(await look(), '200 final')
  assert.deepEqual(seen, ['103 </a.css>; rel=preload'])
  assert.equal(await look(), '200 final')
  assert.equal(seen.length, 1, 'a hit has the final response alone')
  assert.equal(it.origin.requests.length, 1)
  await it.stop()
})

test('one variant is stored for each coding, however its Accept-Encoding is written (RFC 9111 4.1)', async () => {
  const it = await startTestEdge((request, response) => {
    const wish = request.headers['accept-encoding']?.toString() ?? ''
    const coding = /br/.test(wish) ? 'br' : /gzip/.test(wish) ? 'gzip' : 'identity'
    const headers = { 'cache-control': 'max-age=60', vary: 'Accept-Encoding' }
    plain(coding, coding === 'identity' ? headers : { ...headers, 'content-encoding': coding })(
      request,
      response,
    )
  })
  const spellings = {
    br: ['br, gzip', 'gzip, br', 'GZIP,  BR', 'gzip;q=0.5, br;q=0.9'],
    gzip: ['gzip', 'gzip;q=0.8', 'x-unknown, gzip'],
    identity: ['identity', 'br;q=0, gzip;q=0'],
  }
  for (const [coding, wishes] of Object.entries(spellings)) {
    for (const wish of wishes) {
      const seen = await it.get('/e', { 'accept-encoding': wish })
      assert.equal(seen.body, coding, wish)
    }
  }
  assert.equal(it.origin.requests.length, 3)
  assert.equal(it.edge.store.memory.figures.objects, 3)
  await it.stop()
})
