import { loadAdminToken } from '@spate/http/admin-token'
import { createClient, type Client } from '@spate/http/client'
import { segmentsIn } from '@spate/journal/inspect'
import { command, type Command, type CommandContext } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { text, url, type TableOf } from '@spate/runtime/settings'
import { join, resolve } from 'node:path'
import type { AuditJson } from './auditor.ts'
import { verifyLog, type LogVerdict } from './verify-log.ts'

interface VerifySettings {
  readonly url: string | undefined
  readonly head: string | undefined
  readonly dataDir: string
  readonly adminToken: string | undefined
}

const settings: TableOf<VerifySettings> = {
  url: url(undefined, 'Ask a running engine to compare its books instead: http://127.0.0.1:8081.'),
  head: text(undefined, 'A link of the chain seen before: the log must have it.', {
    pattern: /^[\da-f]{64}$/,
    expected: '64 hex digits',
  }),
  dataDir: text('.spate', 'Data folder; where the log is, and the admin token for --url.'),
  adminToken: text(undefined, 'Admin token, where it is not in the data folder.', { secret: true }),
}

/** `spate audit verify`: is the log of the sale what it was? */
export const auditVerifyCommand: Command = command({
  name: 'audit verify',
  summary: "Check the hash chain of the sale's log offline, or the books of a running engine.",
  usage: '[FOLDER]',
  examples: [
    ['spate audit verify', 'the log under .spate/, also of an engine that runs'],
    [
      'spate audit verify /backup/spate --head 6b86b2...',
      'a copy; an old head proves nothing was cut',
    ],
    ['spate audit verify --url http://127.0.0.1:8081', 'ledger, order store and log compared'],
  ],
  settings,
  run: (context) => verify(context),
})

async function verify(context: CommandContext<TableOf<VerifySettings>>): Promise<number> {
  const { host, words, settings: given } = context
  const { url: engine, dataDir, head } = given
  if (words.length > 1) throw new Fault('invalid_request', 'name one folder')
  if (engine !== undefined) return await verifyEngine(context, engine)
  const folder = await logFolder(resolve(host.cwd, words[0] ?? dataDir))
  const verdict = await verifyLog({ folder, ...(head === undefined ? {} : { knownHead: head }) })
  const lost = head !== undefined && verdict.knownHeadAt === undefined
  const sound = !verdict.broken && !lost
  host.write(
    context.json
      ? `${JSON.stringify({ folder, sound, ...verdict })}\n`
      : verdictText(folder, verdict, head),
  )
  return sound ? 0 : 1
}

/** The ledger's folder in a data folder, or the folder itself. Throws `not_found`. */
async function logFolder(folder: string): Promise<string> {
  for (const each of [folder, join(folder, 'ledger'), join(folder, 'seckill', 'ledger')])
    if ((await segmentsIn(each)).length > 0) return each
  throw new Fault('not_found', `there is no log of a sale in ${folder}`)
}

function verdictText(folder: string, verdict: LogVerdict, head: string | undefined): string {
  const { segments, records, events, broken, torn, sealed, knownHeadAt } = verdict
  const lines = [
    `log     ${folder}`,
    `events  ${events} in ${records} records, ${segments} segments`,
    `head    ${verdict.head}`,
  ]
  const at = ({ file, position, sequence, reason }: NonNullable<typeof broken>): string =>
    `record ${sequence}, ${file} byte ${position}: ${reason}`
  if (torn) lines.push(`tail    ${at(torn)}; nobody was told of it`)
  if (head !== undefined)
    lines.push(
      knownHeadAt === undefined
        ? 'known   MISSING: the log never had the link that was asked for'
        : `known   the link asked for is the one after event ${knownHeadAt}`,
    )
  lines.push(broken ? `chain   BROKEN at ${at(broken)}` : 'chain   every link fits')
  if (!broken && !sealed && !torn)
    lines.push('end     not closed in order: an old --head proves that nothing was cut')
  return `${lines.join('\n')}\n`
}

async function verifyEngine(
  context: CommandContext<TableOf<VerifySettings>>,
  engine: string,
): Promise<number> {
  const { host, clock, signal, settings: given } = context
  const { dataDir, adminToken: configured } = given
  const token = await loadAdminToken({ configured, dataDir: resolve(host.cwd, dataDir) })
  const client = createClient({ clock })
  const base = engine.replace(/\/+$/, '')
  try {
    const ask = <T>(path: string): Promise<T> => read<T>(client, base + path, token.value, signal)
    const { campaigns } = await ask<{ campaigns: { productId: string }[] }>('/seckill/campaigns')
    const audits: AuditJson[] = []
    for (const { productId } of campaigns)
      audits.push(await ask(`/seckill/audit/${encodeURIComponent(productId)}`))
    const sound = audits.every(({ consistent }) => consistent)
    host.write(
      context.json ? `${JSON.stringify({ sound, audits })}\n` : audits.map(auditText).join(''),
    )
    return sound ? 0 : 1
  } finally {
    await client.close()
  }
}

async function read<T>(
  client: Client,
  address: string,
  token: string,
  signal: AbortSignal,
): Promise<T> {
  const headers = { authorization: `Bearer ${token}` }
  const answer = await client.fetch(address, { headers, timeoutMs: 30_000, signal })
  const said = await answer.text()
  if (!answer.ok)
    throw new Fault('bad_gateway', `${address} answered ${answer.status}: ${said.slice(0, 300)}`)
  return JSON.parse(said) as T
}

function auditText(audit: AuditJson): string {
  const { productId, consistent, sequence, chainHead, discrepancies } = audit
  const { total, adjusted, remaining, reserved, paid } = audit
  const lines = [
    `${productId}: ${consistent ? 'the books agree' : 'THE BOOKS DO NOT AGREE'} at event ${sequence}`,
    `  ${total} + ${adjusted} = ${remaining} left + ${reserved} reserved + ${paid} paid`,
    `  head ${chainHead}`,
    ...discrepancies.map((each) => `  ${JSON.stringify(each)}`),
  ]
  return `${lines.join('\n')}\n`
}
