import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { systemClock } from '@spate/runtime/clock'
import type { Host } from '@spate/runtime/host'
import { silentLog } from '@spate/runtime/log'
import { openRoom } from '../seckill-room.ts'
import { verifyQueueCommand } from './queue-command.ts'

test('a draw is made again from what was published; a wrong place and a wrong commitment are found', async (t) => {
  const sale = await openRoom()
  t.after(() => sale.close())
  const startsAt = new Date(Date.now() + 3_600_000).toISOString()
  const terms = { productId: 'p', stock: 5, queue: true, proofBits: 0, startsAt }
  await sale.admin('POST', '/seckill/campaigns', terms)
  for (const userId of ['ann', 'bob', 'cat'])
    await sale.call('POST', '/seckill/queue/p', { userId })
  let printed = ''
  const run = (words: readonly string[], commitment?: string): Promise<number> => {
    printed = ''
    return verifyQueueCommand.run({
      settings: { url: sale.url, commitment },
      words,
      json: false,
      host: { write: (text: string) => void (printed += text) } as Host,
      clock: systemClock,
      chance: new SeededChance(1),
      log: silentLog,
      addLogSink: () => {},
      reread: () => assert.fail('no settings to read again'),
      onSignal: () => {},
      signal: new AbortController().signal,
    })
  }
  await assert.rejects(run(['p']), { code: 'conflict' })
  const { body: before } = await sale.call('GET', '/seckill/queue/p/draw')
  await sale.admin('PATCH', '/seckill/campaigns/p', { startsAt: null })
  const places: string[] = []
  for (const [arrival, userId] of ['ann', 'bob', 'cat'].entries())
    for (let n = 0; n < 100 && places.length === arrival; n++) {
      const { body } = await sale.call('GET', `/seckill/queue/p?userId=${userId}`)
      if (body['place'] !== undefined) places.push(`${arrival}:${Number(body['place'])}`)
      else await systemClock.sleep(20)
    }
  assert.equal(await run(['p', ...places], String(before['commitment'])), 0, printed)
  assert.match(printed, /checked +3 places/)
  const [, place = ''] = (places[0] ?? '').split(':')
  assert.equal(await run(['p', `0:${(Number(place) + 1) % 3}`]), 1)
  assert.match(printed, /WRONG +arrival 0 was told place/)
  assert.equal(await run(['p'], 'a'.repeat(64)), 1)
  await assert.rejects(run(['p', 'x:y']), { code: 'invalid_request' })
  await assert.rejects(run([]), { code: 'invalid_request' })
})
