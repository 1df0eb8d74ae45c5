import assert from 'node:assert/strict'
import { test } from 'node:test'
import { context, trace } from '@opentelemetry/api'
import { logs, SeverityNumber } from '@opentelemetry/api-logs'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { logAttributesMax } from './logger-provider.ts'
import type { LogData } from './otlp/model.ts'
import { createTelemetry } from './telemetry.ts'

test('what a library logs through the public api goes to the exporter, tied to its span, without secrets', (t) => {
  const taken: LogData[] = []
  const telemetry = createTelemetry({
    serviceName: 'shop',
    clock: new VirtualClock(),
    exporters: [
      {
        logs: (records) => void taken.push(...records),
        flush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  })
  const unregister = telemetry.register()
  t.after(unregister)
  const logger = logs.getLogger('library', '1.2.3')
  const span = telemetry.tracer.startSpan('work')
  context.with(trace.setSpan(context.active(), span), () =>
    logger.emit({
      severityNumber: SeverityNumber.WARN,
      severityText: 'WARN',
      body: 'paid with 4111 1111 1111 1111',
      eventName: 'login',
      attributes: { token: 'abc', user: { name: 'x', secret: 'y' }, size: 7 },
      timestamp: [1_700_000_000, 500_000_000],
    }),
  )
  logger.emit({ exception: new TypeError('no such thing') })
  const [first, second] = taken
  assert.equal(taken.length, 2)
  assert.equal(first?.traceId, span.spanContext().traceId)
  assert.equal(first?.spanId, span.spanContext().spanId)
  assert.equal(first?.timeMs, 1_700_000_000_500)
  assert.equal(first?.severity, 13)
  assert.equal(first?.eventName, 'login')
  assert.equal(first?.body, 'paid with [hidden]')
  assert.deepEqual(first?.attributes, {
    token: '[hidden]',
    user: { name: 'x', secret: '[hidden]' },
    size: 7,
  })
  assert.deepEqual(first?.scope, { name: 'library', version: '1.2.3' })
  assert.equal(first?.resource['service.name'], 'shop')
  assert.equal(second?.traceId, '')
  assert.equal(second?.attributes['exception.type'], 'TypeError')
  unregister()
  logger.emit({ body: 'nobody listens any more' })
  logs.getLogger('library').emit({ body: 'nor here' })
})

test('a bridged record holds no more attributes than its limit', (t) => {
  const taken: LogData[] = []
  const telemetry = createTelemetry({
    serviceName: 'shop',
    exporters: [
      {
        logs: (records) => void taken.push(...records),
        flush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  })
  t.after(() => telemetry.shutdown())
  t.after(telemetry.register())
  const many = (count: number): Record<string, number> =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, at]))
  for (const count of [logAttributesMax - 1, logAttributesMax, logAttributesMax + 1])
    logs.getLogger('library').emit({ attributes: many(count) })
  assert.deepEqual(
    taken.map(({ attributes }) => Object.keys(attributes).length),
    [logAttributesMax - 1, logAttributesMax, logAttributesMax],
  )
})
