import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { segmentsIn } from '@spate/journal/inspect'
import { openJournal } from '@spate/journal/journal'
import { SeededChance } from '@spate/runtime/chance'
import type { CommandContext } from '@spate/runtime/command'
import { systemClock } from '@spate/runtime/clock'
import { silentLog } from '@spate/runtime/log'
import { create, rehearsalLimits } from '../domain/rehearsal.ts'
import { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { PlainCommand } from '../ledger/ledger.ts'
import { openRoom, roomToken } from '../seckill-room.ts'
import { auditVerifyCommand } from './audit-command.ts'
import { verifyLog, type LogVerdict } from './verify-log.ts'

const orders = 20

/** A log of 21 records: a campaign, then one purchase each. Resolves to its folder and every head. */
async function sale(
  t: TestContext,
): Promise<{ folder: string; heads: string[]; ledger: EmbeddedLedger }> {
  const root = await mkdtemp(join(tmpdir(), 'verify-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const folder = join(root, 'ledger')
  const ledger = await EmbeddedLedger.open({
    folder,
    clock: systemClock,
    log: silentLog,
    limits: rehearsalLimits,
    chance: new SeededChance(3),
  })
  const heads = [ledger.chainHead]
  await ledger.run(create('p', orders) as PlainCommand)
  heads.push(ledger.chainHead)
  for (let at = 0; at < orders; at++) {
    await ledger.purchase({ userId: `u${at}`, productId: 'p', quantity: 1, key: '', ticket: '' })
    heads.push(ledger.chainHead)
  }
  return { folder, heads, ledger }
}

const places = ({ broken, torn }: LogVerdict): unknown[] => [broken?.sequence, torn?.sequence]

test('a log that nobody touched is sound, while it is written and after', async (t) => {
  const { folder, heads, ledger } = await sale(t)
  const open = await verifyLog({ folder, knownHead: heads[7] ?? '' })
  assert.deepEqual([open.events, open.head, open.knownHeadAt], [orders + 1, heads.at(-1), 7])
  assert.deepEqual([...places(open), open.sealed], [undefined, undefined, false])
  await ledger.close()
  const closed = await verifyLog({ folder })
  assert.deepEqual([closed.head, closed.sealed, closed.broken], [heads.at(-1), true, undefined])
})

test('a flipped bit anywhere in a closed log is found, with its record and its byte', async (t) => {
  const { folder, ledger } = await sale(t)
  await ledger.close()
  const [name = ''] = await segmentsIn(folder)
  const path = join(folder, name)
  const bytes = await readFile(path)
  for (const at of [40, 200, Math.floor(bytes.length / 2), bytes.length - 120]) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] ?? 0) ^ 4
    await writeFile(path, flipped)
    const { broken, events } = await verifyLog({ folder })
    assert.ok(broken, `byte ${at}`)
    assert.ok(broken.position <= at && at - broken.position < 200, `${broken.position} for ${at}`)
    assert.ok(events < orders + 1)
  }
})

test('a log cut short: in a record it is torn, between records only an old head or a snapshot tells', async (t) => {
  const { folder, heads, ledger } = await sale(t)
  const [name = ''] = await segmentsIn(folder)
  const bytes = await readFile(join(folder, name))
  const copy = `${folder}-copy`
  await cp(folder, copy, { recursive: true })
  await truncate(join(copy, name), bytes.length - 5)
  const torn = await verifyLog({ folder: copy, knownHead: heads.at(-1) ?? '' })
  assert.deepEqual([...places(torn), torn.knownHeadAt], [undefined, orders + 1, undefined])
  await ledger.close()
  await cp(folder, copy, { recursive: true, force: true })
  await truncate(join(copy, name), bytes.length - 5)
  // The snapshot of the clean close knows more than what is left of the log.
  const cut = await verifyLog({ folder: copy })
  assert.ok(cut.torn ?? cut.broken)
})

test('an event rewritten with a fitting checksum does not fit the chain; a whole other log has not the head', async (t) => {
  const { folder, heads, ledger } = await sale(t)
  const records = await ledger.feed.read(1, 1 << 20)
  await ledger.close()
  const forged = `${folder}-forged`
  const journal = await openJournal({ folder: forged })
  for (const { record, payload } of records) {
    const bytes = Buffer.from(payload)
    if (record === 8) bytes.write('X', bytes.indexOf('u6'))
    journal.append(bytes)
  }
  await journal.close()
  const { broken, events, head } = await verifyLog({ folder: forged })
  assert.deepEqual([broken?.sequence, events, head], [8, 7, heads[7]])
  assert.match(broken?.reason ?? '', /chain of hashes does not fit/)
  const other = await sale(t)
  await other.ledger.close()
  const verdict = await verifyLog({ folder: other.folder, knownHead: heads[5] ?? '' })
  assert.deepEqual([verdict.broken, verdict.knownHeadAt], [undefined, undefined])
})

test('spate audit verify says it in words and by its exit code, offline and of an engine', async (t) => {
  const room = await openRoom()
  t.after(() => room.close())
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 3 })
  await room.call('POST', '/seckill/purchase', { userId: 'a', productId: 'p' })
  const run = async (
    settings: Record<string, string>,
    words: string[] = [room.folder],
  ): Promise<{ code: number; out: string }> => {
    let out = ''
    const host = { cwd: room.folder, write: (text: string) => void (out += text) }
    const given = { dataDir: room.folder, adminToken: roomToken, ...settings }
    const signal = new AbortController().signal
    const context = { settings: given, words, json: false, host, clock: systemClock, signal }
    const code = await auditVerifyCommand.run(context as unknown as CommandContext)
    return { code, out }
  }
  const offline = await run({})
  assert.equal(offline.code, 0, offline.out)
  assert.match(
    offline.out,
    /events {2}2 in 2 records, 1 segments\nhead {4}[\da-f]{64}\n[^]*every link fits/,
  )
  const audit = await room.admin('GET', '/seckill/audit/p')
  assert.ok(offline.out.includes(String(audit.body['chainHead'])))
  assert.equal((await run({ head: '0'.repeat(63) + '1' })).code, 1)
  const engine = await run({ url: room.url })
  assert.equal(engine.code, 0)
  assert.match(
    engine.out,
    /^p: the books agree at event 2\n {2}3 \+ 0 = 2 left \+ 1 reserved \+ 0 paid/,
  )
  await assert.rejects(run({}, [join(room.folder, 'seckill', 'nothing')]), { code: 'not_found' })
  const ledger = join(room.folder, 'seckill', 'ledger')
  const [name = ''] = await segmentsIn(ledger)
  const bytes = await readFile(join(ledger, name))
  bytes[60] = (bytes[60] ?? 0) ^ 1
  const copy = join(room.folder, 'copy')
  await cp(ledger, copy, { recursive: true })
  await writeFile(join(copy, name), bytes)
  const broken = await run({}, [copy])
  assert.equal(broken.code, 1)
  assert.match(broken.out, /chain {3}BROKEN at record 1, \d+\.journal byte 32: /)
})
