/** What every `Sql` must do. Each implementation runs this one suite. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { Fault, type FaultCode } from '@spate/runtime/fault'

import type { Sql } from './sql.ts'

/** A database to test; `reopen` closes it and opens the same one again. */
export interface SqlSubject {
  readonly sql: Sql
  readonly reopen: () => Promise<Sql>
  dispose(): Promise<void>
}

type Check = (sentence: string, body: (subject: SqlSubject) => Promise<void>) => void

const refused =
  (code: FaultCode) =>
  (caught: unknown): boolean =>
    caught instanceof Fault && caught.code === code
const steps = [
  'CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(50) UNIQUE, size INTEGER)',
]

/** Declares the suite for one implementation. */
export function sqlConformance(name: string, open: () => Promise<SqlSubject>): void {
  const check: Check = (sentence, body) => {
    it(sentence, { timeout: 60_000 }, async () => {
      const subject = await open()
      try {
        await body(subject)
      } finally {
        await subject.dispose()
      }
    })
  }
  describe(`sql: ${name}`, () => {
    checkStatements(check)
    checkOrder(check)
    checkMigrations(check)
  })
}

function checkStatements(check: Check): void {
  check('reads what was written, also after a restart', async ({ sql, reopen }) => {
    await sql.migrate('test', steps)
    const change = await sql.run('INSERT INTO things (name, size) VALUES (?, ?)', ['a', 3])
    assert.equal(change.changes, 1)
    assert.equal(change.lastId, 1)
    await sql.run('INSERT INTO things (name, size) VALUES (?, ?)', ['b', null])
    for (const open of [async () => sql, reopen]) {
      const current = await open()
      assert.deepEqual(
        (await current.all('SELECT name, size FROM things ORDER BY id')).map((row) => ({ ...row })),
        [
          { name: 'a', size: 3 },
          { name: 'b', size: null },
        ],
      )
      assert.equal(
        (await current.get('SELECT size FROM things WHERE name = ?', ['a']))?.['size'],
        3,
      )
      assert.equal(await current.get('SELECT size FROM things WHERE name = ?', ['c']), undefined)
    }
  })
  check('runs a batch whole or not at all', async ({ sql }) => {
    await sql.migrate('test', steps)
    const insert = 'INSERT INTO things (name, size) VALUES (?, ?)'
    const bad = [
      { sql: insert, params: ['a', 1] },
      { sql: insert, params: ['a', 2] },
    ]
    await assert.rejects(sql.batch(bad), refused('conflict'))
    assert.equal((await sql.get('SELECT COUNT(*) AS n FROM things'))?.['n'], 0)
    const changes = await sql.batch([
      { sql: insert, params: ['a', 1] },
      { sql: 'UPDATE things SET size = size + 1' },
    ])
    assert.deepEqual(
      changes.map((one) => one.changes),
      [1, 1],
    )
    assert.deepEqual(await sql.batch([]), [])
  })
  check(
    'keeps calls made together apart: one that fails takes no other with it',
    async (subject) => {
      const { sql } = subject
      await sql.migrate('test', steps)
      const insert = 'INSERT INTO things (name, size) VALUES (?, ?)'
      const results = await Promise.allSettled(
        ['a', 'b', 'a', 'c'].map((name, at) => sql.run(insert, [name, at])),
      )
      assert.deepEqual(
        results.map((one) => one.status),
        ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
      )
      const rows = await sql.all('SELECT name FROM things ORDER BY name')
      assert.deepEqual(
        rows.map((row) => row['name']),
        ['a', 'b', 'c'],
      )
    },
  )
}

function checkOrder(check: Check): void {
  check('takes effect in the order of the calls', async ({ sql }) => {
    await sql.migrate('test', steps)
    const insert = sql.run('INSERT INTO things (name, size) VALUES (?, ?)', ['a', 0])
    const counted = Array.from({ length: 20 }, () => [
      sql.run('UPDATE things SET size = size + 1'),
      sql.get('SELECT size FROM things'),
    ]).flat()
    await insert
    const sizes = (await Promise.all(counted))
      .filter((_, at) => at % 2 === 1)
      .map((row) => (row as { size: number }).size)
    assert.deepEqual(
      sizes,
      Array.from({ length: 20 }, (_, at) => at + 1),
    )
  })
  check('names a wrong statement as a fault of ours, without its text', async ({ sql }) => {
    await assert.rejects(sql.all('SELECT secret FROM nowhere'), (caught) => {
      assert.ok(caught instanceof Fault)
      assert.equal(caught.code, 'internal')
      assert.doesNotMatch(caught.message, /nowhere|secret/)
      return true
    })
    await sql.migrate('test', steps)
  })
  check('refuses calls after close', async ({ sql }) => {
    await sql.migrate('test', steps)
    const last = sql.run('INSERT INTO things (name, size) VALUES (?, ?)', ['a', 1])
    await sql.close()
    assert.equal((await last).changes, 1)
    await assert.rejects(sql.all('SELECT 1'), refused('shutting_down'))
  })
}

function checkMigrations(check: Check): void {
  const more = [...steps, 'ALTER TABLE things ADD COLUMN colour VARCHAR(50)']
  check('runs each step once, room by room', async ({ sql, reopen }) => {
    await sql.migrate('test', steps)
    await sql.migrate('test', more)
    await sql.migrate('other', ['CREATE TABLE others (id INTEGER PRIMARY KEY)'])
    const again = await reopen()
    await again.migrate('test', more)
    await again.run('INSERT INTO things (name, colour) VALUES (?, ?)', ['a', 'red'])
  })
  check('refuses a step that changed and a database that is ahead', async ({ sql }) => {
    await sql.migrate('test', more)
    await assert.rejects(sql.migrate('test', steps), refused('data_corrupt'))
    await assert.rejects(
      sql.migrate('test', [`${steps[0]} `, more[1] as string]),
      refused('data_corrupt'),
    )
  })
}
