import { LineCounter, parseDocument, type Document } from 'yaml'
import { shown, type FieldProblem } from './fault.ts'
import { nearest } from './nearest.ts'
import { accepted, readSetting, type AnySetting, type SettingsTable } from './settings.ts'

/** A settings file and whose names stand in it. */
export interface SettingsText {
  /** The program: its section of the file, and its name in messages. */
  readonly program: string
  /** Text of the settings file (YAML); absent where there is none. */
  readonly file?: string
  /** Sections of the file that belong to other programs and are passed over here. */
  readonly sections?: readonly string[]
  /** Names at the top of the file that belong to other tables and are passed over here. */
  readonly foreignNames?: readonly string[]
}

/** A value of the settings file and where it stands. */
export interface FiledValue {
  readonly value: unknown
  /** As a person would write it: `edge.sites[0].hosts`. */
  readonly path: string
  /** From 1; undefined where it is not known. */
  readonly line: number | undefined
  /** Finds the line of what lies below. */
  readonly lineOf: LineOf
}

type Key = string | number
type LineOf = (below: readonly Key[]) => number | undefined

/** Reads the settings file's text: the names of `table` at the top and in the program's section. */
export function readSettingsText(
  table: SettingsTable,
  sources: SettingsText,
  problems: FieldProblem[],
): Map<string, FiledValue> {
  const found = new Map<string, FiledValue>()
  if (sources.file === undefined) return found
  const lines = new LineCounter()
  const options = { uniqueKeys: true, lineCounter: lines }
  const document = parseDocument(sources.file, options)
  const first = document.errors[0]
  if (first) {
    problems.push({
      field: 'file',
      expected: `YAML that can be read (${first.message.split('\n')[0]})`,
    })
    return found
  }
  const root = rootOf(document, problems)
  const lineOf = (path: readonly Key[]): number | undefined => lineAt(document, lines, path)
  const sections = new Set([sources.program, ...(sources.sections ?? [])])
  const foreign = new Set(sources.foreignNames)
  const take = (from: Record<string, unknown>, above: readonly string[]): void => {
    const shared = above.length === 0
    for (const [name, value] of Object.entries(from)) {
      if (shared && sections.has(name)) continue
      const path = [...above, name]
      if (Object.hasOwn(table, name))
        found.set(name, {
          value,
          path: path.join('.'),
          line: lineOf(path),
          lineOf: (below) => lineOf([...path, ...below]),
        })
      else if (shared && foreign.has(name)) continue
      else
        problems.push(
          lined(
            { field: path.join('.'), expected: unknownName(name, Object.keys(table), '') },
            lineOf(path),
          ),
        )
    }
  }
  take(root, [])
  const own = root[sources.program]
  if (isRecord(own)) take(own, [sources.program])
  else if (own !== undefined && own !== null)
    problems.push({ field: sources.program, value: shown(own), expected: 'names with values' })
  return found
}

/** Reads a list of mappings by the rows of `setting`; every problem names its place. */
export function readRecords(
  setting: AnySetting,
  filed: FiledValue,
  problems: FieldProblem[],
): readonly object[] {
  const { value, path, lineOf } = filed
  if (!Array.isArray(value)) {
    problems.push(
      lined({ field: path, value: shown(value), expected: accepted(setting) }, filed.line),
    )
    return []
  }
  return Object.freeze(
    value.map((member: unknown, at) =>
      readRecord(
        setting.rows ?? {},
        {
          value: member,
          path: `${path}[${at}]`,
          line: lineOf([at]),
          lineOf: (below) => lineOf([at, ...below]),
        },
        problems,
      ),
    ),
  )
}

function readRecord(rows: SettingsTable, filed: FiledValue, problems: FieldProblem[]): object {
  const { value, path, lineOf } = filed
  if (!isRecord(value)) {
    problems.push(
      lined({ field: path, value: shown(value), expected: 'names with values' }, filed.line),
    )
    return {}
  }
  const read: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(rows)) read[name] = setting.default
  for (const [name, raw] of Object.entries(value)) {
    const setting = Object.hasOwn(rows, name) ? rows[name] : undefined
    const field = `${path}.${name}`
    const line = lineOf([name])
    if (!setting) {
      problems.push(lined({ field, expected: unknownName(name, Object.keys(rows), '') }, line))
    } else if (setting.kind === 'records') {
      const below = {
        value: raw,
        path: field,
        line,
        lineOf: (to: readonly Key[]) => lineOf([name, ...to]),
      }
      read[name] = readRecords(setting, below, problems)
    } else {
      read[name] = readSetting(setting, raw)
      if (read[name] === undefined)
        problems.push(lined({ field, value: shown(raw), expected: accepted(setting) }, line))
    }
  }
  for (const [name, setting] of Object.entries(rows)) {
    if (setting.required && !Object.hasOwn(value, name))
      problems.push(lined({ field: `${path}.${name}`, expected: accepted(setting) }, filed.line))
  }
  return Object.freeze(read)
}

/** What to say of a name that is not known; the nearest known one is suggested. */
export function unknownName(name: string, known: readonly string[], prefix: string): string {
  const near = nearest(name, known)
  return near === undefined
    ? 'not a known name; see --help'
    : `not a known name; did you mean ${prefix}${near}?`
}

function rootOf(document: Document, problems: FieldProblem[]): Record<string, unknown> {
  const root: unknown = document.toJS({ maxAliasCount: 0 }) ?? {}
  if (isRecord(root)) return root
  problems.push({ field: 'file', value: shown(root), expected: 'names with values' })
  return {}
}

function lineAt(document: Document, lines: LineCounter, path: readonly Key[]): number | undefined {
  const node: unknown = document.getIn(path, true)
  if (typeof node !== 'object' || node === null || !('range' in node)) return undefined
  const { range } = node
  return Array.isArray(range) ? lines.linePos(Number(range[0])).line : undefined
}

function lined(problem: FieldProblem, line: number | undefined): FieldProblem {
  return line === undefined ? problem : { ...problem, line }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
