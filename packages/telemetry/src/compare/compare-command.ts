import { command, type Command } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import type { Host } from '@spate/runtime/host'
import { decimal, integer } from '@spate/runtime/settings'
import type { SamplingOptions } from '../sampler.ts'
import { replay, type Replay } from './replay.ts'
import { textTable } from './text-table.ts'
import type { TrafficPlan } from './traffic.ts'

/** Strategies side by side, after the control. */
const strategies = ['fixed', 'adaptive', 'tail'] as const
/** Simulated requests a second. */
const rate = 1000
const warmUpShare = 0.1

/** `spate telemetry compare`: the same traffic through each sampling strategy. */
export const compareCommand: Command = command({
  name: 'telemetry compare',
  summary:
    'Replay the same traffic through each sampling strategy, and say what each costs and keeps.',
  usage: '[--requests N] [--error-share S] [--sample-rate P] [--seed N] [--json]',
  examples: [
    ['spate telemetry compare', '100,000 requests, 1 % of them failing'],
    [
      'spate telemetry compare --requests 1000000 --error-share 0.001 --sample-rate 0.0001',
      'errors are kept though one trace in ten thousand is',
    ],
    ['spate telemetry compare --json | jq .strategies', 'for machines'],
  ],
  settings: {
    requests: integer(100_000, 1000, 10_000_000, 'Requests replayed through each strategy.', {
      unit: 'requests',
    }),
    errorShare: decimal(0.0101, 0, 1, 'Share of requests in which a step of the leaf fails.'),
    sampleRate: decimal(0.01, 0.0001, 1, 'Base share of traces kept by every strategy.'),
    routes: integer(200, 1, 2000, 'Routes of the traffic, drawn by Zipf’s law.'),
    spansPerSecond: integer(
      1000,
      0,
      1_000_000,
      'Budget of adaptive and tail, in spans a second of simulated time; 0 sets none.',
      { unit: 'spans' },
    ),
    rounds: integer(3, 1, 25, 'Rounds; the median CPU time counts.'),
    seed: integer(1, 0, 4_294_967_295, 'Same seed, same traffic.'),
  },
  async run({ settings, json, host, signal }) {
    const { requests, errorShare, sampleRate, spansPerSecond, rounds, routes, seed } = settings
    const plan: TrafficPlan = { requests, errorShare, routes, rate, seed }
    const sampling = (strategy: (typeof strategies)[number]): SamplingOptions => ({
      strategy,
      rate: sampleRate,
      ...(strategy === 'fixed' ? {} : { spansPerSecond }),
    })
    const subjects = [undefined, ...strategies.map(sampling)]
    try {
      const replays = await replayAll(plan, subjects, rounds, host, signal)
      const [control, ...others] = replays
      host.write(
        json
          ? `${JSON.stringify({ plan: { ...plan, sampleRate, spansPerSecond, rounds }, control, strategies: others })}\n`
          : written(plan, sampleRate, control as Replay, others),
      )
      return 0
    } catch (caught) {
      if (!signal.aborted) throw caught
      throw new Fault('cancelled', 'stopped before the end', { cause: caught })
    }
  },
})

/** Every subject `rounds` times, in turn, so that a slow minute of the machine hits all alike. */
async function replayAll(
  plan: TrafficPlan,
  subjects: readonly (SamplingOptions | undefined)[],
  rounds: number,
  host: Pick<Host, 'writeError'>,
  signal: AbortSignal,
): Promise<readonly Replay[]> {
  const runs: Replay[][] = subjects.map(() => [])
  const warmUp = { ...plan, requests: Math.ceil(plan.requests * warmUpShare) }
  for (const sampling of subjects) await replay({ plan: warmUp, sampling, signal })
  for (let round = 0; round < rounds; round++)
    for (const [at, sampling] of subjects.entries()) {
      const name = sampling?.strategy ?? 'no telemetry'
      host.writeError(`  round ${round + 1} of ${rounds}: ${name}\n`)
      runs[at]?.push(await replay({ plan, sampling, signal }))
    }
  return runs.map((each) => {
    const sorted = [...each].sort((a, b) => a.cpuNs - b.cpuNs)
    return sorted[sorted.length >> 1] as Replay
  })
}

const count = (value: number): string => Math.round(value).toLocaleString('en')
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`
const share = (part: number, whole: number): string =>
  whole === 0 ? '-' : `${((100 * part) / whole).toFixed(2)} % (${count(part)} of ${count(whole)})`

function written(
  plan: TrafficPlan,
  sampleRate: number,
  control: Replay,
  replays: readonly Replay[],
): string {
  return [
    '',
    `${count(plan.requests)} requests of 4 spans over ${plan.routes} routes, ${(100 * plan.errorShare).toFixed(2)} % failing within the leaf, half of them behind a 200; base share ${100 * sampleRate} %, seed ${plan.seed}`,
    '',
    textTable(
      [
        'strategy',
        'CPU/request',
        'spans kept',
        'on the wire',
        'memory',
        'failed spans kept',
        'failed traces kept whole',
      ],
      replays.map((each) => [
        each.strategy,
        `+${count(each.cpuNs - control.cpuNs)} ns`,
        count(each.spansKept),
        kilobytes(each.wireBytes),
        kilobytes(each.memoryBytes),
        share(each.failedKept, each.failed),
        share(each.failedWhole, each.failed),
      ]),
    ),
    '',
    `CPU is on top of the same traffic without telemetry (${count(control.cpuNs)} ns a request), for two programs,`,
    'encoding and gzip included. On the wire: OTLP protobuf, batches of 1000 spans, gzip. Memory: held when the',
    'traffic ends, with what the tail strategy still holds for ten seconds in case a peer asks for it.',
    '',
  ].join('\n')
}
