import {
  accepted,
  envOf,
  flagOf,
  writeBytes,
  writeDuration,
  type AnySetting,
  type SettingsOf,
  type SettingsTable,
} from './settings.ts'

/** The values as they may be printed: secrets as `***`. */
export function redacted<Table extends SettingsTable>(
  table: Table,
  values: SettingsOf<Table>,
): Record<string, unknown> {
  const printed: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(table)) {
    const value = values[name]
    printed[name] = setting.secret && value !== undefined && value !== '' ? '***' : value
  }
  return printed
}

/** `value` in the notation a person would type: `60s`, `64MiB`, `a, b`; `-` where it is unset. */
export function writeValue(setting: AnySetting, value: unknown): string {
  if (value === undefined || value === '') return '-'
  if (setting.kind === 'records')
    return Array.isArray(value) && value.length > 0 ? `${value.length} in the file` : '-'
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(',')
  if (typeof value === 'number' && setting.kind === 'duration') return writeDuration(value)
  if (typeof value === 'number' && setting.kind === 'bytes') return writeBytes(value)
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The flags of a table as lines of `--help`, widest flag first aligned, wrapped by the terminal. */
export function helpLines(table: SettingsTable): readonly string[] {
  const flags = Object.entries(table).filter(([, { kind }]) => kind !== 'records')
  const rows = flags.map(([name, setting]) => {
    const flag = `--${flagOf(name, setting)}`
    const form = setting.kind === 'boolean' ? flag : `${flag} ${placeholder(setting)}`
    const fallback =
      setting.default === undefined || setting.secret
        ? ''
        : ` [${writeValue(setting, setting.default)}]`
    return [form, `${setting.why}${fallback}`] as const
  })
  const width = Math.min(34, Math.max(...rows.map(([form]) => form.length)))
  return rows.map(([form, why]) => `  ${form.padEnd(width)}  ${why}`)
}

function placeholder(setting: AnySetting): string {
  switch (setting.kind) {
    case 'choice':
      return (setting.choices ?? []).join('|')
    case 'duration':
      return 'TIME'
    case 'bytes':
      return 'SIZE'
    case 'integer':
    case 'number':
      return 'N'
    case 'url':
      return 'URL'
    case 'list':
      return 'A,B'
    case 'boolean':
    case 'string':
    case 'records':
      return 'TEXT'
  }
}

/** A table of the reference page: one row a setting, in Markdown. */
export function settingsMarkdown(table: SettingsTable): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const rows = Object.entries(table).map(([name, setting]) => {
    const fallback = setting.secret ? 'secret' : `\`${writeValue(setting, setting.default)}\``
    const names =
      setting.kind === 'records'
        ? `\`${name}\``
        : `\`${name}\`<br>\`--${flagOf(name, setting)}\`<br>\`${envOf(name, setting)}\``
    return `| ${names} | ${fallback} | ${cell(accepted(setting))} | ${cell(setting.why)} |`
  })
  return [
    '| setting, flag, variable | default | accepts | why |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}
