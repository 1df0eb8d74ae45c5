import { basename } from 'node:path'
import { createClient, type Client } from '@spate/http/client'
import type { CommandContext, Command } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { text, url, type TableOf } from '@spate/runtime/settings'
import { importFile, newCounts, type ImportCounts, type ImportTarget } from './import-file.ts'

/** Flags of `spate import`. */
export interface ImportSettings {
  readonly users: string | undefined
  readonly items: string | undefined
  readonly time: string | undefined
  readonly title: string | undefined
  readonly price: string | undefined
  readonly quantity: string | undefined
  readonly weight: string | undefined
  readonly categories: string | undefined
  readonly type: string
  readonly url: string
}

const column = (what: string, known: string): TableOf<ImportSettings>['users'] =>
  text(undefined, `Column of ${what}, by name or place (1 is the first); found alone: ${known}`)

const settings: TableOf<ImportSettings> = {
  users: column('the user', 'CustomerID, userId, user, ...'),
  items: column('the item', 'StockCode, movieId, item, ...'),
  time: column('the time', 'InvoiceDate, timestamp, date, ...'),
  title: column('the title of the item', 'Description, title, name'),
  price: column('the price', 'UnitPrice, price'),
  quantity: column('the quantity; lines with 0 or less are cancellations and left out', 'Quantity'),
  weight: column('the weight or rating (0 to 5)', 'rating, weight'),
  categories: column('the categories, with | between', 'category, genres'),
  type: text('purchase', 'Type of the events', {
    pattern: /^[\w.-]{1,40}$/,
    expected: '1 to 40 letters, digits and . _ -',
  }),
  url: url('http://127.0.0.1:8082', 'Where the engine answers'),
}

/** Requests of events under way at the same time. */
const underWayMax = 2

/** `spate import FILE`: streams a CSV of what people did into the engine. */
export const importCommand: Command<TableOf<ImportSettings>> = {
  name: 'import',
  summary: 'Load a CSV of purchases, ratings or views into the recommendation engine.',
  usage: 'FILE [--users COL] [--items COL] [--time COL]',
  examples: [
    ['spate import online-retail.csv.gz', 'columns are found by their names'],
    ['spate import ratings.csv --users userId --items movieId --time timestamp', 'MovieLens'],
  ],
  settings,
  run,
}

async function run(context: CommandContext<TableOf<ImportSettings>>): Promise<number> {
  const { settings: given, words, json, host, clock, signal } = context
  const [path] = words
  if (path === undefined || words.length > 1) {
    host.writeError('usage: spate import FILE [--users COL] [--items COL] [--time COL]\n')
    return 2
  }
  const startMs = clock.elapsed()
  const counts = newCounts()
  const client = createClient({ clock })
  const target = new HttpTarget(client, given.url)
  const timer = clock.every(1000, () => {
    const rate = Math.round(counts.lines / ((clock.elapsed() - startMs) / 1000))
    if (!json) host.writeError(`  ${counts.lines} lines, ${rate} a second\n`)
  })
  try {
    const columns = { ...given, user: given.users, item: given.items, category: given.categories }
    await importFile(
      { path, columns, type: given.type, name: basename(path), signal },
      target,
      counts,
    )
    await target.done()
  } catch (caught) {
    const fault = faultOf(caught, path)
    host.writeError(`import: ${fault.message}\n`)
    return fault.code === 'invalid_field' || fault.code === 'not_found' ? 2 : 1
  } finally {
    timer.cancel()
    await client.close()
  }
  const seconds = (clock.elapsed() - startMs) / 1000
  const { accepted, duplicates, rejected } = target
  const report = { ...counts, accepted, duplicates, rejected, seconds }
  host.write(json ? `${JSON.stringify(report)}\n` : written(report))
  return signal.aborted || target.rejected > 0 ? 1 : 0
}

function faultOf(caught: unknown, path: string): Fault {
  if (caught instanceof Error && 'code' in caught && caught.code === 'ENOENT')
    return new Fault('not_found', `there is no file ${path}`)
  return Fault.from(caught)
}

/** Sends batches over HTTP; a failing call is tried again, which event ids make harmless. */
class HttpTarget implements ImportTarget {
  accepted = 0
  duplicates = 0
  rejected = 0
  readonly #client: Client
  readonly #url: string
  readonly #underWay = new Set<Promise<void>>()

  constructor(client: Client, url: string) {
    this.#client = client
    this.#url = url.replace(/\/$/, '')
  }

  async items(batch: Parameters<ImportTarget['items']>[0]): Promise<void> {
    const lines = batch.map((item) => JSON.stringify(item)).join('\n')
    await this.#post('/recommend/items', 'application/x-ndjson', lines)
  }

  async events(batch: Parameters<ImportTarget['events']>[0]): Promise<void> {
    while (this.#underWay.size >= underWayMax) await Promise.race(this.#underWay)
    const sending = this.#send(JSON.stringify(batch))
    this.#underWay.add(sending)
    // `done` and `race` see a failure; this only takes the entry away.
    sending.finally(() => this.#underWay.delete(sending)).catch(() => {})
  }

  /** Resolves when nothing is under way. */
  async done(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  async #send(body: string): Promise<void> {
    const answer = await this.#post('/recommend/events', 'application/json', body)
    const { accepted, duplicates, rejected } = answer as {
      accepted: number
      duplicates: number
      rejected: readonly unknown[]
    }
    this.accepted += accepted
    this.duplicates += duplicates
    this.rejected += rejected.length
  }

  async #post(path: string, type: string, body: string): Promise<unknown> {
    const answer = await this.#client.fetch(`${this.#url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
      timeoutMs: 60_000,
      retries: 3,
    })
    const bytes = await answer.text()
    if (!answer.ok)
      throw new Fault(
        'bad_gateway',
        `${this.#url}${path} answered ${answer.status}: ${bytes.slice(0, 300)}`,
      )
    return JSON.parse(bytes)
  }
}

function written(
  report: ImportCounts & {
    accepted: number
    duplicates: number
    rejected: number
    seconds: number
  },
): string {
  const rows: [string, number | string][] = [
    ['lines', report.lines],
    ['products', report.products],
    ['users', report.users],
    ['events accepted', report.accepted],
    ['events known before', report.duplicates],
    ['lines without a user', report.withoutUser],
    ['cancellations left out', report.cancellations],
    ['broken lines', report.broken],
    ['seconds', report.seconds.toFixed(1)],
  ]
  if (report.rejected > 0) rows.push(['events refused', report.rejected])
  const broken = report.brokenExamples.map(({ line, why }) => `  line ${line}: ${why}\n`)
  return rows.map(([name, value]) => `${name.padEnd(24)}${value}\n`).join('') + broken.join('')
}
