/**
 * Settings: one table a program. The table is the only place a setting is described; parsing,
 * refusal, `--help`, the redacted print and the reference page are all made from it.
 *
 * Order of sources: flag, then environment, then the file, then the default.
 * Names: `bodyBytesMax` is the flag `--body-bytes-max`, the variable `SPATE_BODY_BYTES_MAX` and
 * the file key `bodyBytesMax` under the program's name (or at the top, for all programs).
 */

/** How a value is written and checked. */
export type SettingKind =
  | 'integer'
  | 'number'
  | 'duration'
  | 'bytes'
  | 'boolean'
  | 'choice'
  | 'string'
  | 'url'
  | 'list'
  | 'records'

/** One row of a settings table. Durations are held in ms (`60s`, `1.5h`), sizes in bytes (`64MiB`). */
export interface Setting<Value> {
  readonly kind: SettingKind
  /** Used where nothing sets it. `undefined` marks a setting that may stay unset. */
  readonly default: Value
  /** One sentence: what it does and why somebody would change it. */
  readonly why: string
  /** Range of a number, both ends taken. */
  readonly min?: number
  readonly max?: number
  readonly choices?: readonly string[]
  readonly pattern?: RegExp
  /** What the pattern means, for the refusal: `host:port`. */
  readonly expected?: string
  /** What the number counts: `ms`, `bytes`, `requests`. */
  readonly unit?: string
  /** True where a member of `records` is refused without it. */
  readonly required?: boolean
  /** What each member of `records` is made of. */
  readonly rows?: SettingsTable
  /** Never printed. */
  readonly secret?: boolean
  /** Flag in place of the one derived from the name, without dashes. */
  readonly flag?: string
  /** Variable in place of the one derived from the name. */
  readonly env?: string
}

/** Any row, whatever it holds. */
export type AnySetting = Setting<unknown>

/** A program's settings by name. */
export type SettingsTable = Readonly<Record<string, AnySetting>>

/** The table of an interface: `export const edgeSettings: TableOf<EdgeSettings> = { ... }`. */
export type TableOf<Values> = { readonly [Name in keyof Values]: Setting<Values[Name]> }

/** The values a table yields, frozen. */
export type SettingsOf<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never
}

type Options = Partial<Pick<AnySetting, 'unit' | 'secret' | 'flag' | 'env'>>
type TextOptions = Options & Partial<Pick<AnySetting, 'pattern' | 'expected' | 'required'>>

/** A number, or a number that may stay unset, by the default that is given. */
type NumberRow<V> = Setting<V extends number ? number : number | undefined>
type TextRow<V> = Setting<V extends string ? string : string | undefined>

/** A whole number from `min` to `max`. */
export function integer<V extends number | undefined>(
  value: V,
  min: number,
  max: number,
  why: string,
  options: Options = {},
): NumberRow<V> {
  return { kind: 'integer', default: value, min, max, why, ...options } as NumberRow<V>
}

/** A number from `min` to `max`. */
export function decimal<V extends number | undefined>(
  value: V,
  min: number,
  max: number,
  why: string,
  options: Options = {},
): NumberRow<V> {
  return { kind: 'number', default: value, min, max, why, ...options } as NumberRow<V>
}

/** A duration in ms; written `250ms`, `60s`, `5m`, `1h`, `7d`. A bare number is ms. */
export function duration<V extends number | undefined>(
  value: V,
  min: number,
  max: number,
  why: string,
  options: Options = {},
): NumberRow<V> {
  return { kind: 'duration', default: value, min, max, why, unit: 'ms', ...options } as NumberRow<V>
}

/** A size in bytes; written `512`, `64KiB`, `1.5GiB`, `10MB`. */
export function bytes<V extends number | undefined>(
  value: V,
  min: number,
  max: number,
  why: string,
  options: Options = {},
): NumberRow<V> {
  return { kind: 'bytes', default: value, min, max, why, unit: 'bytes', ...options } as NumberRow<V>
}

/** On or off; a bare flag means on, `--no-<flag>` off. */
export function toggle(value: boolean, why: string, options: Options = {}): Setting<boolean> {
  return { kind: 'boolean', default: value, why, ...options }
}

/** Text, checked against `options.pattern` where one is given. */
export function text<V extends string | undefined>(
  value: V,
  why: string,
  options: TextOptions = {},
): TextRow<V> {
  return { kind: 'string', default: value, why, ...options } as TextRow<V>
}

/** An absolute URL, kept as the text that was given. */
export function url<V extends string | undefined>(
  value: V,
  why: string,
  options: TextOptions = {},
): TextRow<V> {
  return { kind: 'url', default: value, why, ...options } as TextRow<V>
}

/** Texts separated by commas, or a YAML list. */
export function list(
  value: readonly string[],
  why: string,
  options: TextOptions = {},
): Setting<readonly string[]> {
  return { kind: 'list', default: value, why, ...options }
}

