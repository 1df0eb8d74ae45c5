import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { heardOf, setOf, type Heard } from './test-origins.ts'
import { plain, startOrigin, startTestEdge } from '../test-edge.ts'

test('a dead origin is taken out after its failures, probed once, and taken back', async () => {
  const second = await startOrigin(plain('ok', { 'cache-control': 'no-store' }))
  const it = await startTestEdge(plain('ok', { 'cache-control': 'no-store' }), {
    origins: [second.url],
    breakerFailuresMax: 3,
    breakerOpenMs: 5000,
  })
  const wave = async (): Promise<number> => {
    let errors = 0
    for (let at = 0; at < 40; at++) if ((await it.get(`/${at}`)).status !== 200) errors++
    return errors
  }
  assert.equal(await wave(), 0)
  assert.ok(it.origin.requests.length > 5 && second.requests.length > 5, 'both are used')
  it.origin.answer = (request) => request.socket.destroy()
  const before = it.origin.requests.length
  assert.equal(await wave(), 0, 'nobody sees an error while another origin is healthy')
  assert.equal(it.origin.requests.length - before, 3, 'three failures open the breaker')
  assert.equal(await wave(), 0)
  assert.equal(it.origin.requests.length - before, 3)
  it.clock.advance(5000)
  assert.equal(await wave(), 0)
  assert.equal(it.origin.requests.length - before, 4, 'one probe, then open again')
  it.origin.answer = plain('ok', { 'cache-control': 'no-store' })
  it.clock.advance(5000)
  assert.equal(await wave(), 0)
  assert.ok(it.origin.requests.length - before > 8, 'closed again')
  await it.stop()
  await second.stop()
})

test('a POST is never sent twice', async () => {
  const second = await startOrigin(plain('ok'))
  const it = await startTestEdge((request) => request.socket.destroy(), { origins: [second.url] })
  second.answer = (request) => request.socket.destroy()
  assert.equal((await it.get('/p', {}, 'POST')).status, 502)
  assert.equal(it.origin.requests.length + second.requests.length, 1)
  await it.stop()
  await second.stop()
})

test('when one of five origins leaves, only its keys move', () => {
  const five = setOf(['a', 'b', 'c', 'd', 'e']).set
  const four = setOf(['a', 'b', 'c', 'd']).set
  let moved = 0
  for (let at = 0; at < 3000; at++) {
    const before = five.ranked(`k${at}`)[0]?.name
    const after = four.ranked(`k${at}`)[0]?.name
    if (before !== 'e') assert.equal(after, before)
    if (after !== before) moved++
  }
  assert.ok(moved > 450 && moved < 750, `${moved} of 3000, a fifth wanted`)
})

test('a lone origin is left alone after its failures, asked once to see, and taken back', () => {
  const { set, clock, origins } = setOf(['a'])
  const ask = (): Heard => heardOf(set)
  for (let at = 0; at < 5; at++) {
    const heard = ask()
    origins.a.fail()
    assert.equal(heard.fault, 'bad_gateway')
  }
  const refused = ask()
  clock.advance(0)
  assert.equal(origins.a.asked, 5)
  return Promise.resolve().then(() => {
    assert.match(refused.message ?? '', /left alone/)
    clock.advance(2000)
    const probe = ask()
    const beside = ask()
    assert.equal(origins.a.asked, 6, 'one probe at a time')
    origins.a.answer(200)
    assert.equal(probe.status, 200)
    assert.equal(beside.status, undefined)
    ask()
    assert.equal(origins.a.asked, 7)
  })
})

test('a probe that its client gave up lets the next request probe', () => {
  const { set, clock, origins } = setOf(['a'])
  for (let at = 0; at < 5; at++) {
    heardOf(set)
    origins.a.fail()
  }
  clock.advance(2000)
  heardOf(set).exchange?.abort()
  heardOf(set)
  assert.equal(origins.a.asked, 7)
})

test('of several origins the one whose answers are mostly errors is put out, never more than half', () => {
  const { set, origins } = setOf(['a', 'b'])
  for (let at = 0; at < 200; at++) {
    heardOf(set, `/${at}`)
    origins.a.answer(500)
    origins.b.answer(200)
  }
  const before = origins.a.asked
  for (let at = 0; at < 100; at++) {
    heardOf(set, `/x${at}`)
    origins.b.answer(500)
  }
  assert.equal(origins.a.asked, before, 'a is out')
  assert.equal(set.members[1]?.breaker.state, 'closed', 'b is the last one and stays')
})

test('retries stay within their share of requests', () => {
  const { set, clock, origins } = setOf(['a', 'b'], { retryShare: 0.1 })
  let asked = 0
  for (let at = 0; at < 2000; at++) {
    heardOf(set, `/${at}`)
    // 503 leaves the breakers closed; both give it, so that neither is an outlier beyond half.
    origins.a.answer(503)
    origins.b.answer(503)
    origins.a.answer(503)
    asked++
    clock.advance(10_000)
  }
  const extra = origins.a.asked + origins.b.asked - asked
  assert.equal(extra, set.retried)
  assert.ok(extra >= 200 && extra <= 100 + 200, `${extra} retries of ${asked} requests`)
})

