import { open } from 'node:fs/promises'
import { SeededChance } from '@spate/runtime/chance'
import type { Command, CommandContext } from '@spate/runtime/command'
import { Fault, shown } from '@spate/runtime/fault'
import { choice, decimal, duration, integer, text, type TableOf } from '@spate/runtime/settings'
import { readCsvFile } from '@spate/recommend/csv'
import { sha256Of, SkippedLines, type DataRow, type SkippedLine } from '@spate/recommend/data-set'
import { splitRows, type SplitRule } from '@spate/recommend/split'
import { refused, skippedTexts } from './eval-command.ts'
import { findColumns, readId, readTime, type ImportColumns } from './import-columns.ts'

/** Flags of `spate split`. */
export interface SplitSettings {
  readonly by: string
  readonly span: number
  readonly share: number
  readonly seed: number
  readonly train: string
  readonly test: string
  readonly users: string | undefined
  readonly items: string | undefined
  readonly time: string | undefined
  readonly itemPattern: string | undefined
}

const settings: TableOf<SplitSettings> = {
  by: choice(
    'temporal',
    ['temporal', 'last', 'random'],
    'temporal: the last span of time; last: the last event of each user; random: a share of the lines',
  ),
  span: duration(
    30 * 86_400_000,
    1000,
    3650 * 86_400_000,
    'Span of time that becomes TEST, counted back from the newest line',
  ),
  share: decimal(0.1, 0.001, 0.9, 'Share of lines that becomes TEST where split by random'),
  seed: integer(1, 0, 4_294_967_295, 'Seed of the random split'),
  train: text('train.csv', 'File to write TRAIN to'),
  test: text('test.csv', 'File to write TEST to'),
  users: text(undefined, 'Column of the user; found alone: CustomerID, userId, user, ...'),
  items: text(undefined, 'Column of the item; found alone: StockCode, movieId, item, ...'),
  time: text(undefined, 'Column of the time; found alone: InvoiceDate, timestamp, ...'),
  itemPattern: text(undefined, 'Regular expression an item must match to be kept: ^\\d{5}'),
}

/** `spate split FILE`: cuts a data set into TRAIN and TEST for `spate eval`. */
export const splitCommand: Command<TableOf<SplitSettings>> = {
  name: 'split',
  summary: 'Cut a CSV into TRAIN and TEST for eval, by time, last event or chance.',
  usage: 'FILE [--by temporal|last|random] [--span 30d] [--train FILE] [--test FILE]',
  examples: [
    [
      "spate split online-retail.csv.gz --by temporal --span 30d --item-pattern '^\\d{5}'",
      'purchases of products with a five-digit code; TEST is the last 30 days',
    ],
    ['spate split ratings.csv --by last', 'the last rating of each user'],
  ],
  settings,
  run,
}

async function run(context: CommandContext<TableOf<SplitSettings>>): Promise<number> {
  const { settings: given, words, json, host } = context
  const [path] = words
  if (path === undefined || words.length > 1) {
    host.writeError('usage: spate split FILE [--by temporal|last|random]\n')
    return 2
  }
  try {
    const { rows, skipped, timed, weighted } = await readRows(path, given)
    if (given.by === 'temporal' && !timed)
      throw new Fault('invalid_field', 'a temporal split needs a time column: name it with --time')
    const { train, test } = splitRows(rows, ruleOf(given))
    if (train.length === 0 || test.length === 0)
      throw new Fault(
        'invalid_field',
        `the split leaves ${train.length} lines in TRAIN and ${test.length} in TEST`,
      )
    await writeRows(given.train, train, timed, weighted)
    await writeRows(given.test, test, timed, weighted)
    const report = {
      train: { file: given.train, ...(await factsOf(given.train, train)) },
      test: { file: given.test, ...(await factsOf(given.test, test)) },
      left: skipped.count,
      leftLines: skipped.first,
      itemPattern: given.itemPattern,
      seed: given.by === 'random' ? given.seed : undefined,
    }
    host.write(json ? `${JSON.stringify(report)}\n` : written(report))
    return 0
  } catch (caught) {
    return refused(caught, host)
  }
}

function ruleOf(given: SplitSettings): SplitRule {
  if (given.by === 'last') return { kind: 'last' }
  if (given.by === 'temporal') return { kind: 'temporal', ms: given.span }
  const chance = new SeededChance(given.seed)
  return { kind: 'random', share: given.share, float: () => chance.float() }
}

