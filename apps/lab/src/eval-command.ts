import { Fault } from '@spate/runtime/fault'
import type { Host } from '@spate/runtime/host'
import type { Command, CommandContext } from '@spate/runtime/command'
import {
  choice,
  duration,
  integer,
  list,
  text,
  toggle,
  type TableOf,
} from '@spate/runtime/settings'
import { readDataFile, type SkippedLine } from '@spate/recommend/data-set'
import { evaluate, type Evaluation, type EvaluateOptions } from '@spate/recommend/evaluation'
import { trainInWorker, trainingDefaults } from '@spate/recommend/training'

/** Flags of `spate eval`. */
export interface EvalSettings {
  readonly train: string | undefined
  readonly test: string | undefined
  readonly k: readonly string[]
  readonly excludeSeen: boolean
  readonly task: string
  readonly horizon: number
  readonly headItemsMax: number
}

const settings: TableOf<EvalSettings> = {
  train: text(undefined, 'CSV to learn from: user,item[,timestamp][,weight], packed or not'),
  test: text(undefined, 'CSV with what the same users did afterwards'),
  k: list(['10', '20'], 'Lengths of the lists that are measured', {
    pattern: /^(?:[1-9]\d{0,2}|1000)$/,
    expected: 'whole numbers from 1 to 1000, separated by commas',
  }),
  excludeSeen: toggle(
    false,
    'Leave out what the user has in TRAIN, from lists and from what counts',
  ),
  task: choice(
    'auto',
    ['auto', 'last', 'horizon', 'holes'],
    'Shape of the validation cut: the next event, a span of time, events in between; auto reads it off the users and times of TEST, never its items',
  ),
  horizon: duration(
    30 * 86_400_000,
    1,
    3650 * 86_400_000,
    'Length of the validation span where task is horizon',
  ),
  headItemsMax: integer(4000, 16, 10_000, 'Most popular items in the dense models'),
}

/** `spate eval`: trains as the engine does, ranks all items for each test user, counts. */
export const evalCommand: Command<TableOf<EvalSettings>> = {
  name: 'eval',
  summary: 'Measure recommendation quality on files: full ranking, 95 % intervals, hashes.',
  usage: '--train FILE --test FILE [--k 10,20] [--exclude-seen true]',
  examples: [
    ['spate eval --train train.csv --test test.csv', 'lists may repeat what the user had'],
    ['spate eval --train a.csv.gz --test b.csv.gz --exclude-seen --json', 'new items only'],
  ],
  settings,
  run,
}

async function run(context: CommandContext<TableOf<EvalSettings>>): Promise<number> {
  const { settings: given, json, host, clock, signal } = context
  if (given.train === undefined || given.test === undefined || context.words.length > 0) {
    host.writeError(
      'usage: spate eval --train FILE --test FILE [--k 10,20] [--exclude-seen true]\n',
    )
    return 2
  }
  try {
    const train = await readDataFile(given.train)
    const test = await readDataFile(given.test)
    if (!json)
      host.writeError(`  ${train.rows.length} lines to learn from, ${test.rows.length} to find\n`)
    const result = await evaluate({
      train,
      test,
      ks: given.k.map(Number),
      excludeSeen: given.excludeSeen,
      task: taskOf(given),
      training: { ...trainingDefaults, headItemsMax: given.headItemsMax },
      trainer: (interactions, options) => trainInWorker(interactions, options, signal),
      elapsed: () => clock.elapsed(),
    })
    host.write(json ? `${JSON.stringify(result)}\n` : written(result))
    return 0
  } catch (caught) {
    return refused(caught, host)
  }
}

/** Says what went wrong; 2 where the call was wrong, 1 otherwise. */
export function refused(caught: unknown, host: Host): number {
  if (caught instanceof Error && 'code' in caught && caught.code === 'ENOENT') {
    const { path = '' } = caught as NodeJS.ErrnoException
    host.writeError(`there is no file ${path}\n`)
    return 2
  }
  if (caught instanceof Error && 'code' in caught && caught.code === 'EISDIR') {
    host.writeError('a file is needed, and a folder was given\n')
    return 2
  }
  const fault = Fault.from(caught)
  const cause = fault.cause instanceof Error ? `: ${fault.cause.message}` : ''
  host.writeError(`${fault.message}${cause}\n`)
  return fault.code === 'invalid_field' || fault.code === 'invalid_request' ? 2 : 1
}

function taskOf(given: EvalSettings): EvaluateOptions['task'] {
  switch (given.task) {
    case 'last':
      return { kind: 'last', count: 1 }
    case 'horizon':
      return { kind: 'horizon', ms: given.horizon }
    case 'holes':
      return { kind: 'holes', share: 0.1 }
    default:
      return 'auto'
  }
}

function written(result: Evaluation): string {
  const lines = Object.entries(result.metrics).map(([name, { value, low, high }]) => {
    const all = result.metricsAllUsers[name]?.value.toFixed(4) ?? ''
    const range = `(95 %: ${low.toFixed(4)} to ${high.toFixed(4)})`
    return `${name.padEnd(12)}${value.toFixed(4)}  ${range}${result.coldUsers > 0 ? `  strangers included: ${all}` : ''}`
  })
  const slices = Object.entries(result.slices)
    .filter(([, { users }]) => users > 0)
    .map(
      ([name, { users, ndcg }]) => `  ${name.padEnd(32)}${ndcg.value.toFixed(4)}  ${users} users`,
    )
  const blend = result.blend.map(({ voice, weight }) => `  ${weight} ${JSON.stringify(voice)}`)
  const { coverage, gini, novelty, similarity } = result.lists
  return `${[
    ...lines,
    `users ${result.users} known to TRAIN (and ${result.coldUsers} strangers), items ${result.items}, training ${result.trainSeconds.toFixed(1)} s`,
    `lists: coverage ${coverage.toFixed(3)}, Gini ${gini.toFixed(3)}, novelty ${novelty.toFixed(2)} bits, similarity within a list ${similarity.toFixed(3)}`,
    'NDCG by slice:',
    ...slices,
    `validation cut: ${JSON.stringify(result.task)}, repeats ${result.repeatShare.toFixed(3)}; chosen on TRAIN:`,
    ...blend,
    `lines left out: ${result.skipped.train} of TRAIN, ${result.skipped.test} of TEST`,
    ...skippedTexts('TRAIN ', result.skippedLines.train),
    ...skippedTexts('TEST ', result.skippedLines.test),
    'seed none: nothing is drawn, the same files give the same figures',
    `sha256 train ${result.sha256.train}`,
    `sha256 test  ${result.sha256.test}`,
  ].join('\n')}\n`
}

/** One line of text for each line that was left out. */
export function skippedTexts(side: string, lines: readonly SkippedLine[]): string[] {
  return lines.map(({ line, why }) => `  ${side}line ${line}: ${why}`)
}
