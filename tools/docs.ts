/**
 * Writes the reference pages that are made from tables in the code: settings, commands, error codes,
 * telemetry names. `--check` writes nothing and fails where a page is behind.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { commands } from '../apps/spate/src/commands.ts'
import { settingsSchema } from '../apps/spate/src/settings-commands.ts'
import { commandSettings } from '../apps/spate/src/dispatch.ts'
import { faultKinds, wireCode, type FaultCode } from '../packages/runtime/src/fault.ts'
import { settingsMarkdown } from '../packages/runtime/src/settings-print.ts'
import { root } from './sources.ts'

const check = process.argv.includes('--check')
const note = '<!-- Written by `node tools/docs.ts` from tables in the code. Do not edit. -->'

const pages: Readonly<Record<string, string>> = {
  'docs/reference/errors.md': errorsPage(),
  'docs/reference/commands.md': commandsPage(),
  'docs/reference/spate.schema.json': `${JSON.stringify(settingsSchema(), undefined, 2)}\n`,
}

let behind = 0
for (const [path, text] of Object.entries(pages)) {
  const file = join(root, path)
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
  if (check) {
    behind++
    process.stdout.write(`${path} is behind the code; run node tools/docs.ts\n`)
    continue
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  process.stdout.write(`wrote ${path}\n`)
}
process.exit(behind === 0 ? 0 : 1)

function errorsPage(): string {
  const rows = Object.entries(faultKinds).map(
    ([code, { status, title, source, retryable }]) =>
      `| \`${wireCode(code as FaultCode)}\` | ${status} | ${title} | ${source} | ${retryable ? 'yes' : 'no'} |`,
  )
  return [
    '# Error codes',
    '',
    note,
    '',
    'Every error body is `application/problem+json` (RFC 9457) with `code` and `traceId`. `retry` says',
    'whether the same call may succeed later; `Retry-After` says when. Refusals of a sale are outcomes,',
    'not errors: services/seckill/README.md lists them.',
    '',
    '| code | status | meaning | begins | retry |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

function commandsPage(): string {
  const parts = commands.map((command) => {
    const { name, summary, usage, examples, settings } = command
    return [
      `## spate ${name}`,
      '',
      summary,
      '',
      '```',
      `spate ${[name, usage, '[flags]'].filter(Boolean).join(' ')}`,
      ...examples.map(([line, remark]) => `${line}  # ${remark}`),
      '```',
      '',
      ...(Object.keys(settings).length > 0 ? [settingsMarkdown(settings), ''] : []),
    ].join('\n')
  })
  return [
    '# Commands and settings',
    '',
    note,
    '',
    'A setting is read from its flag, then its variable, then `spate.yaml` (under the program, or at the',
    'top for all), then its default. Unknown names and bad values are refused at start.',
    '',
    '## Every command',
    '',
    settingsMarkdown(commandSettings),
    '',
    ...parts,
  ].join('\n')
}
