import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { FeaturesAnswer } from './contract.ts'
import { ownerOf, Partition, partitionOf } from './domain/partition.ts'

const userIds = Array.from({ length: 5000 }, (_, user) => `user-${user}`)

test('users are spread evenly, and only move to the partition that is added', () => {
  for (const count of [1, 2, 3, 4, 7, 8]) {
    const sizes = Array.from({ length: count }, () => 0)
    for (const userId of userIds) {
      const owner = ownerOf(userId, count)
      sizes[owner] = (sizes[owner] ?? 0) + 1
      const next = ownerOf(userId, count + 1)
      assert.ok(next === owner || next === count, `${userId}: ${owner}, then ${next}`)
    }
    for (const size of sizes) assert.ok(Math.abs((size * count) / 5000 - 1) < 0.15, sizes.join())
  }
  for (const userId of userIds.slice(0, 100))
    assert.equal([0, 1, 2].filter((own) => new Partition(own, 3).owns(userId)).length, 1)
})

test('a partition beyond its count is refused', () => {
  assert.equal(partitionOf('3/4').name, '3/4')
  assert.throws(() => partitionOf('4/4'), { code: 'settings_invalid' })
})

const program = join(import.meta.dirname, 'testing', 'engine-process.ts')
const children: Set<ChildProcess> = new Set()
after(() => children.forEach((child) => child.kill('SIGKILL')))

interface Engine {
  readonly child: ChildProcess
  readonly url: string
}

async function startEngine(folder: string, partition: string): Promise<Engine> {
  const child = spawn(process.execPath, [program, folder, partition], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  const url = await once(child.stdout, 'data').then(([bytes]) => String(bytes).trim())
  const engine = { child, url }
  while ((await call(engine, 'GET', '/health/ready')).status !== 200);
  return engine
}

async function stopEngine({ child }: Engine): Promise<void> {
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function call(
  { url }: Engine,
  method: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: Body }> {
  const headers = { 'content-type': 'application/json' }
  const sent = body === undefined ? {} : { body: JSON.stringify(body) }
  const answer = await fetch(`${url}${path}`, { method, headers, ...sent })
  const text = await answer.text()
  return { status: answer.status, body: JSON.parse(text === '' ? '{}' : text) as Body }
}

const users = Array.from({ length: 24 }, (_, user) => `u${user}`)
const events = Array.from({ length: 300 }, (_, at) => ({
  eventId: `e${at}`,
  userId: users[(at * at) % 24],
  itemId: `i${at % 7}`,
  type: at % 3 === 0 ? 'purchase' : 'view',
  timestamp: 1_700_000_000_000 + at * 60_000,
}))

/** The members of all answers that are looked at. */
interface Body extends FeaturesAnswer {
  readonly state: { readonly events: number; readonly users: number }
  readonly accepted: number
  readonly rejected: readonly { readonly code: string }[]
  readonly code: string
  readonly detail: string
}

test('two processes on one event log: each user is on exactly one, and both together are the single one', async () => {
  const base = await mkdtemp(join(tmpdir(), 'recommend-partition-'))
  after(() => rm(base, { recursive: true, force: true }))
  const single = await startEngine(join(base, 'single'), '0/1')
  await call(single, 'PUT', '/recommend/items/i0', { title: 'Mug', price: 3 })
  assert.equal((await call(single, 'POST', '/recommend/events', events)).status, 202)
  await call(single, 'PUT', '/recommend/features/u3', { features: { segment: 'gold' } })
  let all = (await call(single, 'GET', '/recommend/models')).body.state
  while (all.events < events.length)
    all = (await call(single, 'GET', '/recommend/models')).body.state
  const expected = await featuresOf(single)
  await stopEngine(single)

  const parts: Engine[] = []
  for (const partition of ['0/2', '1/2']) {
    const folder = join(base, partition.replace('/', '-of-'))
    // The log and the single process's snapshot, which is of other users and must be passed over.
    const filter = (path: string): boolean => !path.endsWith('lock')
    await cp(join(base, 'single'), folder, { recursive: true, filter })
    parts.push(await startEngine(folder, partition))
  }
  for (const userId of users) {
    const owner = ownerOf(userId, 2)
    for (const [at, engine] of parts.entries()) {
      const { status, body } = await call(engine, 'GET', `/recommend/features/${userId}`)
      if (at === owner) assert.deepEqual([status, shownOf(body)], [200, expected.get(userId)])
      else {
        assert.deepEqual([status, body.code], [421, 'misdirected'])
        assert.match(body.detail, new RegExp(`partition ${owner}/2`))
        const list = await call(engine, 'POST', '/recommend', { userId })
        assert.deepEqual([list.status, list.body.code], [421, 'misdirected'])
      }
    }
  }
  const found = await Promise.all(parts.map((part) => call(part, 'GET', '/recommend/models')))
  assert.equal(
    found.reduce((sum, { body }) => sum + body.state.events, 0),
    events.length,
  )
  for (const part of parts)
    assert.equal((await call(part, 'GET', '/recommend/items/i0')).status, 200)
  await refusesForeign(parts[0] as Engine)
  await Promise.all(parts.map(stopEngine))
})

/** Events of others are refused one by one, and what is said of them too. */
async function refusesForeign(first: Engine): Promise<void> {
  const own = users.find((userId) => ownerOf(userId, 2) === 0)
  const other = users.find((userId) => ownerOf(userId, 2) === 1)
  const { status, body } = await call(first, 'POST', '/recommend/events', [
    { eventId: 'n1', userId: own, itemId: 'i0', type: 'view' },
    { eventId: 'n2', userId: other, itemId: 'i0', type: 'view' },
  ])
  assert.deepEqual([status, body.accepted], [202, 1])
  assert.deepEqual(
    body.rejected.map(({ code }) => code),
    ['misdirected'],
  )
  for (const [method, path, sent] of [
    ['PUT', `/recommend/features/${other}`, { features: { segment: 'x' } }],
    ['POST', '/recommend/features/warmup', { userIds: [own, other] }],
  ] as const)
    assert.equal((await call(first, method, path, sent)).status, 421, path)
}

async function featuresOf(engine: Engine): Promise<ReadonlyMap<string, unknown>> {
  const found = new Map<string, unknown>()
  for (const userId of users) {
    const { body } = await call(engine, 'GET', `/recommend/features/${userId}`)
    found.set(userId, shownOf(body))
  }
  return found
}

/** What does not change as time passes. */
function shownOf({ features, recent }: FeaturesAnswer): unknown {
  return [features['user.events'], features['user.purchase_share'], recent]
}
