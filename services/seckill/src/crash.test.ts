import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import { systemClock } from '@spate/runtime/clock'
import type { OrderEventJson } from './contract.ts'
import { ordersTopic } from './orders/outbox.ts'
import { roomToken } from './seckill-room.ts'

/** Every named point at which the process can die; snapshots are written as it stops. */
const points = [
  'ledger.after-decision',
  'ledger.before-append',
  'ledger.after-append',
  'ledger.before-answers',
  'ledger.after-answers',
  'ledger.before-snapshot',
  'ledger.after-snapshot',
  'orders.before-batch',
  'orders.after-batch',
  'outbox.before-publish',
  'outbox.after-publish',
  'outbox.after-position',
] as const

const stock = 30
const program = join(import.meta.dirname, 'testing', 'sale-process.ts')

interface Sale {
  readonly child: ChildProcess
  readonly url: string
  readonly ended: Promise<NodeJS.Signals | null>
}

async function startSale(folder: string, crashAt?: string): Promise<Sale> {
  const child = spawn(process.execPath, [program, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...(crashAt ? { SPATE_CRASH_AT: crashAt } : {}) },
  })
  children.add(child)
  const ended = once(child, 'exit').then(([, signal]) => signal as NodeJS.Signals | null)
  const line = once(child.stdout, 'data').then(([bytes]) => String(bytes).trim())
  const url = await Promise.race([line, ended.then((signal) => `ended: ${signal}`)])
  assert.match(url, /^http:/)
  return { child, url, ended }
}

async function stopSale(sale: Sale): Promise<NodeJS.Signals | null> {
  sale.child.kill('SIGTERM')
  return await sale.ended
}

/** What a purchase came to; undefined where the connection broke before an answer. */
interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

async function call(url: string, path: string, init: RequestInit): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${url}${path}`, init)
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  } catch {
    return undefined
  }
}

const adminCall = { headers: { authorization: `Bearer ${roomToken}` } }

/** Each buyer asks twice, with two keys, though one unit is the most anybody may have. */
async function buyAll(
  url: string,
  buyers: readonly number[],
): Promise<Map<string, Answer | undefined>> {
  const answers = new Map<string, Answer | undefined>()
  const lanes = buyers.map(async (buyer) => {
    for (const key of [`a${buyer}`, `b${buyer}`]) {
      const headers = { 'content-type': 'application/json', 'idempotency-key': key }
      const body = JSON.stringify({ userId: `u${buyer}`, productId: 'p' })
      answers.set(key, await call(url, '/seckill/purchase', { method: 'POST', headers, body }))
    }
  })
  await Promise.all(lanes)
  return answers
}

/** What must not change when the same key asks again. */
function gist(answer: Answer | undefined): unknown {
  const { success, code, orderId, expiresAt } = answer?.body ?? {}
  return { status: answer?.status, success, code, orderId, expiresAt }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at)
}

/** Those still running when a test fails are ended with it. */
const children: Set<ChildProcess> = new Set()

let base = ''
let early: Map<string, Answer | undefined> = new Map()

describe('a sale killed at a named point', { concurrency: 2 }, () => {
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'seckill-crash-'))
    const sale = await startSale(join(base, 'base'))
    const made = await call(sale.url, '/seckill/campaigns', {
      method: 'POST',
      headers: { ...adminCall.headers, 'content-type': 'application/json' },
      body: JSON.stringify({ productId: 'p', stock }),
    })
    assert.equal(made?.status, 201)
    early = await buyAll(sale.url, numbers(0, 10))
    assert.equal(await stopSale(sale), null)
  })

  after(() => children.forEach((child) => child.kill('SIGKILL')))
  after(() => rm(base, { recursive: true, force: true }))

  for (const point of points)
    test(`${point}: nothing acknowledged is lost, nothing is sold twice`, (t) => killedAt(point, t))
})

async function killedAt(point: string, t: TestContext): Promise<void> {
  const folder = join(base, point)
  await cp(join(base, 'base'), folder, {
    recursive: true,
    filter: (path) => !path.endsWith('lock'),
  })
  const dying = await startSale(folder, point)
  const late = await buyAll(dying.url, numbers(10, 34))
  if (point.endsWith('-snapshot')) dying.child.kill('SIGTERM')
  assert.equal(await dying.ended, 'SIGKILL')

  const sale = await startSale(folder)
  const first = new Map([...early, ...late])
  const again = await buyAll(sale.url, numbers(0, 34))
  let kept = 0
  for (const [key, answer] of first) {
    if (!answer) continue
    assert.deepEqual(gist(again.get(key)), gist(answer), key)
    kept++
  }
  assert(kept >= 20)
  t.diagnostic(`${kept} of ${first.size} answers came before the end`)
  for (const [key, answer] of await buyAll(sale.url, numbers(0, 34)))
    assert.deepEqual(gist(answer), gist(again.get(key)), key)

  const page = await call(sale.url, '/seckill/orders?productId=p', adminCall)
  const orders = page?.body['orders'] as { orderId: string; userId: string }[]
  assert.equal(orders.length, stock)
  assert.equal(new Set(orders.map(({ userId }) => userId)).size, stock, 'one for each buyer')
  const ids = new Set(orders.map(({ orderId }) => orderId))
  for (const answer of first.values())
    if (answer?.status === 200) assert(ids.has(String(answer.body['orderId'])))
  const audit = await call(sale.url, '/seckill/audit/p', adminCall)
  assert.equal(audit?.body['consistent'], true, JSON.stringify(audit?.body))
  assert.equal(audit?.body['remaining'], 0)
  assert.equal(await stopSale(sale), null)
  assert.deepEqual(await publishedOrders(folder), ids)
}

/** Orders of the topic; an event that came twice must be the same both times. */
async function publishedOrders(folder: string): Promise<Set<string>> {
  const log = await openEmbeddedEventLog({ folder: `${folder}/events`, clock: systemClock })
  const bySequence = new Map<number, string>()
  for (const [partition, { first }] of (await log.bounds(ordersTopic)).entries())
    for await (const { value } of log.read(ordersTopic, partition, first)) {
      const text = Buffer.from(value).toString()
      const { sequence } = JSON.parse(text) as OrderEventJson
      assert.equal(bySequence.get(sequence) ?? text, text)
      bySequence.set(sequence, text)
    }
  await log.close()
  const events = [...bySequence.values()].map((text) => JSON.parse(text) as OrderEventJson)
  assert(events.every(({ type }) => type === 'order.reserved'))
  return new Set(events.map(({ orderId }) => orderId))
}
