import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '@spate/runtime/fault'
import {
  fetchSeen,
  plain,
  startOrigin,
  startTestEdge,
  type OriginAnswer,
  type Seen,
} from '../test-edge.ts'
import { sitesOf } from './compile.ts'
import { globMatches, obligingPath } from './glob.ts'
import { cachingSettings, type RuleSettings, type SiteSettings } from './settings.ts'

const unset = Object.fromEntries(Object.keys(cachingSettings).map((name) => [name, undefined]))

function rule(path: string, changes: Partial<RuleSettings> = {}): RuleSettings {
  return { ...unset, path, headers: [], ...changes } as RuleSettings
}

function site(name: string, changes: Partial<SiteSettings>): SiteSettings {
  const plain_ = { name, hosts: [`${name}.test`], origins: [], healthPath: undefined, rules: [] }
  return { ...unset, ...plain_, ...changes } as SiteSettings
}

const echo: OriginAnswer = (request, response) =>
  plain(`${request.headers.host} ${request.url}`, { 'cache-control': 'max-age=60' })(
    request,
    response,
  )

test('a pattern matches what the regular expression of the same meaning matches', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 12 })
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '*'), maxLength: 8 })
  fc.assert(
    fc.property(pattern, letters, (glob, text) => {
      const source = glob.replaceAll('.', '\\.').replaceAll('*', '.*')
      assert.equal(globMatches(glob, text), new RegExp(`^${source}$`).test(text))
    }),
    { numRuns: 2000 },
  )
})

test('a path is read as the most obliging origin would read it', () => {
  for (const [path, plain_] of [
    ['/a/b.css', undefined],
    ['/a/../b', '/b'],
    ['/a/..%2fb', '/b'],
    ['/a/%2e%2e/b', '/b'],
    ['/a/..%5cb', '/b'],
    ['/a\\b', '/a/b'],
    ['/a//b', '/a/b'],
    ['/a;x=1/b', '/a/b'],
    ['/a%3fb.css', '/a'],
    ['/a%23b.css', '/a'],
    ['/a%00.css', '/a'],
    ['/a%250ab.css', '/a'],
    ['/%61', '/a'],
    ['/%252e%252e/a', '/a'],
    ['/a%2Fb/', '/a/b/'],
  ] as const)
    assert.equal(obligingPath(path), plain_, path)
})

test('hosts find their site: the exact name, then the nearest above, then the rest; a port is left aside', async () => {
  const shop = await startOrigin(plain('shop'))
  const any = await startOrigin(plain('any'))
  const it = await startTestEdge(plain('rest'), {
    sites: [
      site('shop', { hosts: ['shop.test', 'a.b.test'], origins: [shop.url] }),
      site('any', { hosts: ['*.test', '*.x.test'], origins: [any.url] }),
    ],
  })
  const said = async (host: string): Promise<string> => (await it.get('/', { host })).body
  for (const [host, body] of [
    ['shop.test', 'shop'],
    ['SHOP.test:8080', 'shop'],
    ['shop.test.', 'shop'],
    ['a.b.test', 'shop'],
    ['b.test', 'any'],
    ['x.y.test', 'any'],
    ['test', 'rest'],
    ['shoptest', 'rest'],
    ['shop.test.evil', 'rest'],
  ] as const)
    assert.equal(await said(host), body, host)
  await it.stop()
})

test('a host of no site gets 421 where nothing answers for the rest, and nobody is asked', async () => {
  const shop = await startOrigin(plain('shop'))
  const it = await startTestEdge(plain('never'), {
    origin: undefined,
    sites: [site('shop', { origins: [shop.url] })],
  })
  assert.equal((await it.get('/', { host: 'shop.test' })).status, 200)
  const seen = await it.get('/', { host: 'evil.test' })
  assert.equal(seen.status, 421)
  assert.equal(JSON.parse(seen.body).code, 'misdirected')
  assert.match(JSON.parse(seen.body).detail, /evil\.test/)
  assert.equal((await it.get('/health/ready', { host: 'evil.test' })).status, 200)
  assert.equal(shop.requests.length, 1)
  assert.equal(await it.purge({ urls: ['http://evil.test/'] }), 0)
  await it.stop()
})

