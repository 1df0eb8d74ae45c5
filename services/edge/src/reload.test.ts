import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '@spate/runtime/fault'
import { fetchSeen, plain, startOrigin, startTestEdge, type TestEdge } from './test-edge.ts'

const reload = async (it: TestEdge): Promise<{ status: number; body: Record<string, unknown> }> => {
  const { status, body } = await fetchSeen(`${it.adminUrl}/reload`, it.adminHeaders, 'POST')
  return { status, body: JSON.parse(body) as Record<string, unknown> }
}

test('settings are taken up under load without a failed request, and the cache is kept', async () => {
  const first = plain('first', { 'cache-control': 'max-age=600' })
  const it = await startTestEdge((request, response) =>
    // Slow ones are under way while the origins change.
    setTimeout(() => first(request, response), request.url === '/slow' ? 300 : 2),
  )
  const second = await startOrigin(plain('second', { 'cache-control': 'no-store' }))
  await it.get('/kept')
  const slow = it.get('/slow')
  const load = { stopped: false, asked: 0 }
  const failed: number[] = []
  const client = async (name: number): Promise<void> => {
    while (!load.stopped) {
      const { status } = await it.get(load.asked % 2 === 0 ? '/kept' : `/${name}/${load.asked}`)
      load.asked++
      if (status !== 200) failed.push(status)
    }
  }
  const clients = Array.from({ length: 8 }, (_, at) => client(at))
  /** Waits for requests, not for a time: a busy machine makes fewer of them. */
  const more = async (): Promise<void> => {
    const before = load.asked
    while (load.asked < before + 16) await pause(2)
  }
  for (let turn = 0; turn < 10; turn++) {
    await more()
    it.reread = () => ({ origin: turn % 2 === 0 ? second.url : it.origin.url, dropQuery: ['x'] })
    const { status, body } = await reload(it)
    assert.equal(status, 200)
    assert.ok((body['changed'] as string[]).includes('origin'), `turn ${turn}`)
  }
  await more()
  load.stopped = true
  await Promise.all(clients)
  assert.equal((await slow).body, 'first', 'what an old origin was asked it may answer')
  assert.deepEqual(failed, [], `${failed.length} of ${load.asked} failed`)
  assert.ok(
    load.asked > 100 && second.requests.length > 10,
    `${load.asked} ${second.requests.length}`,
  )
  assert.equal((await it.get('/kept')).body, 'first', 'from the cache')
  assert.equal(it.origin.requests.filter(({ url }) => url === '/kept').length, 1)
  await it.stop()
})

test('bad settings are refused whole: the answer names each field, and the old ones go on', async () => {
  const it = await startTestEdge(plain('x', { 'cache-control': 'no-store' }))
  it.reread = () => {
    throw new Fault('settings_invalid', 'the settings are not valid\n  line 3: edge.port: ...', {
      fields: [{ field: 'edge.port', value: 'x', expected: 'a whole number', line: 3 }],
    })
  }
  const refused = await reload(it)
  assert.equal(refused.status, 422)
  assert.match(String(refused.body['detail']), /line 3/)
  assert.deepEqual(refused.body['errors'], [
    { field: 'edge.port', value: 'x', expected: 'a whole number', line: 3 },
  ])
  // Good by themselves, but two sites want one host: refused after the first one was made.
  it.reread = () => ({ origin: 'http://127.0.0.1:1', sites: [twin, twin] as never })
  assert.equal((await reload(it)).status, 422)
  assert.equal((await it.get('/')).status, 200)
  it.reread = () => ({ rateLimit: '1/m', port: 1234, headBytesMax: 8192 })
  assert.deepEqual((await reload(it)).body, {
    reloaded: true,
    changed: ['rateLimit'],
    restart: ['port', 'headBytesMax'],
  })
  await it.get('/1')
  assert.equal((await it.get('/2')).status, 429, 'the new limit holds')
  assert.equal((await fetchSeen(`${it.adminUrl}/reload`, {}, 'POST')).status, 401)
  await it.stop()
})

const twin = { name: 'twin', hosts: ['twin.test'], origins: ['http://127.0.0.1:1'], rules: [] }
