/**
 * The standard `OTEL_*` variables, told to our settings: each becomes the `SPATE_*` variable that
 * means the same, unless that is set already. So the order of sources is flag, `SPATE_*`, `OTEL_*`,
 * file, default. What cannot be used is named and left out, as the specification asks
 * ("SDK Environment Variable Specification": warn and ignore).
 */

/** The environment with `OTEL_*` translated, and what could not be. */
export interface OtelEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>
  /** One line a variable that was left out. */
  readonly problems: readonly string[]
}

/** What one variable turns into: values by `SPATE_*` name, or a text that says what is accepted. */
type Translation = Readonly<Record<string, string>> | string

const milliseconds =
  (name: string, least: number, most: number) =>
  (value: string): Translation =>
    /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most
      ? { [name]: `${value}ms` }
      : `a whole number of milliseconds from ${least} to ${most}`

const asText =
  (name: string) =>
  (value: string): Translation => ({ [name]: value })

const pairsAs =
  (name: string) =>
  (value: string): Translation =>
    value.split(',').every((each) => /^[^=\s]+=/.test(each.trim()) || each.trim() === '')
      ? { [name]: value }
      : 'name=value, separated by commas'

const protocols = ['grpc', 'http/protobuf', 'http/json']

/** Every variable that is honoured, with what it does; the reference page lists the same. */
const translations: Readonly<
  Record<string, (value: string, env: OtelEnvironment['env']) => Translation>
> = {
  OTEL_SDK_DISABLED: (value) =>
    value.toLowerCase() === 'true' ? { SPATE_TELEMETRY: 'false' } : {},
  OTEL_SERVICE_NAME: asText('SPATE_SERVICE_NAME'),
  OTEL_RESOURCE_ATTRIBUTES: pairsAs('SPATE_RESOURCE_ATTRIBUTES'),
  OTEL_EXPORTER_OTLP_ENDPOINT: (value, env) => {
    if (!URL.canParse(value)) return 'an absolute URL like http://127.0.0.1:4317'
    // 4318 speaks HTTP only; with no protocol named, gRPC there would never arrive.
    const http = new URL(value).port === '4318' && env['OTEL_EXPORTER_OTLP_PROTOCOL'] === undefined
    return { SPATE_OTLP: value, ...(http ? { SPATE_OTLP_PROTOCOL: 'http/protobuf' } : {}) }
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: (value) =>
    protocols.includes(value) ? { SPATE_OTLP_PROTOCOL: value } : `one of ${protocols.join(', ')}`,
  OTEL_EXPORTER_OTLP_HEADERS: pairsAs('SPATE_OTLP_HEADERS'),
  OTEL_EXPORTER_OTLP_TIMEOUT: milliseconds('SPATE_OTLP_TIMEOUT', 100, 600_000),
  OTEL_TRACES_SAMPLER: samplerOf,
  OTEL_METRIC_EXPORT_INTERVAL: milliseconds('SPATE_TELEMETRY_FLUSH', 1000, 3_600_000),
  OTEL_BSP_SCHEDULE_DELAY: milliseconds('SPATE_OTLP_DELAY', 10, 600_000),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: (value) =>
    /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 10_000
      ? { SPATE_OTLP_BATCH: value }
      : 'a whole number from 1 to 10000',
  OTEL_LOG_LEVEL: (value) =>
    ['debug', 'info', 'warn', 'error'].includes(value.toLowerCase())
      ? { SPATE_LOG_LEVEL: value.toLowerCase() }
      : 'one of debug, info, warn, error',
}

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
]

/** Our samplers follow the caller's decision always, as the `parentbased_` ones do. */
function samplerOf(value: string, env: OtelEnvironment['env']): Translation {
  if (!samplers.includes(value)) return `one of ${samplers.join(', ')}`
  if (value.endsWith('always_off')) return { SPATE_SAMPLING: 'none' }
  if (value.endsWith('always_on')) return { SPATE_SAMPLING: 'fixed', SPATE_SAMPLE_RATE: '1' }
  const share = Number(env['OTEL_TRACES_SAMPLER_ARG'] ?? '1')
  if (!(share >= 0 && share <= 1)) return 'a share from 0 to 1 in OTEL_TRACES_SAMPLER_ARG'
  if (share === 0) return { SPATE_SAMPLING: 'none' }
  return { SPATE_SAMPLING: 'fixed', SPATE_SAMPLE_RATE: String(Math.max(0.0001, share)) }
}

/** Names of the variables that are honoured. */
export const otelVariables: readonly string[] = [
  ...Object.keys(translations),
  'OTEL_TRACES_SAMPLER_ARG',
]

/** `env` with every honoured `OTEL_*` variable translated. An empty one counts as not set. */
export function withOtelVariables(env: OtelEnvironment['env']): OtelEnvironment {
  const made: Record<string, string> = {}
  const problems: string[] = []
  for (const [name, translate] of Object.entries(translations)) {
    const value = env[name]?.trim()
    if (value === undefined || value === '') continue
    const translated = translate(value, env)
    if (typeof translated === 'string') problems.push(`${name} is not used: expected ${translated}`)
    else Object.assign(made, translated)
  }
  // Who chose a way of sampling by `SPATE_*` gets no share of it from elsewhere.
  if (env['SPATE_SAMPLING'] !== undefined) delete made['SPATE_SAMPLE_RATE']
  return { env: { ...made, ...env }, problems }
}
