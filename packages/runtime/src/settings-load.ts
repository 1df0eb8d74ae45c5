import { Fault, shown, type FieldProblem } from './fault.ts'
import { readRecords, readSettingsText, unknownName, type SettingsText } from './settings-text.ts'
import {
  accepted,
  envOf,
  flagOf,
  readSetting,
  type SettingsOf,
  type SettingsTable,
} from './settings.ts'

/** Where values come from. */
export interface SettingSources extends SettingsText {
  /** Words of the command line that are not the command. */
  readonly flags: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Names in `SPATE_*` that belong to other tables and are passed over here. */
  readonly foreignEnv?: readonly string[]
}

/** Parsed settings and what was left over on the command line. */
export interface LoadedSettings<Table extends SettingsTable> {
  readonly values: SettingsOf<Table>
  /** Words that were neither flags nor values of flags. */
  readonly words: readonly string[]
  /** Where each value came from. */
  readonly origins: Readonly<Record<keyof Table, 'flag' | 'environment' | 'file' | 'default'>>
}

/**
 * Parses all sources against `table`.
 * Throws `Fault('settings_invalid')` that lists every unknown name and bad value at once.
 */
export function loadSettings<const Table extends SettingsTable>(
  table: Table,
  sources: SettingSources,
): LoadedSettings<Table> {
  const problems: FieldProblem[] = []
  const { given, words } = readFlags(table, sources.flags, problems)
  const filed = readSettingsText(table, sources, problems)
  refuseUnknownEnv(table, sources, problems)
  const values: Record<string, unknown> = {}
  const origins: Record<string, 'flag' | 'environment' | 'file' | 'default'> = {}
  for (const [name, setting] of Object.entries(table)) {
    const env = envOf(name, setting)
    const [origin, label, raw] = given.has(name)
      ? (['flag', `--${flagOf(name, setting)}`, given.get(name)] as const)
      : sources.env[env] !== undefined && sources.env[env] !== ''
        ? (['environment', env, sources.env[env]] as const)
        : filed.has(name)
          ? (['file', name, filed.get(name)?.value] as const)
          : (['default', name, undefined] as const)
    origins[name] = origin
    if (origin === 'default') {
      values[name] = setting.default
      continue
    }
    const found = origin === 'file' ? filed.get(name) : undefined
    if (found && setting.kind === 'records') {
      values[name] = readRecords(setting, found, problems)
      continue
    }
    const value = readSetting(setting, raw)
    if (value === undefined) {
      problems.push({
        field: found?.path ?? label,
        expected: accepted(setting),
        ...(setting.secret ? {} : { value: shown(raw) }),
        ...(found?.line === undefined ? {} : { line: found.line }),
      })
    }
    values[name] = value
  }
  if (problems.length > 0)
    throw new Fault('settings_invalid', describe(problems), { fields: problems })
  return {
    values: Object.freeze(values) as SettingsOf<Table>,
    words,
    origins: origins as LoadedSettings<Table>['origins'],
  }
}

function describe(problems: readonly FieldProblem[]): string {
  const lines = problems.map(({ field, value, expected, line }) => {
    const where = line === undefined ? field : `line ${line}: ${field}`
    return value === undefined
      ? `${where}: ${expected}`
      : `${where}: got ${JSON.stringify(value)}, expected ${expected}`
  })
  return `the settings are not valid\n  ${lines.join('\n  ')}`
}

function readFlags(
  table: SettingsTable,
  flags: readonly string[],
  problems: FieldProblem[],
): { given: Map<string, unknown>; words: string[] } {
  const byFlag = new Map(
    Object.entries(table)
      .filter(([, { kind }]) => kind !== 'records')
      .map(([name, setting]) => [flagOf(name, setting), name]),
  )
  const given = new Map<string, unknown>()
  const words: string[] = []
  for (let at = 0; at < flags.length; at++) {
    const word = flags[at] as string
    if (!word.startsWith('--')) {
      words.push(word)
      continue
    }
    const equals = word.indexOf('=')
    const flag = equals < 0 ? word.slice(2) : word.slice(2, equals)
    const name = byFlag.get(flag)
    const setting = name === undefined ? undefined : table[name]
    if (name === undefined || !setting) {
      const negated = flag.startsWith('no-') ? byFlag.get(flag.slice(3)) : undefined
      if (negated !== undefined && table[negated]?.kind === 'boolean') given.set(negated, false)
      else problems.push({ field: word, expected: unknownName(flag, [...byFlag.keys()], '--') })
      continue
    }
    const next = flags[at + 1]
    if (equals >= 0) given.set(name, word.slice(equals + 1))
    else if (setting.kind === 'boolean')
      given.set(name, next === 'true' || next === 'false' ? flags[++at] : true)
    else if (next === undefined || next.startsWith('--'))
      problems.push({ field: word, expected: `needs a value: ${accepted(setting)}` })
    else given.set(name, flags[++at])
  }
  return { given, words }
}

function refuseUnknownEnv(
  table: SettingsTable,
  sources: SettingSources,
  problems: FieldProblem[],
): void {
  const known = new Set([
    ...Object.entries(table).map(([name, setting]) => envOf(name, setting)),
    ...(sources.foreignEnv ?? []),
  ])
  for (const name of Object.keys(sources.env)) {
    if (name.startsWith('SPATE_') && !known.has(name)) {
      problems.push({ field: name, expected: unknownName(name, [...known], '') })
    }
  }
}