test('settings that contradict themselves are refused with each place', () => {
  const { default: fraction } = cachingSettings.heuristicFraction
  const caching = { ...unset, heuristicFraction: fraction } as unknown as SiteSettings
  const source = {
    ...caching,
    origin: 'http://o.test',
    origins: [],
    healthPath: undefined,
    sites: [
      site('a', { hosts: ['x.test', '*'], origins: ['http://o'] }),
      site('a', { hosts: ['x.test'], origins: [] }),
    ],
  }
  const origin = { send: () => assert.fail('nothing is sent'), close: () => Promise.resolve() }
  assert.throws(
    () => sitesOf(source as Parameters<typeof sitesOf>[0], () => origin),
    (caught: Fault) => {
      assert.equal(caught.code, 'settings_invalid')
      const told = caught.fields.map(({ field, value }) => `${field} ${value}`)
      assert.deepEqual(told, [
        'sites[0].hosts *',
        'sites[1].name a',
        'sites[1].origins undefined',
        'sites[1].hosts x.test',
      ])
      return true
    },
  )
})

test('the first rule that fits holds: freshness, bypass, and the node where none does', async () => {
  await assert.rejects(
    startTestEdge(plain('x'), { origin: undefined }),
    /say where pages come from/,
  )
  const shop = await startOrigin((request, response) => {
    const path = request.url ?? ''
    const control = path.includes('secret') ? 'private' : 'max-age=1'
    plain(path, { 'cache-control': control })(request, response)
  })
  const edge = await startTestEdge(plain('rest'), {
    sites: [
      site('shop', {
        origins: [shop.url],
        rules: [
          rule('/live/*', { bypass: true }),
          rule('/assets/*', { ttlMs: 3_600_000 }),
          rule('*', { headers: ['x-preview: yes*'], bypass: true }),
        ],
      }),
    ],
  })
  const ask = (path: string, headers: Record<string, string> = {}): Promise<Seen> =>
    edge.get(path, { host: 'shop.test', ...headers })
  const told = async (path: string, headers: Record<string, string> = {}): Promise<string> =>
    (await ask(path, headers)).headers['cache-status'] ?? ''
  for (const path of ['/assets/a', '/assets/secret', '/page', '/live/x']) await ask(path)
  edge.clock.advance(2000)
  assert.match(await told('/assets/a'), /spate; hit; ttl=3598/)
  assert.match(await told('/assets/secret'), /fwd=uri-miss.*detail=private/, 'private still holds')
  assert.match(await told('/page'), /fwd=stale/)
  assert.match(await told('/live/x'), /fwd=bypass/)
  assert.match(await told('/page', { 'x-preview': 'yes please' }), /fwd=bypass/)
  assert.match(await told('/page', { 'x-preview': 'no' }), /fwd=vary-miss|hit/)
  await edge.stop()
})

test('a path that an origin may read as under another rule is passed on, never stored (web cache deception)', async () => {
  const shop = await startOrigin(plain('account page of one user'))
  const it = await startTestEdge(plain('rest'), {
    sites: [
      site('shop', {
        origins: [shop.url],
        rules: [rule('/assets/*', { ttlMs: 60_000 }), rule('*.css', { ttlMs: 60_000 })],
      }),
    ],
  })
  const paths = [
    '/assets/..%2faccount',
    '/assets/%2e%2e/account',
    '/assets/..%5caccount',
    '/account%3fx.css',
    '/account%23x.css',
    '/account;x.css',
    '/account%0ax.css',
    '/account%2500.css',
    '/assets%2f..%2faccount',
  ]
  for (const [at, path] of paths.entries()) {
    for (let turn = 0; turn < 2; turn++)
      assert.match(
        (await it.get(path, { host: 'shop.test' })).headers['cache-status'] ?? '',
        /fwd=(?:bypass|uri-miss)/,
        path,
      )
    assert.equal(shop.requests.length, 2 * (at + 1), path)
  }
  assert.equal(it.edge.store.memory.figures.objects, 0)
  await it.stop()
})

