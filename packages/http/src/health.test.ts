import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { silentLog } from '@spate/runtime/log'
import type { Response } from './exchange.ts'
import { healthRoutes, type HealthChecks } from './health.ts'
import { metricsRoute } from './metrics-route.ts'
import { createRouter } from './router.ts'
import { testRequest } from './test-request.ts'

const clock = new VirtualClock()
async function ask(
  target: string,
  checks: HealthChecks,
  draining = false,
): Promise<[number, unknown]> {
  const router = createRouter(healthRoutes(checks, { clock, draining: () => draining }), {
    log: silentLog,
  })
  const answer = router(testRequest({ target })) as Promise<Response>
  await new Promise<void>((resolve) => setImmediate(resolve))
  clock.advance(1000)
  const { status, body } = await answer
  return [status, JSON.parse(body as string)]
}

test('live answers whatever the dependencies say', async () => {
  assert.deepEqual(await ask('/health/live', { store: () => ({ ready: false }) }), [
    200,
    { status: 'live' },
  ])
})

test('ready names each dependency, those that fail or hang too', async () => {
  assert.deepEqual(await ask('/health/ready', { store: () => ({ ready: true }) }), [
    200,
    { status: 'ready', dependencies: { store: { ready: true } } },
  ])
  const checks: HealthChecks = {
    good: async () => ({ ready: true, detail: '3 partitions' }),
    broken: () => {
      throw new Error('no route')
    },
    slow: () => new Promise(() => {}),
  }
  assert.deepEqual(await ask('/health/ready', checks), [
    503,
    {
      status: 'not_ready',
      dependencies: {
        good: { ready: true, detail: '3 partitions' },
        broken: { ready: false, detail: 'no route' },
        slow: { ready: false, detail: 'no answer within 1000 ms' },
      },
    },
  ])
})

test('a draining program is alive and not ready', async () => {
  const [status, body] = await ask('/health/ready', {}, true)
  assert.equal(status, 503)
  assert.deepEqual(body, { status: 'draining', dependencies: {} })
})

test('metrics are OpenMetrics text', () => {
  const router = createRouter([metricsRoute({ exposition: () => '# EOF\n' })], { log: silentLog })
  const answer = router(testRequest({ target: '/metrics' })) as Response
  assert.equal(answer.body, '# EOF\n')
  assert.match(answer.headers[1] as string, /openmetrics-text; version=1\.0\.0/)
})
