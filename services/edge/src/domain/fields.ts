/** Header fields as a flat list: lower-case name, value, name, value, in order of arrival. */
export type FieldList = readonly string[]

/** Reads the combined value of a field by lower-case name; undefined where absent. */
export interface FieldSource {
  get(name: string): string | undefined
}

/** Every line of `name` (lower case), in order; empty where absent. O(fields). */
export function fieldLines(list: FieldList, name: string): string[] {
  const lines: string[] = []
  for (let at = 0; at < list.length; at += 2) {
    if (list[at] === name) lines.push(list[at + 1] as string)
  }
  return lines
}

/** Lines of `name` (lower case) joined by `, ` (RFC 9110 section 5.3); undefined where absent. O(fields). */
export function fieldValue(list: FieldList, name: string): string | undefined {
  let value: string | undefined
  for (let at = 0; at < list.length; at += 2) {
    if (list[at] !== name) continue
    value = value === undefined ? (list[at + 1] as string) : `${value}, ${list[at + 1] as string}`
  }
  return value
}

/** `list` as a source of combined values. O(fields) a read. */
export function fieldSource(list: FieldList): FieldSource {
  return { get: (name) => fieldValue(list, name) }
}

/** `list` without the fields in `names` (lower case); a new list. */
export function withoutFields(list: FieldList, names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let at = 0; at < list.length; at += 2) {
    if (!names.has(list[at] as string)) kept.push(list[at] as string, list[at + 1] as string)
  }
  return kept
}

/** `list` with all lines of `name` replaced by one; a new list. */
export function withField(list: FieldList, name: string, value: string): string[] {
  const next = withoutFields(list, new Set([name]))
  next.push(name, value)
  return next
}

/** Names to lower case, values with outer blanks removed; a new list. */
export function lowered(list: readonly string[]): string[] {
  const next = Array.from<string>({ length: list.length })
  for (let at = 0; at < list.length; at += 2) {
    next[at] = (list[at] as string).toLowerCase()
    next[at + 1] = (list[at + 1] as string).trim()
  }
  return next
}

/**
 * Members of a comma-separated list (RFC 9110 section 5.6.1), trimmed, empty ones left out. A
 * comma inside a quoted string does not separate.
 */
export function listMembers(value: string | undefined): string[] {
  if (value === undefined) return []
  if (!value.includes('"')) {
    return value
      .split(',')
      .map((member) => member.trim())
      .filter((member) => member !== '')
  }
  const members: string[] = []
  let start = 0
  let quoted = false
  for (let at = 0; at <= value.length; at++) {
    const letter = value[at]
    if (quoted && letter === '\\') at++
    else if (letter === '"') quoted = !quoted
    else if (at >= value.length || (letter === ',' && !quoted)) {
      const member = value.slice(start, at).trim()
      if (member !== '') members.push(member)
      start = at + 1
    }
  }
  return members
}

/** The text inside a quoted string (RFC 9110 section 5.6.4); `value` itself where it is not quoted. */
export function unquoted(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value
  return value.slice(1, -1).replaceAll(/\\(.)/g, '$1')
}
