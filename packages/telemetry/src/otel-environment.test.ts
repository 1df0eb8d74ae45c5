import assert from 'node:assert/strict'
import { test } from 'node:test'
import { otelVariables, withOtelVariables } from './otel-environment.ts'

const byText = (a: string = '', b: string = ''): number => (a < b ? -1 : 1)

const made = (env: Record<string, string>): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(withOtelVariables(env).env).filter(([name]) => name.startsWith('SPATE_')),
  )

const cases: readonly (readonly [Record<string, string>, Record<string, string>])[] = [
  [{ OTEL_SDK_DISABLED: 'TRUE' }, { SPATE_TELEMETRY: 'false' }],
  [{ OTEL_SDK_DISABLED: 'false' }, {}],
  [{ OTEL_SERVICE_NAME: 'mine' }, { SPATE_SERVICE_NAME: 'mine' }],
  [{ OTEL_SERVICE_NAME: '' }, {}],
  [
    { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,a=b%20c' },
    { SPATE_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,a=b%20c' },
  ],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' },
    { SPATE_OTLP: 'http://collector:4317' },
  ],
  [
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' },
    { SPATE_OTLP: 'http://collector:4318', SPATE_OTLP_PROTOCOL: 'http/protobuf' },
  ],
  [
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    },
    { SPATE_OTLP: 'http://collector:4318', SPATE_OTLP_PROTOCOL: 'http/json' },
  ],
  [{ OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%3D1' }, { SPATE_OTLP_HEADERS: 'api-key=a%3D1' }],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: '2500' }, { SPATE_OTLP_TIMEOUT: '2500ms' }],
  [{ OTEL_TRACES_SAMPLER: 'always_on' }, { SPATE_SAMPLING: 'fixed', SPATE_SAMPLE_RATE: '1' }],
  [{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, { SPATE_SAMPLING: 'none' }],
  [
    { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
    { SPATE_SAMPLING: 'fixed', SPATE_SAMPLE_RATE: '0.25' },
  ],
  [
    { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.000001' },
    { SPATE_SAMPLING: 'fixed', SPATE_SAMPLE_RATE: '0.0001' },
  ],
  [
    { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
    { SPATE_SAMPLING: 'none' },
  ],
  [{ OTEL_METRIC_EXPORT_INTERVAL: '30000' }, { SPATE_TELEMETRY_FLUSH: '30000ms' }],
  [{ OTEL_BSP_SCHEDULE_DELAY: '1000' }, { SPATE_OTLP_DELAY: '1000ms' }],
  [{ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '256' }, { SPATE_OTLP_BATCH: '256' }],
  [{ OTEL_LOG_LEVEL: 'WARN' }, { SPATE_LOG_LEVEL: 'warn' }],
  [{ OTEL_SERVICE_NAME: 'theirs', SPATE_SERVICE_NAME: 'ours' }, { SPATE_SERVICE_NAME: 'ours' }],
  [{ OTEL_TRACES_SAMPLER: 'always_on', SPATE_SAMPLING: 'tail' }, { SPATE_SAMPLING: 'tail' }],
]

for (const [given, expected] of cases)
  test(`${Object.entries(given)
    .map((pair) => pair.join('='))
    .join(' ')} means ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(made(given), expected)
    assert.deepEqual(withOtelVariables(given).problems, [])
  })

test('what cannot be used is named and left out', () => {
  const bad = {
    OTEL_RESOURCE_ATTRIBUTES: 'no equals',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'collector',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'carrier-pigeon',
    OTEL_EXPORTER_OTLP_HEADERS: '=x',
    OTEL_EXPORTER_OTLP_TIMEOUT: 'soon',
    OTEL_TRACES_SAMPLER: 'sometimes',
    OTEL_METRIC_EXPORT_INTERVAL: '1',
    OTEL_BSP_SCHEDULE_DELAY: '-1',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10001',
    OTEL_LOG_LEVEL: 'loud',
  }
  assert.deepEqual(made(bad), {})
  const { problems } = withOtelVariables(bad)
  assert.deepEqual(
    problems.map((each) => each.split(' ')[0]).toSorted(byText),
    Object.keys(bad).toSorted(byText),
  )
})

test('every variable that is honoured is in a case above', () => {
  const used = new Set(cases.flatMap(([given]) => Object.keys(given)))
  assert.deepEqual(
    otelVariables.filter((name) => !used.has(name)),
    [],
  )
})
