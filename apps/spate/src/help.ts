import type { Command } from '@spate/runtime/command'
import { nearest } from '@spate/runtime/nearest'
import type { SettingsTable } from '@spate/runtime/settings'
import { helpLines } from '@spate/runtime/settings-print'
import manifest from '../package.json' with { type: 'json' }

/** Version of this program. */
export const version: string = manifest.version

const bold = (text: string, colours: boolean): string =>
  colours ? `\u001b[1m${text}\u001b[0m` : text

/** `spate --help`: every command with its summary. */
export function overview(commands: readonly Command[], colours: boolean): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return [
    `${bold('spate', colours)}: an edge cache, a flash-sale engine and a recommender, on one machine or many`,
    '',
    bold('usage', colours),
    '  spate COMMAND [flags]',
    '',
    bold('commands', colours),
    ...rows,
    '',
    bold('examples', colours),
    '  spate up                                         everything on this machine, no servers needed',
    '  spate edge --origin http://127.0.0.1:8083        a cache in front of any origin',
    '  spate load seckill --buyers 100000 --stock 1000  a flash sale against a running engine',
    '',
    'Settings: flags, then SPATE_* variables, then spate.yaml, then defaults. spate COMMAND --help shows them.',
    'Exit codes: 0 done, 1 failed, 2 called wrongly.',
    '',
  ].join('\n')
}

/** `spate COMMAND --help`. */
export function commandHelp(command: Command, shared: SettingsTable, colours: boolean): string {
  const { name, summary, usage, examples, settings } = command
  const lines = [
    summary,
    '',
    bold('usage', colours),
    `  spate ${[name, usage, '[flags]'].filter(Boolean).join(' ')}`,
    '',
  ]
  if (examples.length > 0) {
    const width = Math.max(...examples.map(([line]) => line.length))
    lines.push(
      bold('examples', colours),
      ...examples.map(([line, remark]) => `  ${line.padEnd(width)}  ${remark}`),
      '',
    )
  }
  if (Object.keys(settings).length > 0)
    lines.push(bold('flags', colours), ...helpLines(settings), '')
  lines.push(bold('flags of every command', colours), ...helpLines(shared), '')
  return lines.join('\n')
}

/** `; did you mean "spate up"?` where a command is near to what was typed; empty otherwise. */
export function suggestion(commands: readonly Command[], words: readonly string[]): string {
  const typed = words.slice(0, 2).join(' ')
  const starting = commands.filter(({ name }) => name.startsWith(`${words[0]} `))
  if (starting.length > 0)
    return `; there is ${starting.map(({ name }) => `"spate ${name}"`).join(', ')}`
  const names = commands.map(({ name }) => name)
  const near = nearest(typed, names) ?? nearest(words[0] ?? '', names)
  return near === undefined ? '' : `; did you mean "spate ${near}"?`
}
