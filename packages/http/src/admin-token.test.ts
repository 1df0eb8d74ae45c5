import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fault } from '@spate/runtime/fault'
import { loadAdminToken } from './admin-token.ts'

async function folder(t: { after(task: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'spate-token-'))
  t.after(() => rm(path, { recursive: true }))
  return path
}

test('a token is made once, kept with mode 600, and found again', async (t) => {
  const dataDir = join(await folder(t), 'new')
  const first = await loadAdminToken({ dataDir })
  assert.equal(first.generated, true)
  assert.match(first.value, /^[\w-]{32}$/)
  const path = join(dataDir, 'admin-token')
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.equal(await readFile(path, 'utf8'), `${first.value}\n`)
  const again = await loadAdminToken({ dataDir, configured: '' })
  assert.deepEqual([again.value, again.generated], [first.value, false])
})

test('a token that others could read is closed to them', async (t) => {
  const dataDir = await folder(t)
  const path = join(dataDir, 'admin-token')
  await writeFile(path, 'kept-from-a-backup\n')
  await chmod(path, 0o644)
  assert.equal((await loadAdminToken({ dataDir })).value, 'kept-from-a-backup')
  assert.equal((await stat(path)).mode & 0o777, 0o600)
})

test('of many programs that start at once all have the same token', async (t) => {
  const dataDir = await folder(t)
  const tokens = await Promise.all(Array.from({ length: 8 }, () => loadAdminToken({ dataDir })))
  const values = new Set(tokens.map((token) => token.value))
  assert.equal(values.size, 1)
  assert.equal(tokens.filter((token) => token.generated).length, 1)
  assert.deepEqual(await readdir(dataDir), ['admin-token'])
})

test('a configured token wins and touches no file', async (t) => {
  const dataDir = join(await folder(t), 'untouched')
  const token = await loadAdminToken({ dataDir, configured: 'from-the-variable' })
  assert.equal(token.value, 'from-the-variable')
  await assert.rejects(stat(dataDir))
  assert.ok(token.accepts('from-the-variable'))
  for (const wrong of ['', 'from-the-variabl', 'from-the-variable ', 'From-The-Variable'])
    assert.equal(token.accepts(wrong), false)
  assert.throws(() => token.require({ headers: { get: () => undefined } as never }), Fault)
})
