import assert from 'node:assert/strict'
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { Fault } from '@spate/runtime/fault'

import { openSqlite } from './sqlite.ts'
import { sqlConformance } from './sql-conformance.ts'

sqlConformance('node:sqlite', async () => {
  const root = await mkdtemp(join(tmpdir(), 'spate-sql-'))
  const file = join(root, 'deep', 'test.db')
  let sql = await openSqlite({ file })
  return {
    sql,
    reopen: async () => {
      await sql.close()
      return (sql = await openSqlite({ file }))
    },
    dispose: async () => {
      await sql.close()
      await rm(root, { recursive: true, force: true })
    },
  }
})

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'spate-sql-'))
  try {
    await body(root)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

async function filled(file: string): Promise<void> {
  const sql = await openSqlite({ file })
  await sql.migrate('test', ['CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)'])
  await sql.batch(
    Array.from({ length: 2000 }, (_, at) => ({
      sql: 'INSERT INTO things (name) VALUES (?)',
      params: [`thing number ${at}`],
    })),
  )
  await sql.close()
}

test('a damaged file is refused with what is wrong and where the copy is, once', async () =>
  inFolder(async (root) => {
    const file = join(root, 'a.db')
    await filled(file)
    const handle = await open(file, 'r+')
    await handle.write(Buffer.alloc(4096, 0xaa), 0, 4096, 8192)
    await handle.close()
    for (let round = 0; round < 2; round++)
      await assert.rejects(openSqlite({ file }), (caught) => {
        assert.ok(caught instanceof Fault)
        assert.equal(caught.code, 'data_corrupt')
        assert.match(caught.message, /a\.db is damaged .* a copy is at .*a\.db\.damaged-/)
        return true
      })
    const copies = (await readdir(root)).filter((name) => /damaged-\d+-\d+$/.test(name))
    assert.equal(copies.length, 1)
  }))

test('a file that is no database is replaced where its content can be made again', async () =>
  inFolder(async (root) => {
    const file = join(root, 'a.db')
    await writeFile(file, 'this is not a database at all, not even close to one. '.repeat(50))
    await assert.rejects(openSqlite({ file }), /data|damaged/)
    const sql = await openSqlite({ file, onDamage: 'renew' })
    await sql.migrate('test', ['CREATE TABLE things (id INTEGER PRIMARY KEY)'])
    assert.deepEqual(await sql.all('SELECT * FROM things'), [])
    await sql.close()
    assert.ok((await readdir(root)).some((name) => name.startsWith('a.db.damaged-')))
  }))

test('calls are taken up to exactly the number that may wait', async () =>
  inFolder(async (root) => {
    const sql = await openSqlite({ file: join(root, 'a.db'), pendingMax: 3 })
    const results = await Promise.allSettled(
      [1, 2, 3, 4].map((at) => sql.get('SELECT ? AS n', [at])),
    )
    assert.deepEqual(
      results.map((one) => one.status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
    )
    const refused = results[3] as PromiseRejectedResult
    assert.ok(refused.reason instanceof Fault && refused.reason.code === 'overloaded')
    assert.equal((await sql.get('SELECT 5 AS n'))?.['n'], 5)
    await sql.close()
  }))
