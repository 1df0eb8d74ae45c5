import assert from 'node:assert/strict'
import { test } from 'node:test'
import { badInputCases } from '@spate/http/bad-input'
import { badInputViolations } from '@spate/http/bad-input-run'
import { purgeBody, purgeBytesMax, warmBody, warmBytesMax } from './contract.ts'
import { plain, startTestEdge } from './test-edge.ts'

test('bad bodies of POST /purge are refused field by field, and the connection lives on', async () => {
  const it = await startTestEdge(plain('x'))
  const valid = {
    urls: ['http://a.example/x'],
    tags: ['t'],
    prefixes: ['http://a.example/'],
    hosts: ['a.example'],
    all: true,
    soft: false,
  }
  const cases = badInputCases(purgeBody, valid, { bytesMax: purgeBytesMax })
  const report = await badInputViolations(
    { url: it.adminUrl, method: 'POST', path: '/purge', headers: it.adminHeaders },
    cases,
  )
  assert.deepEqual(report.violations, [])
  assert.ok(report.ran > 20, `${report.ran}`)
  await it.stop()
})

test('bad bodies of POST /warm are refused field by field', async () => {
  const it = await startTestEdge(plain('x'))
  const valid = { urls: ['http://a.example/x'], sitemap: 'http://a.example/map.xml', top: 3 }
  const cases = badInputCases(warmBody, valid, { bytesMax: warmBytesMax })
  const report = await badInputViolations(
    { url: it.adminUrl, method: 'POST', path: '/warm', headers: it.adminHeaders },
    cases,
  )
  assert.deepEqual(report.violations, [])
  assert.ok(report.ran > 15, `${report.ran}`)
  assert.equal(it.origin.requests.length, 0)
  await it.stop()
})
