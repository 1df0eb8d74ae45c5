import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { processHost } from '@spate/runtime/host'
import { badTicket } from '../domain/command.ts'
import { buy, create, room, start } from '../domain/rehearsal.ts'
import { openRoom, type SeckillRoom } from '../seckill-room.ts'
import { findProof } from './domain/proof.ts'
import { seal, sealKey, unseal, type Bearer, type Note } from './domain/seal.ts'
import { KeyRing } from './key-ring.ts'
import { TicketOffice } from './ticket-office.ts'

/** Attempts of the forgery test; 1,000,000 for the full proof. */
const forgeries = Number(processHost.env['FORGERIES'] ?? 20_000)

const times = { ticketMs: 60_000, challengeMs: 60_000 }
const bearer: Bearer = { userId: 'ann', productId: 'p', epoch: 1 }
const note: Note = {
  kind: 'ticket',
  number: 'AAAAAAAAAAAA',
  bits: 0,
  notBeforeMs: 1000,
  expiresMs: 2000,
}
const at = (nowMs: number, who = bearer): { bearer: Bearer; nowMs: number } => ({
  bearer: who,
  nowMs,
})

const random = (chance: SeededChance): number[] =>
  Array.from({ length: 42 }, () => chance.integer(0, 255))

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gate-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('the signature is HMAC-SHA256 over the note, its epoch, product and user', () => {
  const secret = Buffer.alloc(32, 7)
  const text = seal(sealKey(secret), note, { ...bearer, userId: '李雷' })
  const bytes = Buffer.from(text, 'base64url')
  const tail = Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 1]), Buffer.from('p李雷')])
  const mac = createHmac('sha256', secret).update(bytes.subarray(0, 24)).update(tail).digest()
  assert.deepEqual(bytes.subarray(24), mac.subarray(0, 18))
})

test('a ticket is good for its bearer, from its first ms to the one before its last', () => {
  const key = sealKey(Buffer.alloc(32, 1))
  const text = seal(key, note, bearer)
  assert.equal(text.length, 56)
  assert.equal(unseal([key], 'ticket', text, at(999)), undefined)
  assert.deepEqual(unseal([key], 'ticket', text, at(1000)), note)
  assert.deepEqual(unseal([key], 'ticket', text, at(1999)), note)
  assert.equal(unseal([key], 'ticket', text, at(2000)), undefined)
  const others: Bearer[] = [
    { ...bearer, userId: 'anna' },
    { ...bearer, productId: 'q' },
    { ...bearer, epoch: 2 },
    // The same letters, divided elsewhere.
    { ...bearer, productId: 'pa', userId: 'nn' },
  ]
  for (const other of others)
    assert.equal(unseal([key], 'ticket', text, at(1500, other)), undefined)
  assert.equal(unseal([key], 'challenge', text, at(1500)), undefined)
  assert.equal(unseal([sealKey(Buffer.alloc(32, 2))], 'ticket', text, at(1500)), undefined)
  for (const bent of [`${text}A`, text.slice(1), `${text.slice(0, 55)}=`, ` ${text.slice(1)}`, ''])
    assert.equal(unseal([key], 'ticket', bent, at(1500)), undefined)
})

