import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestProgram, type TestProgram } from './testing/program.ts'

let program: TestProgram
before(async () => {
  program = await startTestProgram({
    flags: '--exploration epsilon --exploration-share 0.3'.split(' '),
  })
  for (let at = 0; at < 20; at++)
    await program.call('PUT', `/recommend/items/i${at}`, { title: `T ${at}` })
})
after(() => program.stop())

const token = { authorization: 'Bearer a-token-for-tests-only' }
const variants = [
  { name: 'plain', share: 1, rules: { exploration: 'off' } },
  { name: 'bold', share: 1, rules: { exploration: 'epsilon', explorationShare: 1 } },
]

interface Report {
  readonly variants: readonly { name: string; users: number; lists: number }[]
  readonly sampleRatio: { readonly suspect: boolean }
}

test('an experiment is made by the admin, exposes users, and is judged by what was logged', async () => {
  const body = { name: 'explore', variants }
  assert.equal((await program.call('POST', '/recommend/experiments', body)).status, 401)
  assert.equal((await program.call('POST', '/recommend/experiments', body, token)).status, 201)
  assert.equal((await program.call('POST', '/recommend/experiments', body, token)).status, 409)
  const other = { ...body, name: 'other' }
  assert.equal((await program.call('POST', '/recommend/experiments', other, token)).status, 409)
  const bad = { ...body, name: 'bad', variants: [variants[0], variants[0]], layer: 'x' }
  assert.equal((await program.call('POST', '/recommend/experiments', bad, token)).status, 422)
  let explored = 0
  for (let user = 0; user < 40; user++) {
    const answer = await program.call('POST', '/recommend', { userId: `u${user}`, numItems: 5 })
    if (answer.body.items.some(({ reason }) => reason.channel === 'explored')) explored++
    await program.call('POST', '/recommend/events', {
      eventId: `e${user}`,
      userId: `u${user}`,
      itemId: answer.body.items[0]?.itemId,
      type: 'purchase',
      requestId: answer.body.requestId,
    })
  }
  const read = async (): Promise<Report> =>
    (await program.call('GET', '/recommend/experiments/explore')).body as unknown as Report
  let report = await read()
  for (let turn = 0; turn < 200 && count(report) < 40; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    report = await read()
  }
  assert.equal(count(report), 40)
  assert.equal(report.sampleRatio.suspect, false)
  const bold = report.variants.find(({ name }) => name === 'bold')
  assert.equal(explored, bold?.users, 'only the bold variant explores, and it always does')
  const policy = await program.call('GET', '/recommend/off-policy')
  const { estimate } = policy.body as unknown as { estimate: { kind: string } }
  assert.equal(estimate.kind, 'too_little_evidence')
  const stop = await program.call('POST', '/recommend/experiments/explore/stop', undefined, token)
  assert.equal(stop.status, 200)
  assert.equal((await program.call('POST', '/recommend/experiments', other, token)).status, 201)
})

const count = ({ variants: all }: Report): number => all.reduce((sum, { lists }) => sum + lists, 0)

test('experiments and their figures survive a restart', async () => {
  const before = program.running.engine.feedback.save().experiments
  await program.stop()
  program = await startTestProgram({ folder: program.folder })
  for (let turn = 0; turn < 200 && !program.running.engine.caughtUp; turn++)
    await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(program.running.engine.feedback.save().experiments, before)
})
