/** What every `Disk` must do. Each implementation runs this one suite. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { errorCode, Fault } from '@spate/runtime/fault'

import type { Disk } from './disk.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** A disk to test and an empty folder on it. */
export interface DiskSubject {
  readonly disk: Disk
  readonly folder: string
  dispose(): Promise<void>
}

type Check = (sentence: string, body: (subject: DiskSubject) => Promise<void>) => void

/** Declares the suite for one implementation. */
export function diskConformance(name: string, open: () => Promise<DiskSubject>): void {
  const check: Check = (sentence, body) => {
    it(sentence, async () => {
      const subject = await open()
      try {
        await subject.disk.makeFolder(subject.folder)
        await body(subject)
      } finally {
        await subject.dispose()
      }
    })
  }
  describe(`disk: ${name}`, () => {
    checkFiles(check)
    checkNames(check)
  })
}

function checkFiles(check: Check): void {
  check('gives back what was written, at its position', async ({ disk, folder }) => {
    const file = await disk.open(`${folder}/a`, 'create')
    await file.write(text('world'), 6)
    await file.write(text('hello '), 0)
    await file.sync()
    const target = new Uint8Array(32)
    assert.equal(await file.read(target, 0), 11)
    assert.deepEqual(target.subarray(0, 11), text('hello world'))
    assert.equal(await file.read(target, 11), 0)
    assert.equal(await file.size(), 11)
    await file.close()
  })
  check('cuts a file', async ({ disk, folder }) => {
    const file = await disk.open(`${folder}/a`, 'create')
    await file.write(text('hello'), 0)
    await file.truncate(2)
    assert.equal(await file.size(), 2)
    await file.write(text('y'), 2)
    const target = new Uint8Array(8)
    assert.equal(await file.read(target, 0), 3)
    assert.deepEqual(target.subarray(0, 3), text('hey'))
    await file.close()
  })
}

function checkNames(check: Check): void {
  check('lists names in order, and nothing where there is no folder', async (subject) => {
    const { disk, folder } = subject
    for (const one of ['b', 'a', 'c']) await (await disk.open(`${folder}/${one}`, 'create')).close()
    await disk.remove(`${folder}/b`)
    await disk.syncFolder(folder)
    assert.deepEqual(await disk.list(folder), ['a', 'c'])
    assert.deepEqual(await disk.list(`${folder}/none`), [])
  })
  check('refuses to create what exists and to open what does not', async ({ disk, folder }) => {
    await (await disk.open(`${folder}/a`, 'create')).close()
    await assert.rejects(disk.open(`${folder}/a`, 'create'), { code: 'EEXIST' })
    await assert.rejects(disk.open(`${folder}/b`, 'change'), { code: 'ENOENT' })
    await assert.rejects(disk.open(`${folder}/b`, 'read'), { code: 'ENOENT' })
    await assert.rejects(disk.remove(`${folder}/b`), (caught) => errorCode(caught) === 'ENOENT')
  })
  check('renames over another file', async ({ disk, folder }) => {
    const old = await disk.open(`${folder}/a`, 'create')
    await old.write(text('old'), 0)
    await old.close()
    const next = await disk.open(`${folder}/b`, 'create')
    await next.write(text('new'), 0)
    await next.close()
    await disk.rename(`${folder}/b`, `${folder}/a`)
    await disk.syncFolder(folder)
    assert.deepEqual(await disk.list(folder), ['a'])
    const file = await disk.open(`${folder}/a`, 'read')
    const target = new Uint8Array(3)
    await file.read(target, 0)
    assert.deepEqual(target, text('new'))
    await file.close()
  })
  check('lets one owner into a folder at a time', async ({ disk, folder }) => {
    const lock = await disk.lock(folder)
    await assert.rejects(disk.lock(folder), (caught) => {
      return caught instanceof Fault && caught.code === 'data_locked'
    })
    await lock.release()
    await (await disk.lock(folder)).release()
  })
}