test(`of ${forgeries} forged, early, replayed and borrowed tickets none is accepted`, async (t) => {
  const folder = await folderOf(t)
  const open = { folder, configured: undefined, previous: undefined }
  const office = new TicketOffice(await KeyRing.open(open), times)
  const { core, run } = room()
  for (const productId of ['p', 'q']) run(create(productId, 1000, { requireTicket: true }))
  const [p, q] = core.sale.campaigns
  assert(p && q)
  const soon = { ...p, startsAtMs: start + 5000 }
  const number = (user: string): string =>
    office.solved(p, user, proofFor(office, p, user), start) ?? ''
  const spent = office.issue(p, 'ann', number('ann'), start).ticket
  const check = (userId: string, productId: string, ticket: string, nowMs = start): string => {
    const campaign = productId === 'p' ? p : q
    const outcome = run(
      buy(userId, productId, { ticket: office.number(campaign, userId, ticket, nowMs) }),
    )
    return outcome.kind === 'refused' ? outcome.code : outcome.kind
  }
  assert.equal(check('ann', 'p', spent), 'reserved', 'an honest ticket sells')
  const early = office.issue(soon, 'eve', number('eve'), start).ticket
  const foreign = seal(sealKey(Buffer.alloc(32, 9)), { ...note, expiresMs: start * 2 }, bearer)
  const chance = new SeededChance(20_261_125)
  const accepted: string[] = []
  for (let n = 0; n < forgeries; n++) {
    const bytes = Buffer.from(spent, 'base64url')
    const spot = chance.integer(0, bytes.length - 1)
    bytes[spot] = (bytes[spot] as number) ^ (1 << chance.integer(0, 7))
    const noise = Buffer.from(random(chance)).toString('base64url')
    const tries: readonly (readonly [string, string, string])[] = [
      ['ann', 'p', bytes.toString('base64url')],
      [`user${n}`, 'p', spent],
      ['ann', 'q', spent],
      ['eve', 'p', early],
      ['ann', 'p', foreign],
      ['ann', 'p', noise],
      ['bob', 'p', spent],
    ]
    const [userId, productId, ticket] = tries[n % tries.length] as readonly [string, string, string]
    if (check(userId, productId, ticket) !== 'ticket_invalid') accepted.push(ticket)
  }
  assert.deepEqual(accepted, [])
  assert.equal(check('ann', 'p', spent), 'ticket_invalid', 'spent is spent')
  assert.equal(core.sale.orders.size, 1)
})

function proofFor(
  office: TicketOffice,
  campaign: Parameters<TicketOffice['challenge']>[0],
  userId: string,
): { challenge: string; proof: string } {
  const { challenge, bits } = office.challenge(campaign, userId, start)
  return { challenge, proof: findProof(challenge, bits, 0, 1 << 20) ?? '' }
}

test('a challenge brings one ticket number, however often it is shown, and to its user only', async (t) => {
  const open = { folder: await folderOf(t), configured: undefined, previous: undefined }
  const office = new TicketOffice(await KeyRing.open(open), times)
  const campaign = { productId: 'p', epoch: 1, startsAtMs: start, proofBits: 8 }
  const solved = proofFor(office, campaign, 'ann')
  const number = office.solved(campaign, 'ann', solved, start)
  assert.equal(number?.length, 12)
  assert.equal(office.solved(campaign, 'ann', solved, start + 59_999), number)
  assert.equal(office.solved(campaign, 'ann', solved, start + 60_000), undefined, 'expired')
  assert.equal(office.solved(campaign, 'bob', solved, start), undefined)
  assert.equal(office.solved({ ...campaign, epoch: 2 }, 'ann', solved, start), undefined)
  const wrong = Array.from({ length: 64 }, (_, n) => `no${n}`).filter(
    (proof) => office.solved(campaign, 'ann', { ...solved, proof }, start) !== undefined,
  )
  assert.ok(wrong.length <= 3, 'about one guess in 256 is right')
})

test('keys are kept with mode 600, survive, rotate once without harm, and may be settings', async (t) => {
  const folder = await folderOf(t)
  const open = { folder, configured: undefined, previous: undefined }
  const ring = await KeyRing.open(open)
  const office = new TicketOffice(ring, times)
  const campaign = { productId: 'p', epoch: 1, startsAtMs: 0, proofBits: 0 }
  const { ticket } = office.issue(campaign, 'ann', note.number, start)
  const good = (one: TicketOffice): boolean =>
    one.number(campaign, 'ann', ticket, start) !== badTicket
  const path = join(folder, 'ticket-keys')
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  const again = new TicketOffice(await KeyRing.open(open), times)
  assert.ok(good(again))
  await again.rotate()
  assert.ok(good(again), 'the key before verifies on')
  assert.equal((await readFile(path, 'utf8')).trim().split('\n').length, 2)
  await again.rotate()
  assert.ok(!good(again), 'the one before that does not')
  const configured = 'a'.repeat(32)
  const set = new TicketOffice(await KeyRing.open({ ...open, configured }), times)
  const mine = set.issue(campaign, 'ann', note.number, start).ticket
  const next = { ...open, configured: 'b'.repeat(32), previous: configured }
  const rotated = new TicketOffice(await KeyRing.open(next), times)
  assert.equal(rotated.number(campaign, 'ann', mine, start), note.number)
  await assert.rejects(set.rotate(), { code: 'conflict' })
})

