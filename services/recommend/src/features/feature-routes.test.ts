import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { badInputCases } from '@spate/http/bad-input'
import { badInputViolations } from '@spate/http/bad-input-run'
import { featuresBody, warmupBody, wireLimits } from '../contract.ts'
import { startTestProgram, type TestProgram } from '../testing/program.ts'

let program: TestProgram
before(async () => {
  program = await startTestProgram()
})
after(() => program.stop())

/** Members of feature answers. */
interface Shown {
  readonly known: boolean
  readonly features: Readonly<Record<string, unknown>>
  readonly cache: string
  readonly id: number
  readonly status: string
  readonly done: number
  readonly usersPerSecond: number
}
const call = async (method: string, path: string, body?: unknown): Promise<[number, Shown]> => {
  const answer = await program.call(method, path, body)
  return [answer.status, answer.body as unknown as Shown]
}

test('a stranger has default features', async () => {
  const [status, shown] = await call('GET', '/recommend/features/nobody')
  assert.equal(status, 200)
  assert.deepEqual([shown.known, shown.features['user.events']], [false, 0])
})

test('what is said of a user is shown, survives a restart, and is replaced as a whole', async () => {
  const path = '/recommend/features/ann'
  const [status, put] = await call('PUT', path, { features: { segment: 'vip', age: 31 } })
  assert.equal(status, 200)
  assert.deepEqual([put.features['segment'], put.features['age'], put.known], ['vip', 31, true])
  await program.stop()
  program = await startTestProgram({ folder: program.folder })
  assert.equal((await call('GET', path))[1].features['age'], 31)
  await call('PUT', path, { features: { segment: 'new' } })
  const { features } = (await call('GET', path))[1]
  assert.deepEqual([features['segment'], features['age']], ['new', undefined])
})

test('an event is in the features, and the cache is asked the second time', async () => {
  const event = { userId: 'bob', itemId: 'mug', type: 'purchase' }
  await program.call('POST', '/recommend/events', event)
  await program.running.engine.applied()
  const [, first] = await call('GET', '/recommend/features/bob')
  assert.equal(first.features['user.purchase_share'], 1)
  assert.equal((await call('GET', '/recommend/features/bob'))[1].cache, 'hit')
})

test('a warm-up runs beside, shows how far it is, and requests then hit', async () => {
  const [status, job] = await call('POST', '/recommend/features/warmup', { userIds: ['bob', 'x'] })
  assert.equal(status, 202)
  let shown = job
  for (let turn = 0; turn < 100 && shown.status !== 'done'; turn++)
    shown = (await call('GET', `/recommend/features/warmup/${job.id}`))[1]
  assert.deepEqual([shown.status, shown.done], ['done', 2])
  assert.equal((await call('GET', '/recommend/features/warmup/999'))[0], 404)
})

test('users to warm up and features are taken up to their limits', async () => {
  const most = wireLimits.attributesMax
  for (const [count, status] of [
    [most - 1, 200],
    [most, 200],
    [most + 1, 422],
  ] as const) {
    const features = Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, at]))
    assert.equal((await call('PUT', '/recommend/features/c', { features }))[0], status)
  }
  const long = (length: number): string => `/recommend/features/${'x'.repeat(length)}`
  for (const [length, status] of [
    [199, 200],
    [200, 200],
    [201, 422],
  ] as const)
    assert.equal((await call('GET', long(length)))[0], status, `an id of ${length}`)
})

for (const [method, path, schema, valid] of [
  ['PUT', '/recommend/features/u', featuresBody, { features: { a: 1 } }],
  ['POST', '/recommend/features/warmup', warmupBody, { userIds: ['u'] }],
] as const)
  test(`${method} ${path} refuses every bad body`, async () => {
    const bytesMax = method === 'POST' ? { bytesMax: 8 * 1024 * 1024 } : {}
    const cases = badInputCases(schema, valid, bytesMax).filter(
      ({ name }) => !(method === 'POST' && name.includes('too large')),
    )
    const report = await badInputViolations({ url: program.url, method, path, traced: true }, cases)
    assert.deepEqual(report.violations, [])
    assert.ok(report.ran > 10)
  })
