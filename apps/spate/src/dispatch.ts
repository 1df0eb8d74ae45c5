import { workerVariable } from '@spate/edge/place'
import type { Chance } from '@spate/runtime/chance'
import type { Clock } from '@spate/runtime/clock'
import type { Command, CommandContext } from '@spate/runtime/command'
import { Fault, errorCode } from '@spate/runtime/fault'
import type { Host } from '@spate/runtime/host'
import {
  createLog,
  jsonSink,
  textSink,
  type Log,
  type LogSink,
  type Severity,
} from '@spate/runtime/log'
import { limitedSink } from '@spate/runtime/log-limit'
import { loadSettings, type LoadedSettings } from '@spate/runtime/settings-load'
import { choice, envOf, integer, text, toggle, type TableOf } from '@spate/runtime/settings'
import { withOtelVariables } from '@spate/telemetry/otel-environment'
import { activeIds } from '@spate/telemetry/telemetry'
import { commandHelp, overview, suggestion, version } from './help.ts'
import { readSettingsFile } from './settings-file.ts'

/** What the command line runs on. */
export interface Surroundings {
  readonly host: Host
  readonly clock: Clock
  readonly chance: Chance
  /** Aborts at Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
  readonly onSignal: CommandContext['onSignal']
  /** Hears what went wrong in the words that are printed. */
  readonly onFailure?: (text: string) => void
}

/** What every command can be told beside its own settings. */
export interface CommandSettings {
  readonly json: boolean
  readonly config: string | undefined
  readonly logLevel: Severity
  readonly logFormat: 'auto' | 'text' | 'json'
  readonly logLimit: number
}

/** Settings that every command takes beside its own. */
export const commandSettings: TableOf<CommandSettings> = {
  json: toggle(false, 'Print JSON for machines.'),
  config: text(undefined, 'Settings file (YAML).', { env: 'SPATE_CONFIG' }),
  logLevel: choice('info', ['debug', 'info', 'warn', 'error'], 'Quietest severity that is logged.'),
  logFormat: choice(
    'auto',
    ['auto', 'text', 'json'],
    'How log lines look; auto is text on a terminal.',
  ),
  logLimit: integer(
    50,
    0,
    100_000,
    'Records of one message that are logged in a second; what is held back is counted and told. 0 sets no limit.',
    { unit: 'records' },
  ),
}

/**
 * Runs the command that the words name. Resolves to the exit code: 0 done, 1 failed, 2 called
 * wrongly. Prints what went wrong and what to do next; never a stack trace for a fault.
 */
export async function dispatch(
  commands: readonly Command[],
  surroundings: Surroundings,
): Promise<number> {
  const { host } = surroundings
  const words = [...host.argv]
  const found = commands
    .filter(({ name }) => name.split(' ').every((word, at) => words[at] === word))
    .sort((a, b) => b.name.length - a.name.length)[0]
  if (!found) return withoutCommand(commands, words, host)
  const rest = words.slice(found.name.split(' ').length)
  if (rest.includes('--help') || rest.includes('-h')) {
    host.write(commandHelp(found, commandSettings, host.colours))
    return 0
  }
  try {
    return await run(found, rest, commands, surroundings)
  } catch (caught) {
    const { code, text: why } = told(caught, found.name)
    host.writeError(why)
    surroundings.onFailure?.(why)
    return code
  }
}

function withoutCommand(
  commands: readonly Command[],
  words: readonly string[],
  host: Host,
): number {
  const [first] = words
  if (first === '--version' || first === '-v') {
    host.write(`spate ${version}\n`)
    return 0
  }
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    host.write(overview(commands, host.colours))
    return 0
  }
  const group = commands.filter(({ name }) => name.startsWith(`${first} `))
  if (group.length > 0 && words.slice(1).every((word) => word === '--help' || word === '-h')) {
    host.write(overview(group, host.colours))
    return words.length > 1 ? 0 : 2
  }
  host.writeError(
    `spate: there is no command "${words.slice(0, 2).join(' ')}"${suggestion(commands, words)}\n`,
  )
  host.writeError('See spate --help.\n')
  return 2
}

async function run(
  found: Command,
  rest: readonly string[],
  commands: readonly Command[],
  surroundings: Surroundings,
): Promise<number> {
  const { clock, chance, signal, onSignal } = surroundings
  const otel = withOtelVariables(surroundings.host.env)
  const host = { ...surroundings.host, env: otel.env }
  const table = { ...commandSettings, ...found.settings }
  const foreignEnv = foreignVariables(commands)
  const foreignNames = commands.flatMap(({ settings }) => Object.keys(settings))
  const sections = commands.flatMap(({ section }) => (section === undefined ? [] : [section]))
  const given = (file: string | undefined): LoadedSettings<typeof table> =>
    loadSettings(table, {
      program: found.section ?? found.name,
      flags: rest,
      env: host.env,
      sections,
      foreignNames,
      foreignEnv,
      ...(file === undefined ? {} : { file }),
    })
  const path = configPath(rest, host.env)
  const read = (): ReturnType<typeof given> =>
    given(found.section === undefined ? undefined : readSettingsFile(path, host.cwd))
  const { values, words } = read()
  refuseSurplus(found, words)
  const sinks: LogSink[] = []
  const log = terminalLog({
    sinks,
    host,
    clock,
    level: values.logLevel,
    format: values.logFormat,
    json: values.json,
    perSecond: values.logLimit,
  })
  for (const problem of otel.problems) log.warn('a variable is not used', { problem })
  return await found.run({
    settings: values,
    words,
    json: values.json,
    host,
    clock,
    chance,
    log,
    addLogSink: (sink) => void sinks.push(sink),
    reread: () => read().values,
    onSignal,
    signal,
  })
}