/** Lines with a user, an item, a quantity above 0 and a time that can be read; others are counted. */
async function readRows(
  path: string,
  given: SplitSettings,
): Promise<{
  rows: DataRow[]
  skipped: SkippedLines
  timed: boolean
  weighted: boolean
}> {
  const rows: DataRow[] = []
  const pattern = given.itemPattern === undefined ? undefined : readPattern(given.itemPattern)
  let columns: ImportColumns | undefined
  const skipped = new SkippedLines()
  for await (const row of readCsvFile(path)) {
    if (row.kind === 'broken') {
      skipped.take(row.line, row.why)
      continue
    }
    if (!columns) {
      columns = findColumns(row.fields, { user: given.users, item: given.items, time: given.time })
      continue
    }
    const read = readRow(row.fields, columns, pattern)
    if (typeof read === 'string') skipped.take(row.line, read)
    else rows.push(read)
  }
  if (!columns) throw new Fault('invalid_request', `${path} is empty`)
  return {
    rows,
    skipped,
    timed: columns.time !== undefined,
    weighted: columns.weight !== undefined,
  }
}

function readPattern(text: string): RegExp {
  try {
    return new RegExp(text, 'u')
  } catch (caught) {
    throw new Fault('invalid_field', `--item-pattern is not a regular expression: ${text}`, {
      cause: caught,
    })
  }
}

function readRow(
  fields: readonly string[],
  columns: ImportColumns,
  pattern: RegExp | undefined,
): DataRow | string {
  const user = readId(fields[columns.user] ?? '')
  const item = readId(fields[columns.item] ?? '')
  if (user === '' || item === '') return `no ${user === '' ? 'user' : 'item'}`
  if (pattern && !pattern.test(item)) return `item ${shown(item)} is none that is wanted`
  if (columns.quantity !== undefined && !(Number(fields[columns.quantity]) > 0))
    return `quantity ${shown(fields[columns.quantity])} is not above 0`
  const timeMs = columns.time === undefined ? undefined : readTime(fields[columns.time] ?? '')
  if (columns.time !== undefined && timeMs === undefined)
    return `${shown(fields[columns.time])} is no time`
  const weight = columns.weight === undefined ? 1 : Number(fields[columns.weight])
  if (!(weight > 0)) return `weight ${shown(fields[columns.weight ?? -1])} is not above 0`
  return { user, item, timeMs, weight }
}

async function writeRows(
  path: string,
  rows: readonly DataRow[],
  timed: boolean,
  weighted: boolean,
): Promise<void> {
  const file = await open(path, 'w')
  try {
    let text = `user,item${timed ? ',timestamp' : ''}${weighted ? ',weight' : ''}\n`
    for (const { user, item, timeMs, weight } of rows) {
      text += `${quoted(user)},${quoted(item)}${timed ? `,${timeMs}` : ''}${weighted ? `,${weight}` : ''}\n`
      if (text.length > writeCharacters) {
        await file.writeFile(text)
        text = ''
      }
    }
    await file.writeFile(text)
  } finally {
    await file.close()
  }
}

const writeCharacters = 1 << 20

function quoted(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

interface SideFacts {
  readonly lines: number
  readonly users: number
  readonly items: number
  readonly sha256: string
}

async function factsOf(path: string, rows: readonly DataRow[]): Promise<SideFacts> {
  return {
    lines: rows.length,
    users: new Set(rows.map(({ user }) => user)).size,
    items: new Set(rows.map(({ item }) => item)).size,
    sha256: await sha256Of(path),
  }
}

function written(report: {
  readonly train: SideFacts & { readonly file: string }
  readonly test: SideFacts & { readonly file: string }
  readonly left: number
  readonly leftLines: readonly SkippedLine[]
  readonly itemPattern: string | undefined
  readonly seed: number | undefined
}): string {
  const side = (name: string, facts: SideFacts & { readonly file: string }): string =>
    `${name} ${facts.file}: ${facts.lines} lines, ${facts.users} users, ${facts.items} items\n  sha256 ${facts.sha256}\n`
  const lines = [
    `lines left out ${report.left}${report.left > 0 ? ', the first of them:' : ''}`,
    ...skippedTexts('', report.leftLines),
    ...(report.itemPattern === undefined ? [] : [`items kept: ${report.itemPattern}`]),
    ...(report.seed === undefined ? [] : [`seed ${report.seed}`]),
  ]
  return `${side('TRAIN', report.train)}${side('TEST ', report.test)}${lines.join('\n')}\n`
}
