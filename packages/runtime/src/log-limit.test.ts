import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, type LogRecord } from './log.ts'
import { limitedSink, messagesMax } from './log-limit.ts'
import { hiddenText, logTextMax, privateSink } from './log-privacy.ts'
import { VirtualClock } from './virtual-clock.ts'

function stage(perSecond: number) {
  const clock = new VirtualClock()
  const records: LogRecord[] = []
  const sink = limitedSink((record) => records.push(record), { clock, perSecond })
  return { clock, records, log: createLog({ name: 'test', clock, sink }) }
}

test('a message passes up to its limit, the rest are counted and told of after a second', () => {
  for (const [said, passed, suppressed] of [
    [9, 9, undefined],
    [10, 10, undefined],
    [11, 10, 1],
    [1000, 10, 990],
  ] as const) {
    const { clock, records, log } = stage(10)
    for (let at = 0; at < said; at++) log.warn('again', { at })
    log.info('again')
    log.warn('something else')
    assert.equal(records.length, passed + 2)
    clock.advance(1000)
    assert.equal(records[passed + 2]?.fields['suppressed'], suppressed)
    log.warn('again')
    assert.equal(records.at(-1)?.message, 'again', 'a new second, a new start')
  }
})

test('0 lets everything pass', () => {
  const { records, log } = stage(0)
  for (let at = 0; at < 1000; at++) log.warn('again')
  assert.equal(records.length, 1000)
})

test('messages that are made up share one count, so that they fill no memory', () => {
  const { clock, records, log } = stage(1)
  for (let at = 0; at < messagesMax + 10; at++) log.warn(`made up ${at}`)
  assert.equal(records.length, messagesMax + 1)
  clock.advance(1000)
  assert.equal(records.at(-1)?.fields['suppressed'], 9)
})

test('secrets and card numbers do not leave; other numbers and texts do', () => {
  const records: LogRecord[] = []
  const sink = privateSink((record) => records.push(record))
  createLog({ name: 'test', clock: new VirtualClock(), sink }).info(
    'called with Authorization: Bearer abcdef0123456789',
    {
      token: 'abc',
      adminToken: 'abc',
      'db.password': 'abc',
      tokens: 7,
      url: 'redis://user:pass@host:6379/0',
      card: 'paid by 4111 1111 1111 1111 today',
      order: '4111111111111112',
      count: 3,
      long: 'x'.repeat(logTextMax + 1),
    },
  )
  assert.deepEqual(records[0]?.fields, {
    token: hiddenText,
    adminToken: hiddenText,
    'db.password': hiddenText,
    tokens: hiddenText,
    url: `redis://${hiddenText}@host:6379/0`,
    card: `paid by ${hiddenText} today`,
    order: '4111111111111112',
    count: 3,
    long: 'x'.repeat(logTextMax),
  })
  assert.equal(records[0]?.message, `called with Authorization: Bearer ${hiddenText}`)
})
