import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededChance } from '@spate/runtime/chance'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { keptPerCallMax, keptQueueMax, relayKeeps, type KeptTrace } from './keep-relay.ts'
import { metricNames } from './names.ts'
import type { SpanRecord } from './span-record.ts'
import { parkedMsMax, TailBoard } from './tail-board.ts'
import { createTelemetry } from './telemetry.ts'
import { keepAll, thresholdOf } from './threshold.ts'

const id = (at: number): string => at.toString(16).padStart(32, '0')

function stage(post: (kept: readonly KeptTrace[]) => Promise<void>) {
  const clock = new VirtualClock()
  const spans: SpanRecord[] = []
  const telemetry = createTelemetry({
    serviceName: 'test',
    clock,
    chance: new SeededChance(1),
    sampling: { strategy: 'tail', rate: 0.0001 },
    sinks: [(some) => spans.push(...some)],
  })
  const board = TailBoard.of(clock)
  const stop = relayKeeps(telemetry, {
    clock,
    peers: ['http://peer'],
    metrics: telemetry.metrics,
    post: (_peer, kept) => post(kept),
  })
  const outcomes = (): Record<string, number> =>
    Object.fromEntries(
      telemetry.metrics
        .counter(metricNames.keeps)
        .all()
        .map(({ attributes, value }) => [String(attributes['outcome']), value]),
    )
  return { clock, telemetry, board, spans, stop, outcomes }
}

test('a peer is told of each kept trace once, in calls of bounded size', async () => {
  const calls: (readonly KeptTrace[])[] = []
  const { clock, board, stop, outcomes } = stage(async (kept) => void calls.push(kept))
  for (let at = 1; at <= keptPerCallMax + 1; at++) {
    board.keep(id(at), keepAll)
    board.keep(id(at), keepAll)
  }
  await clock.advanceAsync(1000)
  assert.deepEqual(
    calls.map(({ length }) => length),
    [keptPerCallMax, 1],
  )
  assert.deepEqual(calls[0]?.[0], { traceId: id(1), threshold: '0' })
  assert.deepEqual(outcomes(), { told: keptPerCallMax + 1 })
  await stop()
})

test('what a peer told, and the call it told it in, is told to nobody', async () => {
  const calls: (readonly KeptTrace[])[] = []
  const { clock, telemetry, board, stop } = stage(async (kept) => void calls.push(kept))
  telemetry.keepTrace(id(1), '8')
  telemetry.hushTrace(id(2))
  board.keep(id(1), keepAll)
  board.keep(id(2), keepAll)
  await clock.advanceAsync(1000)
  assert.deepEqual(calls, [])
  assert.deepEqual(board.thresholdOf(id(1)), thresholdOf(0.5))
  await stop()
})

test('a peer that is away is told again, until its spans are gone anyway', async () => {
  let away = true
  const told: string[] = []
  const { clock, board, stop, outcomes } = stage(async (kept) => {
    if (away) throw new Error('away')
    told.push(...kept.map(({ traceId }) => traceId))
  })
  board.keep(id(1), undefined)
  await clock.advanceAsync(parkedMsMax - 1000)
  board.keep(id(2), undefined)
  await clock.advanceAsync(2000)
  away = false
  await clock.advanceAsync(1000)
  assert.deepEqual(told, [id(2)])
  assert.deepEqual(outcomes(), { told: 1, stale: 1 })
  await stop()
})

for (const [extra, full] of [
  [-1, undefined],
  [0, undefined],
  [1, 1],
] as const)
  test(`the queue for a peer at its limit ${extra < 0 ? '' : '+'}${extra} drops ${full ?? 0}, counted`, async () => {
    const { board, stop, outcomes } = stage(() => new Promise(() => {}))
    for (let at = 1; at <= keptQueueMax + extra; at++) board.keep(id(at), undefined)
    assert.equal(outcomes()['queue_full'], full)
    void stop()
  })

test('one of two local traces of a trace goes, the other is still kept when a peer tells', async () => {
  const { clock, telemetry, board, spans, stop } = stage(async () => {})
  const dropped: string[] = []
  const kept: string[] = []
  const parked = (name: string) => ({
    keep: () => void kept.push(name),
    drop: () => void dropped.push(name),
  })
  board.park(id(7), parked('early'))
  await clock.advanceAsync(parkedMsMax - 1000)
  board.park(id(7), parked('late'))
  await clock.advanceAsync(2000)
  telemetry.keepTrace(id(7))
  assert.deepEqual([dropped, kept, spans], [['early'], ['late'], []])
  await stop()
})