/** Refuses words that the command does not ask for: most are a flag whose dashes were forgotten. */
function refuseSurplus({ name, usage }: Command, words: readonly string[]): void {
  const surplus = words[operandsMax(usage)]
  if (surplus === undefined) return
  throw new Fault(
    'settings_invalid',
    `"${surplus}" is not expected; usage: spate ${[name, usage, '[flags]'].filter(Boolean).join(' ')}`,
  )
}

/** Words that `usage` asks for beside flags and their values: 1 in `FILE [--users COL]`. */
function operandsMax(usage: string): number {
  if (usage.includes('...')) return Number.POSITIVE_INFINITY
  const parts = usage.replaceAll(/[[\]]/g, '').split(' ').filter(Boolean)
  return parts.filter((part, at) => !part.startsWith('--') && !parts[at - 1]?.startsWith('--'))
    .length
}

/** `--config` must be known before the other settings are read, for it is one of their sources. */
function configPath(rest: readonly string[], env: Host['env']): string | undefined {
  const at = rest.findIndex((word) => word === '--config' || word.startsWith('--config='))
  const word = at < 0 ? undefined : rest[at]
  if (word === undefined) return env['SPATE_CONFIG']
  return word === '--config' ? rest[at + 1] : word.slice('--config='.length)
}

function foreignVariables(commands: readonly Command[]): readonly string[] {
  const names = new Set([
    'SPATE_CRASH_AT',
    'SPATE_REQUIRE_SERVICES',
    'SPATE_ADMIN_TOKEN',
    workerVariable,
  ])
  for (const { settings } of commands) {
    for (const [name, setting] of Object.entries(settings)) names.add(envOf(name, setting))
  }
  return [...names]
}

interface TerminalLogOptions {
  readonly host: Host
  readonly clock: Clock
  readonly level: Severity
  readonly format: 'auto' | 'text' | 'json'
  readonly json: boolean
  readonly perSecond: number
  /** Others that want every record. */
  readonly sinks: readonly LogSink[]
}

/** Logs go to stderr where stdout carries JSON, so that `--json | jq` works. */
function terminalLog(options: TerminalLogOptions): Log {
  const { host, clock, level, format, json, perSecond, sinks } = options
  const write = (line: string): void => (json ? host.writeError(line) : host.write(line))
  const machine = format === 'json' || (format === 'auto' && !host.interactive)
  const terminal = machine ? jsonSink(write) : textSink(write, host.colours)
  return createLog({
    name: 'spate',
    clock,
    level,
    trace: activeIds,
    sink: limitedSink(
      (record) => {
        terminal(record)
        for (const sink of sinks) sink(record)
      },
      { clock, perSecond },
    ),
  })
}

/** What is printed about `caught`, and the exit code. */
function told(caught: unknown, name: string): { readonly code: number; readonly text: string } {
  const fault = Fault.from(caught)
  if (fault.code === 'settings_invalid' || fault.code === 'invalid_request')
    return { code: 2, text: `spate ${name}: ${fault.message}\nSee spate ${name} --help.\n` }
  if (fault.code === 'internal') {
    const { cause } = fault
    // What the system refused is told by its message: EACCES: permission denied, mkdir '...'.
    const known = cause instanceof Error && errorCode(cause) !== undefined
    const trace = cause instanceof Error ? (cause.stack ?? cause.message) : fault.message
    const why = known ? cause.message : `a bug, please report it\n${trace}`
    return { code: 1, text: `spate ${name}: ${why}\n` }
  }
  const hint = hints[fault.code]
  const after = hint === undefined ? '' : `${hint}\n`
  return { code: 1, text: `spate ${name}: ${fault.message} (${fault.code})\n${after}` }
}

const hints: Readonly<Record<string, string>> = {
  address_in_use: 'Stop the other process, or choose another port (--port 0 takes any free one).',
  data_locked: 'Another spate uses this data folder. Stop it, or name another with --data-dir.',
  data_corrupt:
    'The message names what is damaged and where the copy is. See docs/operating/recovery.md.',
  disk_full:
    'Free some space on the disk of the data folder and start again: nothing acknowledged was lost.',
}
