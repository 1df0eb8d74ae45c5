import type { Clock } from '@spate/runtime/clock'
import { command, type Command } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { duration, integer, url } from '@spate/runtime/settings'
import { readSamples, type Sample } from '../exposition-text.ts'
import {
  breakEven,
  plannedTraffic,
  reportSizes,
  type ReportBytes,
  type ReportSizes,
  type SeriesTraffic,
} from './report.ts'
import { textTable } from './text-table.ts'

const minuteMs = 60_000
/** Most requests of a minute that are encoded one by one. */
const requestsMax = 5_000_000

/** `spate telemetry report`: bytes of the one-minute aggregate beside one item a request. */
export const reportCommand: Command = command({
  name: 'telemetry report',
  summary: 'Say what the one-minute aggregate saves against a span, or a point, for each request.',
  usage: '[--requests N] [--routes N] [--statuses N] [--url http://host:port] [--json]',
  examples: [
    ['spate telemetry report', '100,000 requests a minute, 200 routes, 3 statuses'],
    ['spate telemetry report --requests 2000 --routes 500', 'where it saves least'],
    [
      'spate telemetry report --url http://127.0.0.1:8070 --watch 10s',
      'the routes and traffic of a program that runs',
    ],
  ],
  settings: {
    requests: integer(100_000, 1, requestsMax, 'Requests a minute.', { unit: 'requests' }),
    routes: integer(200, 1, 10_000, 'Routes they go to, by Zipf’s law.'),
    statuses: integer(3, 1, 10, 'Statuses a route answers with.'),
    url: url(undefined, 'A running program: its GET /metrics says how much traffic it has.'),
    watch: duration(10_000, 1000, minuteMs, 'How long that program is watched.'),
    seed: integer(1, 0, 4_294_967_295, 'Same seed, same latencies.'),
  },
  async run({ settings, json, host, clock, signal }) {
    const { requests, routes, statuses, seed, watch } = settings
    const live =
      settings.url === undefined ? undefined : await watched(settings.url, watch, clock, signal)
    const traffic = live?.traffic ?? plannedTraffic(requests, routes, statuses)
    let saidMs = clock.elapsed()
    const sizes = await reportSizes(traffic, seed, (done) => {
      signal.throwIfAborted()
      if (clock.elapsed() - saidMs < 1000) return
      saidMs = clock.elapsed()
      host.writeError(`  ${done.toLocaleString('en')} requests encoded\n`)
    })
    const sent = live?.sentBytes
    host.write(json ? `${JSON.stringify(asJson(sizes, sent))}\n` : written(sizes, sent))
    return 0
  },
})

interface Watched {
  readonly traffic: readonly SeriesTraffic[]
  /** Bytes the program's exporter has sent by signal, since it started; empty where it sends none. */
  readonly sentBytes: Readonly<Record<string, number>>
}

/** The traffic of a running program: what its counters gained while it was watched, as of a minute. */
async function watched(
  base: string,
  watchMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Watched> {
  const before = await samplesAt(base, signal)
  await clock.sleep(watchMs, signal)
  const after = await samplesAt(base, signal)
  const counted = (samples: readonly Sample[]): Map<string, number> =>
    new Map(
      samples
        .filter(({ name }) => name === 'http_server_request_duration_seconds_count')
        .map(({ labels, value }) => [JSON.stringify(labels), value]),
    )
  const known = counted(before)
  const perSeries = new Map<string, SeriesTraffic>()
  for (const [key, value] of counted(after)) {
    const labels = JSON.parse(key) as Readonly<Record<string, string>>
    const gained = value - (known.get(key) ?? 0)
    if (gained <= 0) continue
    const requests = Math.max(1, Math.round((gained * minuteMs) / watchMs))
    perSeries.set(key, {
      route: labels['http_route'] ?? '_OTHER',
      status: Number(labels['http_response_status_code'] ?? 0),
      requests,
    })
  }
  const total = [...perSeries.values()].reduce((sum, { requests }) => sum + requests, 0)
  if (total === 0)
    throw new Fault(
      'not_found',
      `${base} served no request while it was watched; is there traffic?`,
    )
  if (total > requestsMax)
    throw new Fault('payload_too_large', `${total} requests a minute are more than this encodes`)
  return {
    traffic: [...perSeries.values()],
    sentBytes: Object.fromEntries(
      after
        .filter(({ name }) => name === 'spate_telemetry_exported_size_bytes_total')
        .map(({ labels, value }) => [labels['signal'] ?? '', value]),
    ),
  }
}

async function samplesAt(base: string, signal: AbortSignal): Promise<readonly Sample[]> {
  const target = new URL('/metrics', base)
  try {
    const answer = await fetch(target, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Fault('bad_gateway', `${target.href} answered ${answer.status}`)
    return readSamples(text).samples
  } catch (caught) {
    if (caught instanceof Fault) throw caught
    throw new Fault('bad_gateway', `${target.href} gave no answer; is the program running?`, {
      cause: caught,
    })
  }
}

const saved = (sizes: ReportSizes, per: ReportBytes): number => 1 - sizes.aggregate.gzip / per.gzip

function asJson(
  sizes: ReportSizes,
  sentBytes: Readonly<Record<string, number>> | undefined,
): object {
  const against = (per: ReportBytes): object => ({
    ...per,
    saved: saved(sizes, per),
    breakEven: breakEven(sizes, per, 0),
    breakEven95: breakEven(sizes, per, 0.95),
  })
  return {
    requests: sizes.requests,
    series: sizes.series,
    aggregate: sizes.aggregate,
    spanPerRequest: against(sizes.spans),
    pointPerRequest: against(sizes.points),
    ...(sentBytes === undefined ? {} : { sentBytes }),
  }
}

const number = (value: number): string => Math.round(value).toLocaleString('en')
const percent = (value: number): string => `${(100 * value).toFixed(2)} %`
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`

function written(
  sizes: ReportSizes,
  sentBytes: Readonly<Record<string, number>> | undefined,
): string {
  const row = (name: string, bytes: ReportBytes): readonly string[] => [
    name,
    kilobytes(bytes.raw),
    kilobytes(bytes.gzip),
    bytes === sizes.aggregate ? '' : percent(saved(sizes, bytes)),
  ]
  const even = (per: ReportBytes, share: number): string => breakEven(sizes, per, share).toFixed(1)
  const sent = Object.entries(sentBytes ?? {})
  return [
    '',
    `One minute: ${number(sizes.requests)} requests in ${number(sizes.series)} series (route and status)`,
    '',
    textTable(
      ['report', 'raw', 'gzip', 'the aggregate saves'],
      [
        row('a span for each request', sizes.spans),
        row('a point for each request', sizes.points),
        row('one exponential histogram a series', sizes.aggregate),
      ],
    ),
    '',
    `A series costs ${(sizes.aggregate.gzip / sizes.series).toFixed(0)} B a minute. It pays from ${even(sizes.spans, 0)} requests a minute against spans and ${even(sizes.points, 0)} against points;`,
    `it saves 95 % from ${even(sizes.spans, 0.95)} against spans and ${even(sizes.points, 0.95)} against points. Here a series has ${(sizes.requests / sizes.series).toFixed(1)} on average.`,
    ...(sent.length === 0
      ? []
      : [
          `The program has sent so far: ${sent.map(([signal, bytes]) => `${signal} ${kilobytes(bytes)}`).join(', ')}.`,
        ]),
    '',
  ].join('\n')
}
