import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openEmbeddedEventLog } from '@spate/eventlog/embedded'
import { systemClock } from '@spate/runtime/clock'
import { createTelemetry } from '@spate/telemetry/telemetry'
import { openRoom } from '../seckill-room.ts'
import { ordersTopic } from './outbox.ts'

const traceId = '5b8aa5a2d2c872e8321cf37308d69d00'
const caller = '051581bf3cb55c13'

/** Headers of the event of one purchase that came with `traceparent`. */
async function eventOf(
  t: TestContext,
  sampling: 'adaptive' | 'fixed',
  traceparent: string,
): Promise<Readonly<Record<string, string>>> {
  const folder = await mkdtemp(join(tmpdir(), 'outbox-'))
  const eventLog = await openEmbeddedEventLog({ folder, clock: systemClock })
  const telemetry = createTelemetry({
    serviceName: 'sale',
    sampling: { strategy: sampling, rate: 0.0001 },
  })
  const room = await openRoom({}, eventLog, systemClock, telemetry)
  t.after(async () => {
    await room.close()
    await eventLog.close()
    await telemetry.shutdown()
    await rm(folder, { recursive: true, force: true })
  })
  await room.admin('POST', '/seckill/campaigns', { productId: 'p', stock: 1 })
  const heard = new Promise<Readonly<Record<string, string>>>((resolve) => {
    eventLog.subscribe({
      topic: ordersTopic,
      group: 'test',
      handler: (events) => {
        const [event] = events
        if (event) resolve(event.headers)
        return Promise.resolve()
      },
    })
  })
  const buy = { userId: 'u', productId: 'p' }
  const { status } = await room.call('POST', '/seckill/purchase', buy, {
    traceparent,
    tracestate: 'vendor=kept',
  })
  assert.equal(status, 200)
  return await heard
}

test('the event of a purchase that nobody records carries its trace on, flags as they came', async (t) => {
  const headers = await eventOf(t, 'fixed', `00-${traceId}-${caller}-00`)
  assert.match(headers['traceparent'] ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`))
  assert.equal(headers['tracestate'], 'vendor=kept')
})

test('the event of a recorded purchase is a child of its producer span', async (t) => {
  const headers = await eventOf(t, 'adaptive', `00-${traceId}-${caller}-01`)
  assert.match(headers['traceparent'] ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
  assert.doesNotMatch(headers['traceparent'] ?? '', new RegExp(caller))
})
