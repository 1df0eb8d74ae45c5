import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestProgram, type TestProgram } from './testing/program.ts'

let program: TestProgram
before(async () => {
  program = await startTestProgram({
    flags: (
      '--diversity mmr --quota category=3 --pinned i7@2,gone@1 --sponsored i9 ' +
      '--sponsored-positions 4 --exploration thompson --exploration-share 0.5'
    ).split(' '),
  })
  for (let at = 0; at < 40; at++)
    await program.call('PUT', `/recommend/items/i${at}`, {
      title: `T ${at}`,
      categories: [`c${at % 5}`],
      ...(at === 11 ? { stock: 0 } : {}),
    })
})
after(() => program.stop())

test('the rules of the settings hold in what is served, and reasons say what a rule did', async () => {
  for (let turn = 0; turn < 30; turn++) {
    const { body } = await program.call(
      'POST',
      '/recommend',
      { userId: `u${turn}`, numItems: 12, exclude: ['i3'] },
      { 'accept-language': 'en' },
    )
    const ids = body.items.map(({ itemId }) => itemId)
    assert.equal(ids.length, 12)
    assert.equal(ids[1], 'i7')
    assert.equal(body.items[1]?.reason.text, 'Chosen by the shop')
    assert.equal(ids[3], 'i9')
    assert.equal(body.items[3]?.reason.channel, 'sponsored')
    assert.ok(!ids.includes('i3') && !ids.includes('i11'))
    const counts = new Map<number, number>()
    for (const id of ids) {
      const category = Number(id.slice(1)) % 5
      counts.set(category, (counts.get(category) ?? 0) + 1)
    }
    for (const count of counts.values()) assert.ok(count <= 3)
  }
})

test('a pinned item that may not be shown to somebody is not', async () => {
  const { body } = await program.call('POST', '/recommend', { userId: 'u', exclude: ['i7', 'i9'] })
  assert.ok(body.items.every(({ itemId }) => itemId !== 'i7' && itemId !== 'i9'))
})
