import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestProgram, type TestProgram } from './testing/program.ts'

let program: TestProgram
before(async () => {
  program = await startTestProgram({ flags: ['--learn-after', '1s'] })
  for (let at = 0; at < 12; at++)
    await program.call('PUT', `/recommend/items/i${at}`, { title: `T ${at}`, categories: ['c'] })
})
after(() => program.stop())

const until = async (done: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 300; turn++) {
    if (done()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.fail('it never came')
}

test('a served list and the click on it meet in the log, and the machine learns both', async () => {
  const { feedback } = program.running.engine
  const served = await program.call('POST', '/recommend', { userId: 'u', numItems: 6 })
  const { requestId, items } = served.body
  await program.call('POST', '/recommend/events', {
    eventId: 'e1',
    userId: 'u',
    itemId: items[2]?.itemId,
    type: 'click',
    requestId,
  })
  await until(() => feedback.ranker.figures()['waiting'] === 1)
  // A later list moves the time of the log on; a minute of it is enough.
  await program.call('POST', '/recommend/events', {
    eventId: 'e2',
    userId: 'v',
    itemId: 'i1',
    type: 'view',
    requestId: 'nobody-knows',
  })
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await program.call('POST', '/recommend', { userId: 'u2', numItems: 6 })
  // Places 1 to 4: down to just below the clicked third.
  await until(() => feedback.ranker.rows === 4)
  assert.equal(feedback.ranker.figures()['clicks'], 1)
})

test('what was learnt survives a restart, and nothing is learnt twice', async () => {
  const before = program.running.engine.feedback.save()
  await program.stop()
  program = await startTestProgram({ folder: program.folder, flags: ['--learn-after', '1s'] })
  await until(() => program.running.engine.caughtUp)
  const again = program.running.engine.feedback.save()
  assert.deepEqual(again.ranker.machines, before.ranker.machines)
  assert.equal(again.ranker.rows, before.ranker.rows)
})
