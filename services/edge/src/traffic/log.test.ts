import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testRequest } from '@spate/http/test-request'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { request as send } from 'undici'
import { edgeRoute } from '../answers.ts'
import { fetchSeen, plain, startTestEdge, type TestEdge } from '../test-edge.ts'
import { followerQueueMax, followersMax, recordsPerSecondMax, RequestLog } from './request-log.ts'

/** Events of a stream of server-sent events, as they come. */
async function* events(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ event: string; data: Record<string, unknown> }> {
  let text = ''
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString()
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end)
      text = text.slice(end + 2)
      const event = /^event: (.*)$/m.exec(block)?.[1]
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (event !== undefined && data !== undefined)
        yield { event, data: JSON.parse(data) as Record<string, unknown> }
    }
  }
}

async function follow(edge: TestEdge, filter: string): Promise<ReturnType<typeof events>> {
  const url = `${edge.adminUrl}/log?filter=${encodeURIComponent(filter)}`
  const { statusCode, headers, body } = await send(url, { headers: edge.adminHeaders })
  assert.equal(statusCode, 200)
  assert.match(String(headers['content-type']), /^text\/event-stream/)
  return events(body)
}

test('GET /log streams the requests a filter lets through, without query and with the network only', async () => {
  const edge = await startTestEdge((request, response) =>
    request.url?.startsWith('/gone')
      ? plain('gone', {}, 404)(request, response)
      : plain('hello', { 'cache-control': 'max-age=60' })(request, response),
  )
  const [all, missing] = await Promise.all([follow(edge, ''), follow(edge, 'status>=400')])
  await edge.get('/a?token=1', { 'x-forwarded-for': '203.0.113.9', 'user-agent': 'me' })
  await edge.get('/a?token=1')
  await edge.get('/gone/1')
  const first = (await all.next()).value
  assert.equal(first?.event, 'request')
  const { time, ms, ...rest } = first?.data ?? {}
  assert.deepEqual(rest, {
    method: 'GET',
    host: new URL(edge.url).host,
    path: '/a',
    status: 200,
    cache: 'miss',
    bytes: 5,
    client: '203.0.113.0',
    agent: 'me',
  })
  assert.match(String(time), /^\d{4}-\d\d-\d\dT/)
  assert.equal(typeof ms, 'number')
  assert.equal((await all.next()).value?.data['cache'], 'hit')
  assert.equal((await all.next()).value?.data['status'], 404)
  assert.equal((await missing.next()).value?.data['path'], '/gone/1', 'and nothing before it')
  // A stop ends the streams at once, though their clients would go on listening.
  await edge.stop()
  assert.equal((await all.next()).done, true)
  assert.equal((await missing.next()).done, true)
})

test('a filter that means nothing is refused with field, value and what was expected', async () => {
  const edge = await startTestEdge(plain('x'))
  const table: readonly (readonly [string, RegExp])[] = [
    ['status>=5xx', /"field":"filter","value":"status>=5xx","expected":"status with a number/],
    ['speed>1', /"expected":"a field: status, bytes/],
    [`path=${'a'.repeat(508)}`, /filter/],
  ]
  for (const [filter, said] of table) {
    const url = `${edge.adminUrl}/log?filter=${encodeURIComponent(filter)}`
    const { status, headers, body } = await fetchSeen(url, edge.adminHeaders)
    assert.equal(status, 422, filter)
    assert.equal(headers['content-type'], 'application/problem+json')
    assert.match(body, said)
  }
  assert.equal((await fetchSeen(`${edge.adminUrl}/log`)).status, 401)
  await edge.stop()
})

const answer = { status: 200, headers: [], route: edgeRoute, body: '' }
const everything = (): boolean => true

async function frames(body: AsyncIterable<Uint8Array>, until: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString()
    if (until.test(text)) break
  }
  return text
}

test('a follower that reads too slowly is told how many it missed; it delays nobody', async () => {
  const log = new RequestLog(new VirtualClock(0), false)
  const { body } = log.follow(testRequest(), everything)
  for (let at = 0; at < followerQueueMax; at++) log.tell(testRequest(), answer, 0)
  for (let at = 0; at < 7; at++) log.tell(testRequest(), answer, 0)
  const text = await frames(body as AsyncIterable<Uint8Array>, /event: dropped/)
  assert.match(text, /event: dropped\ndata: \{"dropped":7,"total":7\}/)
  assert.equal(log.followed, false, 'who stops reading has left')
})

test('a second has room for 2000 records of one follower; the rest is a number', async () => {
  const clock = new VirtualClock(0)
  const log = new RequestLog(clock, false)
  const { body } = log.follow(testRequest(), everything)
  const reading = frames(body as AsyncIterable<Uint8Array>, /"path":"\/last"/)
  // In small portions, so that the queue is not what is full.
  for (let at = 0; at < recordsPerSecondMax + 3; at++) {
    log.tell(testRequest({ target: '/first' }), answer, 0)
    if (at % 100 === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  await new Promise<void>((resolve) => setImmediate(resolve))
  clock.advance(1000)
  await new Promise<void>((resolve) => setImmediate(resolve))
  log.tell(testRequest({ target: '/last' }), answer, 0)
  const text = await reading
  assert.equal(text.match(/"path":"\/first"/g)?.length, recordsPerSecondMax)
  const told = [...text.matchAll(/"dropped":(\d+),"total":(\d+)/g)]
  assert.equal(told.at(-1)?.[2], '3')
  assert.equal(
    told.reduce((sum, [, dropped]) => sum + Number(dropped), 0),
    3,
  )
})

test('sixteen may follow; the seventeenth is told to come later; a silent stream is kept open', async () => {
  const clock = new VirtualClock(0)
  const log = new RequestLog(clock, false)
  const stops = Array.from({ length: followersMax }, () => new AbortController())
  const bodies = stops.map(({ signal }) => log.follow(testRequest({ signal }), everything).body)
  assert.throws(() => log.follow(testRequest(), everything), { code: 'overloaded' })
  const silent = frames(bodies[0] as AsyncIterable<Uint8Array>, /keep-alive/)
  clock.advance(15_000)
  assert.equal(await silent, ': keep-alive\n\n')
  log.follow(testRequest({ signal: stops[0]?.signal as AbortSignal }), everything)
  for (const stop of stops) stop.abort()
  assert.equal(log.followed, false)
  log.close()
  assert.throws(() => log.follow(testRequest(), everything), { code: 'shutting_down' })
})
