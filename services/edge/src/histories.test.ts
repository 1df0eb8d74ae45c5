import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runHistories } from './conformance/histories.ts'

test('the cache agrees with a naive list of stored responses over random histories', async () => {
  const report = await runHistories(2000, 20_260)
  assert.equal(report.disagreement, undefined)
  assert.ok(report.hits > report.requests / 20, 'the histories do hit')
})