test('headers and cookies in the key make variants of their own, and a purge of the URL finds them all', async () => {
  const it = await startTestEdge(
    (request, response) => {
      const { cookie = '', 'x-tier': tier = '' } = request.headers
      plain(`${/(?:^|; )ab=([^;]*)/.exec(cookie)?.[1] ?? ''} ${String(tier)}`, {
        'cache-control': 'max-age=60',
      })(request, response)
    },
    { keyCookies: ['ab'], keyHeaders: ['X-Tier'] },
  )
  const said = async (headers: Record<string, string>): Promise<string> =>
    (await it.get('/', headers)).body
  for (let turn = 0; turn < 2; turn++) {
    assert.equal(await said({}), ' ')
    assert.equal(await said({ cookie: 'ab=1' }), '1 ')
    assert.equal(await said({ cookie: 'z=9; ab=2' }), '2 ')
    assert.equal(await said({ cookie: 'ab=1', 'x-tier': 'gold' }), '1 gold')
    assert.equal(await said({ cookie: 'ab=1,2' }), '1,2 ')
    assert.equal(await said({ cookie: 'ab=1 ,2' }), '1 ,2 ')
  }
  assert.equal(it.origin.requests.length, 6)
  assert.equal(await said({ cookie: 'other=1' }), ' ', 'other cookies do not select')
  assert.equal(it.origin.requests.length, 6)
  const wave = await Promise.all(['3', '4', '3', '4'].map((ab) => said({ cookie: `ab=${ab}` })))
  assert.deepEqual(wave, ['3 ', '4 ', '3 ', '4 '])
  assert.equal(it.origin.requests.length, 8)
  assert.equal(await it.purge({ urls: [`${it.url}/`] }), 8)
  await it.stop()
})

test('where rules look at headers, what one rule stored is not given out under another', async () => {
  const it = await startTestEdge(echo, {
    origin: undefined,
    sites: [
      site('shop', {
        hosts: ['*'],
        origins: ['http://127.0.0.1:1'],
        rules: [rule('*', { headers: ['x-app: *'], ttlMs: 5000 })],
      }),
    ],
  })
  it.reread = () => ({
    sites: [
      site('shop', {
        hosts: ['*'],
        origins: [it.origin.url],
        rules: [rule('*', { headers: ['x-app: *'], ttlMs: 5000 })],
      }),
    ],
  })
  await fetchSeen(`${it.adminUrl}/reload`, it.adminHeaders, 'POST')
  await it.get('/', { 'x-app': '1' })
  assert.match((await it.get('/')).headers['cache-status'] ?? '', /fwd=vary-miss/)
  assert.match((await it.get('/')).headers['cache-status'] ?? '', /hit; ttl=60/)
  assert.match((await it.get('/', { 'x-app': '2' })).headers['cache-status'] ?? '', /hit; ttl=5/)
  await it.stop()
})

test('marketing parameters reach neither key nor origin; a POST keeps them; an empty list keeps all', async () => {
  const it = await startTestEdge(echo)
  const host = 'h'
  const said = async (target: string): Promise<string> => (await it.get(target, { host })).body
  assert.equal(await said('/a?utm_source=x&id=1&gclid=2'), 'h /a?id=1')
  assert.equal(await said('/a?id=1&fbclid=evil'), 'h /a?id=1')
  assert.equal(await said('/b?utm_campaign=x'), 'h /b')
  assert.equal(await said('/b?utm='), 'h /b?utm=')
  assert.equal(it.origin.requests.length, 3)
  assert.equal((await it.get('/p?utm_source=x', { host }, 'POST')).body, 'h /p?utm_source=x')
  await it.stop()
  const all = await startTestEdge(echo, { dropQuery: [] })
  assert.equal((await all.get('/a?utm_source=x', { host })).body, 'h /a?utm_source=x')
  await all.stop()
})

test('explain names site, rule, key and origin for a URL', async () => {
  const it = await startTestEdge(echo, {
    sites: [
      site('shop', {
        origins: ['http://127.0.0.1:1', 'http://127.0.0.1:2'],
        rules: [rule('/assets/*', { ttlMs: 60_000, keyCookies: ['ab'] })],
      }),
    ],
  })
  const explain = async (url: string): Promise<Record<string, unknown>> =>
    JSON.parse(
      (await fetchSeen(`${it.adminUrl}/explain?url=${encodeURIComponent(url)}`, it.adminHeaders))
        .body,
    )
  const found = await explain('https://shop.test/assets/x?b=2&utm_id=1&a=1')
  assert.equal(found['site'], 'shop')
  assert.equal(found['rule'], 'rules[0] /assets/*')
  assert.equal(found['key'], 'https://shop.test/assets/x?a=1&b=2')
  assert.deepEqual(found['keyed'], ['cookie:ab'])
  assert.match(String(found['origin']), /^127\.0\.0\.1:[12]$/)
  assert.equal((found['standIns'] as string[]).length, 1)
  const other = await explain('http://elsewhere.test/')
  assert.deepEqual([other['site'], other['rule']], ['default', 'otherwise'])
  await it.stop()
})
