/**
 * What `JSON.parse` does not tell: how deep a text nests, and whether an object names a member
 * twice (RFC 8259 section 4 leaves that to us; two readers that pick different ones are a hole).
 *
 * Naive way: an own parser with a set of names an object; 5 times the cost of `JSON.parse`. Ours:
 * count the members in the text and in the parsed value; the counts differ only where a name came
 * twice. The name itself is looked for only then.
 */

/** What one pass over the text found. */
export interface JsonShape {
  /** Deepest nesting of objects and lists; 0 for a bare scalar. */
  readonly depth: number
  /** Members of all objects: colons outside texts. */
  readonly members: number
  /** True where a text has an escape: it may hide an unpaired surrogate. */
  readonly escapes: boolean
}

const quote = 0x22
const backslash = 0x5c

/** Shape of `bytes`, which need not be valid JSON. Stops at `depthMax + 1`. O(bytes). */
export function jsonShape(bytes: Uint8Array, depthMax: number): JsonShape {
  let depth = 0
  let deepest = 0
  let members = 0
  let escapes = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === quote) {
      for (at++; at < bytes.length; at++) {
        const inner = bytes[at] as number
        if (inner === quote) break
        if (inner === backslash) {
          escapes = true
          at++
        }
      }
    } else if (byte === 0x3a) members++
    else if (byte === 0x7b || byte === 0x5b) {
      depth++
      if (depth > deepest) {
        deepest = depth
        if (depth > depthMax) break
      }
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return { depth: deepest, members, escapes }
}

/**
 * Members of all objects of a parsed value; NaN where it holds an infinite number (`1e999`), so
 * that one comparison finds both flaws. Recursion is bounded by the depth check before it.
 */
export function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null)
    return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY ? Number.NaN : 0
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item !== 'string') count += countMembers(item)
    return count
  }
  for (const name in value) {
    count++
    const item = (value as Record<string, unknown>)[name]
    if (typeof item !== 'string') count += countMembers(item)
  }
  return count
}

/** Path of the first infinite number; undefined where there is none. `path` is that of `value`. */
export function findInfinite(value: unknown, path: string): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path || 'body'
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, item] of Object.entries(value)) {
    const found = findInfinite(item, memberPath(path, name, Array.isArray(value)))
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * Path of the first text with an unpaired surrogate (it cannot be written as UTF-8; RFC 7493
 * section 2.1); undefined where there is none. `path` is that of `value`.
 */
export function findSurrogate(value: unknown, path: string): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : path || 'body'
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, item] of Object.entries(value)) {
    if (!name.isWellFormed()) return path || 'body'
    const found = findSurrogate(item, memberPath(path, name, Array.isArray(value)))
    if (found !== undefined) return found
  }
  return undefined
}

/** `items` + 2 -> `items[2]`; `items[2]` + `quantity` -> `items[2].quantity`. */
export function memberPath(path: string, name: string, ofList: boolean): string {
  if (ofList) return `${path}[${name}]`
  return path === '' ? name : `${path}.${name}`
}

/** Path of the first member named twice in `text`, which is valid JSON. O(text). */
export function findDuplicate(text: string): string | undefined {
  interface Level {
    readonly path: string
    readonly names: Set<string> | undefined
    index: number
    name: string
  }
  const levels: Level[] = []
  const pathNow = (): string => {
    const level = levels.at(-1)
    if (!level) return ''
    return level.names
      ? memberPath(level.path, level.name, false)
      : memberPath(level.path, String(level.index), true)
  }
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    const level = levels.at(-1)
    if (char === '"') {
      const from = at
      for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++
      if (!level?.names) continue
      let next = at + 1
      while (' \t\r\n'.includes(text[next] ?? 'x')) next++
      if (text[next] !== ':') continue
      level.name = JSON.parse(text.slice(from, at + 1)) as string
      if (level.names.has(level.name)) return pathNow()
      level.names.add(level.name)
    } else if (char === '{') levels.push({ path: pathNow(), names: new Set(), index: 0, name: '' })
    else if (char === '[') levels.push({ path: pathNow(), names: undefined, index: 0, name: '' })
    else if (char === '}' || char === ']') levels.pop()
    else if (char === ',' && level && !level.names) level.index++
  }
  return undefined
}