async function ticketFor(sale: SeckillRoom, userId: string, productId: string): Promise<string> {
  const asked = await sale.call('POST', '/seckill/challenges', { userId, productId })
  assert.equal(asked.status, 200, JSON.stringify(asked.body))
  const challenge = String(asked.body['challenge'])
  const proof = findProof(challenge, Number(asked.body['bits']), 0, 1 << 22)
  const given = await sale.call('POST', '/seckill/tickets', { userId, productId, challenge, proof })
  assert.equal(given.status, 200, JSON.stringify(given.body))
  return String(given.body['ticket'])
}

const code = (reply: { body: Record<string, unknown> }): unknown => reply.body['code']

test('over HTTP: no ticket before the start, one purchase for each, spent for ever', async (t) => {
  const sale = await openRoom({ proofBits: 6 })
  t.after(() => sale.close())
  const terms = { productId: 'p', stock: 5, perUserLimit: 3, requireTicket: true }
  const startsAt = new Date(Date.now() + 3_600_000).toISOString()
  const made = await sale.admin('POST', '/seckill/campaigns', { ...terms, startsAt })
  assert.equal(made.body['proofBits'], 6)
  const asked = await sale.call('POST', '/seckill/challenges', { userId: 'ann', productId: 'p' })
  const challenge = String(asked.body['challenge'])
  const proof = findProof(challenge, 6, 0, 1 << 20)
  const body = { userId: 'ann', productId: 'p', challenge, proof }
  const early = await sale.call('POST', '/seckill/tickets', body)
  assert.deepEqual(
    [early.status, code(early), early.body['notBefore']],
    [403, 'not_started', startsAt],
  )
  await sale.admin('PATCH', '/seckill/campaigns/p', { startsAt: null })
  const ticket = String((await sale.call('POST', '/seckill/tickets', body)).body['ticket'])
  const purchase = (
    userId: string,
    headers: Record<string, string>,
  ): ReturnType<typeof sale.call> =>
    sale.call('POST', '/seckill/purchase', { userId, productId: 'p' }, headers)
  assert.equal(code(await purchase('ann', {})), 'ticket_required')
  assert.equal(code(await purchase('bob', { 'seckill-ticket': ticket })), 'ticket_invalid')
  const shown = { 'seckill-ticket': ticket, 'idempotency-key': 'k1' }
  const bought = await purchase('ann', shown)
  assert.equal(bought.status, 200, JSON.stringify(bought.body))
  assert.equal(code(await purchase('ann', { 'seckill-ticket': ticket })), 'ticket_invalid')
  await sale.restart()
  assert.equal(code(await purchase('ann', { 'seckill-ticket': ticket })), 'ticket_invalid')
  assert.deepEqual(
    (await purchase('ann', shown)).body,
    bought.body,
    'its key is answered as before',
  )
  const wrong = { ...body, userId: 'bob' }
  const unproven = await sale.call('POST', '/seckill/tickets', wrong)
  assert.deepEqual([unproven.status, code(unproven)], [422, 'invalid_request'])
})

test('a cart shows one ticket for each product that needs one, in order', async (t) => {
  const sale = await openRoom({ proofBits: 4 })
  t.after(() => sale.close())
  for (const productId of ['p', 'q'])
    await sale.admin('POST', '/seckill/campaigns', { productId, stock: 5, requireTicket: true })
  await sale.admin('POST', '/seckill/campaigns', { productId: 'free', stock: 5 })
  const p = await ticketFor(sale, 'ann', 'p')
  const q = await ticketFor(sale, 'ann', 'q')
  const items = ['p', 'free', 'q'].map((productId) => ({ productId }))
  const order = (tickets: string): ReturnType<typeof sale.call> =>
    sale.call('POST', '/seckill/carts', { userId: 'ann', items }, { 'seckill-ticket': tickets })
  const one = await order(p)
  assert.deepEqual([code(one), one.body['item']], ['ticket_required', 2])
  assert.equal(code(await order(`${q}, ${p}`)), 'ticket_invalid')
  assert.equal((await order(`${p}, ${q}`)).status, 200)
  assert.equal(code(await order(`${p}, ${q}`)), 'ticket_invalid')
  await sale.restart()
  assert.equal(code(await order(`${p}, ${q}`)), 'ticket_invalid')
})
