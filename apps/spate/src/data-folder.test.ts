import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Fault } from '@spate/runtime/fault'
import { openDataFolder } from './data-folder.ts'

async function refusal(path: string): Promise<string> {
  const caught = await openDataFolder(path).then(
    () => assert.fail(`${path} was taken`),
    (fault: unknown) => fault,
  )
  assert.ok(caught instanceof Fault)
  assert.equal(caught.code, 'settings_invalid')
  return caught.message
}

test('a folder and those above it are made, for this user alone, and hold nothing afterwards', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'spate-data-'))
  t.after(() => rm(folder, { recursive: true }))
  const deep = join(folder, 'a', 'b')
  await Promise.all([openDataFolder(deep), openDataFolder(deep)])
  assert.equal((await stat(deep)).mode & 0o777, 0o700)
  await openDataFolder(deep)
})

test('a file in place of the folder, or above it, is named as such', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'spate-data-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'file')
  await writeFile(file, '')
  assert.match(await refusal(file), /file cannot be used: a part of the path is a file \(ENOTDIR\)/)
  assert.match(await refusal(join(file, 'below')), /ENOTDIR/)
})

test('a place where the system lets nobody make folders is refused at once', async (t) => {
  // The recursive mkdir of Node 26 spins for ever there.
  if (!existsSync('/proc/self')) return t.skip('there is no /proc')
  assert.match(await refusal('/proc/nope'), /the system lets nobody make folders there \(ENOENT\)/)
  assert.match(await refusal('/proc/nope/deeper'), /ENOENT/)
})