test('a slow GET is asked for beside at another origin, within the share of hedges; the first answer wins', () => {
  const { set, clock, origins } = setOf(['a', 'b'], { hedgeMs: 50, hedgeShare: 0.05 })
  const heard = heardOf(set)
  const [first, second] = set.ranked('h/').map(({ name }) => name as 'a' | 'b') as [
    'a' | 'b',
    'a' | 'b',
  ]
  clock.advance(49)
  assert.equal(origins[second].asked, 0)
  clock.advance(1)
  assert.equal(origins[second].asked, 1)
  origins[second].answer(200)
  assert.equal(heard.status, 200)
  assert.equal(origins[first].aborted, 1, 'the slow one is let go')
  const post = heardOf(set, '/p', 'POST')
  clock.advance(1000)
  assert.equal(set.hedged, 1, 'a POST is never hedged')
  post.exchange?.abort()
  for (let at = 0; at < 1000; at++) {
    const one = heardOf(set, `/${at}`)
    clock.advance(50)
    one.exchange?.abort()
  }
  assert.ok(
    set.hedged >= 150 && set.hedged <= 152,
    `${set.hedged} hedges: 100 saved and 5 % of 1002`,
  )
})

test('connections and the queue for them hold their limits at limit-1, limit, limit+1', async () => {
  const { set, clock, origins } = setOf(['a'], {}, { connectionsMax: 2, queueMax: 2, queueMs: 100 })
  const heard = Array.from({ length: 5 }, () => heardOf(set))
  await Promise.resolve()
  assert.equal(origins.a.asked, 2, 'two have a connection')
  assert.equal(set.members[0]?.figures.queued, 2, 'two wait')
  assert.equal(heard[4]?.fault, 'overloaded', 'the fifth is refused')
  origins.a.answer(200)
  assert.equal(origins.a.asked, 4, 'those who waited go next')
  const [, , , , , ...late] = [...heard, heardOf(set), heardOf(set)]
  clock.advance(99)
  assert.equal(late[0]?.fault, undefined)
  clock.advance(1)
  assert.equal(late[0]?.fault, 'overloaded', 'waited for as long as is allowed')
  assert.equal(
    set.members[0]?.breaker.state,
    'closed',
    'our own limits are no failure of the origin',
  )
})

test('time runs out over all tries together', () => {
  const { set, clock } = setOf(['a', 'b'], { totalMs: 1000 })
  const heard = heardOf(set)
  clock.advance(999)
  assert.equal(heard.fault, undefined)
  clock.advance(1)
  assert.equal(heard.fault, 'upstream_timeout')
})

test('nearly nobody sees an error while one of two origins is healthy, whatever the other one does', async () => {
  const ways = {
    resets: (request: IncomingMessage) => request.socket.destroy(),
    'answers 503': plain('down', {}, 503),
    'answers 500': plain('bug', {}, 500),
  }
  for (const [name, dead] of Object.entries(ways)) {
    const second = await startOrigin(plain('ok', { 'cache-control': 'no-store' }))
    const it = await startTestEdge(dead, { origins: [second.url], breakerFailuresMax: 3 })
    let errors = 0
    const wave = async (from: number, to: number): Promise<void> => {
      const seen = await Promise.all(
        Array.from({ length: to - from }, (_, at) => it.get(`/${from + at}`)),
      )
      errors += seen.filter(({ status }) => status !== 200).length
    }
    // Which keys are whose depends on the ports: enough of them that an origin shows its worth at once.
    await wave(0, 100)
    const learning = errors
    for (let from = 100; from < 400; from += 100) await wave(from, from + 100)
    assert.equal(errors, learning, `${name}: no error once it is out`)
    // A 500 is the answer of a program that works: it is passed on, not tried elsewhere.
    assert.ok(name === 'answers 500' || errors === 0, `${name}: ${errors} errors`)
    assert.ok(it.origin.requests.length < 120, `${name}: ${it.origin.requests.length}`)
    await it.stop()
    await second.stop()
  }
})

test('health checks take an origin out and back with hysteresis, and readiness and stats name it', async () => {
  const well = plain('ok', { 'cache-control': 'no-store' })
  const second = await startOrigin(well)
  const it = await startTestEdge(well, {
    origins: [second.url],
    healthPath: '/health',
    healthEveryMs: 1000,
    unhealthyAfter: 3,
    healthyAfter: 2,
  })
  const checks = (): number => it.origin.requests.filter(({ url }) => url === '/health').length
  const check = async (): Promise<void> => {
    const before = checks()
    it.clock.advance(1000)
    for (let turn = 0; turn < 200 && checks() === before; turn++) await pause(5)
    await pause(20)
  }
  const ready = async (): Promise<unknown> =>
    JSON.parse((await it.get('/health/ready')).body).dependencies['origin:default']
  await check()
  it.origin.answer = plain('no', {}, 500)
  await check()
  await check()
  assert.deepEqual(await ready(), { ready: true, optional: true, detail: '2 of 2 well' })
  await check()
  assert.deepEqual(await ready(), { ready: true, optional: true, detail: '1 of 2 well' })
  const before = it.origin.requests.length
  for (let at = 0; at < 40; at++) assert.equal((await it.get(`/${at}`)).status, 200)
  assert.equal(it.origin.requests.length, before, 'not asked while unhealthy')
  it.origin.answer = well
  await check()
  assert.deepEqual(await ready(), { ready: true, optional: true, detail: '1 of 2 well' })
  await check()
  assert.deepEqual(await ready(), { ready: true, optional: true, detail: '2 of 2 well' })
  await it.stop()
  await second.stop()
})
