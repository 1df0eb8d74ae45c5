import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Check } from 'typebox/schema'
import { loadSettings } from '@spate/runtime/settings-load'
import { settingsFileSchema } from '@spate/runtime/settings-schema'
import { edgeSettings } from '../settings.ts'

const schema = settingsFileSchema(new Map([['edge', edgeSettings]]), { id: 'x', title: 'edge' })

// JSON is YAML: the same text goes to both.
const loads = (edge: unknown): boolean => {
  try {
    loadSettings(edgeSettings, {
      program: 'edge',
      flags: [],
      env: {},
      file: JSON.stringify({ edge }),
    })
    return true
  } catch {
    return false
  }
}
const site = {
  name: 'shop',
  hosts: ['shop.test', '*.shop.test'],
  origins: ['http://127.0.0.1:8083'],
}

test('what the settings take, the published schema takes', () => {
  for (const edge of [
    {},
    { origin: 'http://127.0.0.1:8083', port: 0, memoryBytesMax: '256MiB', originHeadMs: '30s' },
    { origin: 'https://shop.test/', originHeadMs: 30_000, originRetryShare: 0, sortQuery: false },
    { sites: [site] },
    { sites: [{ ...site, rules: [{ path: '*.css', ttlMs: '1h', keyCookies: ['ab'] }] }] },
    {
      sites: [
        { ...site, rules: [{ headers: ['accept: *json*'], bypass: true, dropQuery: ['*'] }] },
      ],
    },
    { setCookie: 'strip', trustedProxies: ['loopback', '10.0.0.0/8'], rateLimit: '10/s' },
  ]) {
    assert.equal(loads(edge), true, JSON.stringify(edge))
    assert.equal(Check(schema, { edge }), true, JSON.stringify(edge))
  }
})

test('what is plainly wrong, both refuse', () => {
  for (const edge of [
    { orgin: 'http://127.0.0.1:8083' },
    { origin: 'http://127.0.0.1:8083/path' },
    { origin: 'http://user@127.0.0.1' },
    { port: 65_536 },
    { port: -1 },
    { originRetryShare: 1.5 },
    { originHeadMs: 'soon' },
    { setCookie: 'eat' },
    { sites: {} },
    { sites: [{ ...site, hosts: ['UPPER.test'] }] },
    { sites: [{ ...site, hosts: ['a*.test'] }] },
    { sites: [{ hosts: site.hosts, origins: site.origins }] },
    { sites: [{ ...site, rules: [{ path: 'no-slash' }] }] },
    { sites: [{ ...site, rules: [{ ttl: '1h' }] }] },
    { sites: [{ ...site, rules: [{ ttlMs: -1 }] }] },
    { sites: [{ ...site, rules: [{ headers: ['no colon'] }] }] },
  ]) {
    assert.equal(loads(edge), false, JSON.stringify(edge))
    assert.equal(Check(schema, { edge }), false, JSON.stringify(edge))
  }
})
