import { writeValue } from './settings-print.ts'
import { accepted, type AnySetting, type SettingsTable } from './settings.ts'

/** A JSON Schema (draft 2020-12) as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** The schema of a settings file: `tables` by section; `shared` names may stand at the top too. */
export function settingsFileSchema(
  tables: ReadonlyMap<string, SettingsTable>,
  about: { readonly id: string; readonly title: string },
): JsonSchema {
  const top: Record<string, unknown> = {}
  for (const table of tables.values()) {
    for (const [name, setting] of Object.entries(table)) {
      // A name that means different things to two programs is checked by each of them.
      const schema = settingSchema(setting)
      const other = top[name]
      top[name] =
        other === undefined || JSON.stringify(other) === JSON.stringify(schema) ? schema : {}
    }
  }
  for (const [section, table] of tables) top[section] = sectionSchema(table)
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: about.id,
    title: about.title,
    type: ['object', 'null'],
    properties: top,
    additionalProperties: false,
  }
}

function sectionSchema(table: SettingsTable): JsonSchema {
  return { ...tableSchema(table), type: ['object', 'null'] }
}

/** The schema of a mapping with the names of `table`. */
function tableSchema(table: SettingsTable): JsonSchema {
  const required = Object.entries(table).flatMap(([name, row]) => (row.required ? [name] : []))
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(table).map(([name, setting]) => [name, settingSchema(setting)]),
    ),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  }
}

function settingSchema(setting: AnySetting): JsonSchema {
  const { why, kind } = setting
  const fallback = setting.secret || kind === 'records' ? undefined : setting.default
  return {
    description: `${why} (${accepted(setting)})`,
    ...(fallback === undefined ? {} : { default: plain(setting, fallback) }),
    ...valueSchema(setting),
  }
}

function valueSchema(setting: AnySetting): JsonSchema {
  const { min, max, pattern, rows = {} } = setting
  const range = { minimum: min, maximum: max }
  const source = pattern?.source
  switch (setting.kind) {
    case 'integer':
    case 'number': {
      const number = { type: setting.kind, ...range }
      return { anyOf: [number, { type: 'string', pattern: '^[+-]?[0-9.]+([eE][+-]?[0-9]+)?$' }] }
    }
    case 'duration':
      return {
        anyOf: [
          { type: 'integer', ...range },
          { type: 'string', pattern: '^\\s*[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)?\\s*$' },
        ],
      }
    case 'bytes':
      return {
        anyOf: [
          { type: 'integer', ...range },
          { type: 'string', pattern: '^\\s*[0-9]+(\\.[0-9]+)? ?([kKmMgGtT][iI]?[bB]|[bB])?\\s*$' },
        ],
      }
    case 'boolean':
      return { enum: [true, false, 'true', 'false', '1', '0', 'on', 'off', 'yes', 'no'] }
    case 'choice':
      return { enum: setting.choices }
    case 'list':
      return {
        anyOf: [
          { type: 'string' },
          { type: 'array', items: { type: 'string', ...(source ? { pattern: source } : {}) } },
        ],
      }
    case 'records':
      return { type: 'array', items: tableSchema(rows) }
    case 'url':
    case 'string':
      return { type: ['string', 'number'], ...(source ? { pattern: source } : {}) }
  }
}

/** A default as it would stand in the file: numbers and lists as they are, times and sizes in units. */
function plain(setting: AnySetting, value: unknown): unknown {
  return setting.kind === 'duration' || setting.kind === 'bytes'
    ? writeValue(setting, value)
    : value
}