/** A YAML list of mappings, each with the values of `rows`; only in the settings file. */
export function records<Values>(rows: TableOf<Values>, why: string): Setting<readonly Values[]> {
  return { kind: 'records', default: [], rows, why }
}

/** One of `choices`. */
export function choice<const C extends string>(
  value: C,
  choices: readonly C[],
  why: string,
  options: Options = {},
): Setting<C> {
  return { kind: 'choice', default: value, choices, why, ...options }
}

/** `bodyBytesMax` -> `body-bytes-max`. */
export function flagOf(name: string, setting: AnySetting): string {
  return setting.flag ?? name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `bodyBytesMax` -> `SPATE_BODY_BYTES_MAX`. */
export function envOf(name: string, setting: AnySetting): string {
  return setting.env ?? `SPATE_${flagOf(name, setting).replaceAll('-', '_').toUpperCase()}`
}

/** What a row accepts, in words: `a whole number from 1 to 65535`. */
export function accepted(setting: AnySetting): string {
  switch (setting.kind) {
    case 'integer':
      return `a whole number from ${setting.min ?? 0} to ${setting.max ?? 0}`
    case 'number':
      return `a number from ${setting.min ?? 0} to ${setting.max ?? 0}`
    case 'duration':
      return `a duration from ${writeDuration(setting.min ?? 0)} to ${writeDuration(setting.max ?? 0)}, like 250ms, 60s or 5m`
    case 'bytes':
      return `a size from ${writeBytes(setting.min ?? 0)} to ${writeBytes(setting.max ?? 0)}, like 512, 64KiB or 1GiB`
    case 'choice':
      return `one of ${(setting.choices ?? []).join(', ')}`
    case 'boolean':
      return 'true or false'
    case 'url':
      return setting.expected ?? 'an absolute URL like http://127.0.0.1:8083'
    case 'list':
      return setting.expected ?? 'texts separated by commas'
    case 'string':
      return setting.expected ?? 'text'
    case 'records':
      return 'a list of mappings, in the settings file'
  }
}

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const byteUnits: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
}

/** `90000` -> `90s`: the largest unit that leaves no fraction. */
export function writeDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const size = durationUnits[unit] as number
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`
  }
  return `${ms}ms`
}

/** `67108864` -> `64MiB`: the largest binary unit that leaves no fraction. */
export function writeBytes(count: number): string {
  for (const [unit, size] of [
    ['TiB', 1024 ** 4],
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (count >= size && count % size === 0) return `${count / size}${unit}`
  }
  return `${count}`
}

/** Reads one value for `setting`; undefined where it is not acceptable. */
export function readSetting(setting: AnySetting, raw: unknown): unknown {
  switch (setting.kind) {
    case 'integer':
    case 'number': {
      const value =
        typeof raw === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(raw)
          ? Number(raw)
          : raw
      return inRange(setting, value)
    }
    case 'duration':
      return inRange(setting, scaled(raw, /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/, durationUnits, 'ms'))
    case 'bytes':
      return inRange(setting, scaled(raw, /^(\d+(?:\.\d+)?) ?([kmgt]i?b|b)?$/i, byteUnits, 'b'))
    case 'boolean':
      if (raw === true || raw === 'true' || raw === '1' || raw === 'on' || raw === 'yes')
        return true
      if (raw === false || raw === 'false' || raw === '0' || raw === 'off' || raw === 'no')
        return false
      return undefined
    case 'choice':
      return typeof raw === 'string' && setting.choices?.includes(raw) ? raw : undefined
    case 'list': {
      const parts = typeof raw === 'string' ? raw.split(',').map((part) => part.trim()) : raw
      if (!Array.isArray(parts)) return undefined
      const texts = parts.filter((part): part is string => typeof part === 'string' && part !== '')
      if (texts.length !== parts.filter((part) => part !== '').length) return undefined
      return setting.pattern && !texts.every((part) => setting.pattern?.test(part))
        ? undefined
        : Object.freeze(texts)
    }
    case 'records':
      // Read by the loader, which knows where in the file each member stands.
      return undefined
    case 'url':
    case 'string': {
      const value = typeof raw === 'number' ? String(raw) : raw
      if (typeof value !== 'string') return undefined
      if (setting.kind === 'url' && !URL.canParse(value)) return undefined
      return setting.pattern && !setting.pattern.test(value) ? undefined : value
    }
  }
}

function inRange(setting: AnySetting, value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  if (setting.kind !== 'number' && !Number.isInteger(value)) return undefined
  return value >= (setting.min ?? -Infinity) && value <= (setting.max ?? Infinity)
    ? value
    : undefined
}

function scaled(
  raw: unknown,
  form: RegExp,
  units: Readonly<Record<string, number>>,
  plain: string,
): unknown {
  if (typeof raw === 'number') return raw
  const match = typeof raw === 'string' ? form.exec(raw.trim()) : null
  if (!match) return undefined
  return Number(match[1]) * (units[(match[2] ?? plain).toLowerCase()] ?? Number.NaN)
}
