import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { SeededChance } from '@spate/runtime/chance'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { SimulatedDisk } from '@spate/journal/simulated-disk'
import { newCampaign, type Campaign } from '../domain/campaign.ts'
import { openRoom, type Reply, type SeckillRoom } from '../seckill-room.ts'
import { findProof } from './domain/proof.ts'
import { drawFaults, type DrawnPlace } from './domain/draw.ts'
import { WaitingRooms } from './waiting-rooms.ts'

const start = 1_700_000_000_000
const startsAtMs = start + 10_000

function campaignOf(over: Partial<Campaign> = {}): Campaign {
  const terms = {
    productId: 'p',
    stock: 100_000,
    perUserLimit: 1,
    startsAtMs,
    endsAtMs: 0,
    reservationTtlMs: 1000,
    requireTicket: false,
    queue: true,
    proofBits: 0,
    admitPerSecond: 100,
  }
  return { ...newCampaign(0, 1, start, terms), ...over }
}

/** A waiting room on a disk and a clock of ours. */
interface Stage {
  readonly clock: VirtualClock
  readonly disk: SimulatedDisk
  readonly campaign: Campaign
  rooms: WaitingRooms
  /** Moves time on and lets the disk follow. */
  pass(ms: number): Promise<void>
  /** Cuts the power and starts again. */
  crash(): Promise<void>
}

async function stage(over: Partial<Campaign> = {}, peopleMax = 1_000_000): Promise<Stage> {
  const clock = new VirtualClock(start)
  const disk = new SimulatedDisk({ chance: new SeededChance(7) })
  const campaign = campaignOf(over)
  const open = (): Promise<WaitingRooms> =>
    WaitingRooms.open({
      folder: '/queue',
      disk,
      clock,
      log: silentLog,
      peopleMax,
      ledger: { campaign: () => campaign, now: () => clock.now() },
    })
  const made: Stage = {
    clock,
    disk,
    campaign,
    rooms: await open(),
    async pass(ms) {
      for (let left = ms; left > 0; left -= 50) {
        await clock.advanceAsync(Math.min(50, left))
        for (let n = 0; n < 4; n++) await turn()
      }
    },
    async crash() {
      disk.crash()
      made.rooms = await open()
    },
  }
  return made
}

test('places are drawn at the start, then first come first served; none ever changes', async () => {
  const s = await stage()
  const before = await s.rooms.published(s.campaign)
  assert.equal(before.seed, null)
  const early = Array.from({ length: 200 }, (_, n) => `early${n}`)
  for (const [arrival, user] of early.entries())
    assert.deepEqual(await s.rooms.join(s.campaign, user), {
      arrival,
      place: undefined,
      ahead: undefined,
      admitted: false,
    })
  assert.equal((await s.rooms.join(s.campaign, 'early7')).arrival, 7, 'one place a user')
  await s.pass(10_100)
  const after = await s.rooms.published(s.campaign)
  assert.equal(after.commitment, before.commitment)
  assert.equal(after.arrivals, 200)
  const late = await s.rooms.join(s.campaign, 'late')
  assert.deepEqual([late.arrival, late.place], [200, 200])
  const told: DrawnPlace[] = []
  for (const user of [...early, 'late']) {
    const at = await s.rooms.find(s.campaign, user)
    assert.ok(at?.place !== undefined)
    told.push({ arrival: at.arrival, place: at.place })
  }
  const seed = Buffer.from(after.seed ?? '', 'hex')
  assert.deepEqual(drawFaults({ ...before, seed, arrivals: 200 }, told), [])
  const first = early.filter((_, n) => (told[n]?.place ?? 200) < 20)
  assert.ok(
    first.some((user) => Number(user.slice(5)) >= 100),
    'to come first wins nothing',
  )
})

