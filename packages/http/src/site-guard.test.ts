import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '@spate/runtime/fault'
import { textResponse } from './problem.ts'
import { siteGuard } from './site-guard.ts'
import { testRequest } from './test-request.ts'

const guard = siteGuard(() => textResponse(200, 'in'), { hosts: ['Console.Example'] })
const enters = (method: string, headers: Record<string, string>): boolean => {
  try {
    void guard(testRequest({ method, headers }))
    return true
  } catch (caught) {
    assert.ok(caught instanceof Fault && caught.code === 'forbidden')
    return false
  }
}

test('a foreign name that resolves to us is refused; addresses, localhost and our names are not', () => {
  for (const host of ['127.0.0.1:8090', '[::1]:8090', 'localhost:8090', 'console.example', ''])
    assert.ok(enters('GET', { host }), host)
  for (const host of [
    'evil.example',
    'evil.example:8090',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ])
    assert.ok(!enters('GET', { host }), host)
})

test('another site cannot change anything; programs and our own pages can', () => {
  const host = 'localhost:8090'
  for (const headers of [
    {},
    { origin: 'http://localhost:8090' },
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ])
    assert.ok(enters('POST', { host, ...headers }), JSON.stringify(headers))
  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'http://localhost:1' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ])
    for (const method of ['POST', 'PUT', 'DELETE'])
      assert.ok(!enters(method, { host, ...headers }), JSON.stringify(headers))
  assert.ok(enters('GET', { host, 'sec-fetch-site': 'cross-site' }), 'a link may lead here')
})