test('a power cut at any time changes no place, no draw and no admission that was told', async () => {
  const s = await stage({ admitPerSecond: 40 })
  const told = new Map<string, { arrival: number; place?: number; admitted: boolean }>()
  const chance = new SeededChance(20_261_125)
  let users = 0
  for (let round = 0; round < 40; round++) {
    const joining = Array.from({ length: chance.integer(0, 8) }, () => `u${users++}`)
    const answers = joining.map(async (user) => {
      const at = await s.rooms.join(s.campaign, user)
      told.set(user, { arrival: at.arrival, admitted: false })
    })
    // Some crashes come while joins are under way: those were told nothing.
    if (chance.float() < 0.5) await Promise.all(answers)
    await s.pass(chance.integer(0, 900))
    for (const [user, was] of told) {
      const at = await s.rooms.find(s.campaign, user)
      assert.equal(at?.arrival, was.arrival)
      if (was.place !== undefined) assert.equal(at.place, was.place, `${user}'s place changed`)
      assert.ok(at.admitted || !was.admitted, `${user} was let in and put out again`)
      told.set(user, {
        ...was,
        ...(at.place === undefined ? {} : { place: at.place }),
        admitted: at.admitted,
      })
    }
    if (chance.float() < 0.5) await s.crash()
  }
  assert.ok([...told.values()].filter(({ admitted }) => admitted).length > 20)
  const places = [...told.values()].flatMap(({ place }) => (place === undefined ? [] : [place]))
  assert.equal(new Set(places).size, places.length, 'two people stand at one place')
})

test('the draw is told once it is durable, and takes those who had come when it was written down', async () => {
  for (const crash of [true, false]) {
    const s = await stage()
    const early = Array.from({ length: 20 }, (_, n) => `early${n}`)
    for (const user of early) await s.rooms.join(s.campaign, user)
    const room = await s.rooms.room(s.campaign)
    // The draw is on its way to the disk now, and no further.
    s.clock.advance(10_050)
    const hasty = early.map((user) => room.placeOf(user)?.place)
    assert.deepEqual(
      hasty.filter((place) => place !== undefined),
      [],
      'told before it is durable',
    )
    if (crash) await s.crash()
    const late = Array.from({ length: 5 }, (_, n) => `late${n}`)
    await Promise.all(late.map((user) => s.rooms.join(s.campaign, user)))
    await s.pass(200)
    const { arrivals, seed, commitment } = await s.rooms.published(s.campaign)
    assert.equal(arrivals, crash ? 25 : 20)
    const told: DrawnPlace[] = []
    for (const user of [...early, ...late]) {
      const at = await s.rooms.find(s.campaign, user)
      assert.ok(at?.place !== undefined)
      told.push({ arrival: at.arrival, place: at.place })
    }
    const published = { commitment, seed: Buffer.from(seed ?? '', 'hex'), arrivals: arrivals ?? 0 }
    assert.deepEqual(drawFaults(published, told), [])
    await s.crash()
    for (const [n, user] of [...early, ...late].entries())
      assert.equal((await s.rooms.find(s.campaign, user))?.place, told[n]?.place)
  }
})

test('people are let in at the rate, not while paused or sold out, and at its end no more', async () => {
  const s = await stage({ admitPerSecond: 250, startsAtMs: 0 })
  for (let n = 0; n < 4000; n++) void s.rooms.join(s.campaign, `u${n}`)
  await s.rooms.join(s.campaign, 'last')
  const room = await s.rooms.room(s.campaign)
  await s.pass(100)
  const from = room.admitted
  await s.pass(8000)
  const admitted = room.admitted - from
  assert.ok(Math.abs(admitted - 2000) <= 40, `${admitted} in 8 s at 250/s: more than 2 % off`)
  for (const still of [{ state: 'paused' }, { remaining: 0, state: 'open' }] as const) {
    Object.assign(s.campaign, still)
    await s.pass(150)
    const held = room.admitted
    await s.pass(2000)
    assert.equal(room.admitted, held)
  }
  Object.assign(s.campaign, { remaining: 5, state: 'open' })
  await s.pass(1000)
  assert.ok(room.admitted > from + admitted)
  Object.assign(s.campaign, { state: 'closed' })
  await s.pass(200)
  assert.ok(room.closed)
  assert.equal(room.people, 0, 'who came is forgotten')
  assert.notEqual((await s.rooms.published(s.campaign)).seed, null, 'the draw is not')
})

test('a room takes as many people as the setting says, and refuses the next', async () => {
  const s = await stage({}, 3)
  for (const user of ['a', 'b', 'c']) await s.rooms.join(s.campaign, user)
  await assert.rejects(s.rooms.join(s.campaign, 'd'), { code: 'overloaded' })
  assert.equal((await s.rooms.join(s.campaign, 'b')).arrival, 1)
})

test('a disk that fails refuses joins and says why', async () => {
  const s = await stage()
  await s.rooms.join(s.campaign, 'a')
  s.disk.failNext('sync', 'EIO')
  await assert.rejects(s.rooms.join(s.campaign, 'b'), { code: 'disk_failed' })
  assert.notEqual(s.rooms.failure, undefined)
})

async function solved(sale: SeckillRoom, userId: string): Promise<Record<string, string>> {
  const { body } = await sale.call('POST', '/seckill/challenges', { userId, productId: 'p' })
  const challenge = String(body['challenge'])
  return { userId, challenge, proof: findProof(challenge, Number(body['bits']), 0, 1 << 20) ?? '' }
}

async function until(
  look: () => Promise<Reply>,
  status: string,
): Promise<Readonly<Record<string, unknown>>> {
  for (let n = 0; n < 200; n++) {
    const { body } = await look()
    if (body['status'] === status) return body
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return assert.fail(`never ${status}`)
}

test('over HTTP: join with a proof, wait through a restart, be let in, buy once', async (t) => {
  const sale = await openRoom()
  t.after(() => sale.close())
  const startsAt = new Date(Date.now() + 3_600_000).toISOString()
  const terms = { productId: 'p', stock: 5, queue: true, proofBits: 5, admitPerSecond: 1000 }
  await sale.admin('POST', '/seckill/campaigns', { ...terms, startsAt })
  const unproven = await sale.call('POST', '/seckill/queue/p', { userId: 'ann' })
  assert.equal(unproven.status, 422)
  const joined = await sale.call('POST', '/seckill/queue/p', await solved(sale, 'ann'))
  assert.equal(joined.status, 200, JSON.stringify(joined.body))
  assert.deepEqual([joined.body['status'], joined.body['arrival']], ['before_start', 0])
  assert.equal(joined.body['ticket'], undefined)
  const draw = await sale.call('GET', '/seckill/queue/p/draw')
  assert.equal(draw.body['seed'], null)
  await sale.restart()
  const look = (): Promise<Reply> => sale.call('GET', '/seckill/queue/p?userId=ann')
  assert.equal((await look()).body['arrival'], 0)
  assert.equal((await sale.call('GET', '/seckill/queue/p')).body['status'], 'not_joined')
  const early = await sale.call('POST', '/seckill/tickets', {
    ...(await solved(sale, 'ann')),
    productId: 'p',
  })
  assert.equal(early.body['code'], 'not_started')
  await sale.admin('PATCH', '/seckill/campaigns/p', { startsAt: null })
  const { ticket } = await until(look, 'admitted')
  const shown = { 'seckill-ticket': String(ticket) }
  const buy = (userId: string): Promise<Reply> =>
    sale.call('POST', '/seckill/purchase', { userId, productId: 'p' }, shown)
  assert.equal((await buy('bob')).body['code'], 'ticket_invalid')
  assert.equal((await buy('ann')).status, 200)
  const again = { 'seckill-ticket': String((await look()).body['ticket']) }
  const second = await sale.call(
    'POST',
    '/seckill/purchase',
    { userId: 'ann', productId: 'p' },
    again,
  )
  assert.equal(second.body['code'], 'ticket_invalid', 'a place is one ticket, however often shown')
  assert.equal(
    (await sale.call('GET', '/seckill/queue/p/draw')).body['commitment'],
    draw.body['commitment'],
  )
  assert.equal((await sale.call('GET', '/seckill/queue/none')).status, 404)
})

test('by events: the place as it changes, then the ticket, then the end of the stream', async (t) => {
  const sale = await openRoom({ queueStreamsMax: 1 })
  t.after(() => sale.close())
  const startsAt = new Date(Date.now() + 3_600_000).toISOString()
  const terms = { productId: 'p', stock: 5, queue: true, proofBits: 0, admitPerSecond: 100 }
  await sale.admin('POST', '/seckill/campaigns', { ...terms, startsAt })
  await sale.call('POST', '/seckill/queue/p', { userId: 'ann' })
  const accept = { headers: { accept: 'text/event-stream' } }
  const stream = await fetch(`${sale.url}/seckill/queue/p?userId=ann`, accept)
  assert.match(stream.headers.get('content-type') ?? '', /^text\/event-stream/)
  const second = await fetch(`${sale.url}/seckill/queue/p?userId=ann`, accept)
  assert.equal(second.status, 503, 'streams are bounded')
  await second.body?.cancel()
  await sale.admin('PATCH', '/seckill/campaigns/p', { startsAt: null })
  const text = await stream.text()
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(
    ([, json]) => JSON.parse(json ?? '') as Record<string, unknown>,
  )
  assert.equal(events[0]?.['status'], 'before_start')
  assert.equal(events.at(-1)?.['status'], 'admitted')
  assert.equal(String(events.at(-1)?.['ticket']).length, 56)
})
